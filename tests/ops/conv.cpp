// SPDX-License-Identifier: MIT
// Convolutions against PyTorch and against plain loops, and their gradients.
#include "thrustgrad/ops/conv.h"

#include <doctest/doctest.h>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace conv_test {

namespace tg = thrustgrad;
using tg::index_t;
using tg::Shape;

template <class T> tg::Tensor<T> generic(const Shape& shape, int seed) {
  return tg::cast<T>(tg::from_host(golden::formula(shape.numel(), seed), shape));
}

/// sum(y * formula(9)): the objective whose gradients PyTorch recorded.
template <class Y> auto weighted(const Y& y) {
  return tg::sum(y * tg::from_host(golden::formula(y.numel(), 9), y.shape));
}

struct Expected {
  std::span<const double> y, gx, gw;
};

void compare(const Shape& x_shape, const Shape& w_shape, tg::Window window,
             const Expected& expected) {
  const auto x = generic<double>(x_shape, 1), w = generic<double>(w_shape, 2);
  const auto y = tg::conv2d(x, w, window);
  CHECK(golden::mismatch(tg::to_host(y), expected.y) < 1e-9);
  const auto [gx, gw] = tg::grad(
      [&](auto& a, auto& b) { return weighted(tg::conv2d(a, b, window)); }, std::tuple(x, w));
  CHECK(golden::mismatch(tg::to_host(gx), expected.gx) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gw), expected.gw) < 1e-9);
}

#define COMPARE(k, s, p, d)                                                       \
  SUBCASE("kernel " #k ", stride " #s ", padding " #p ", dilation " #d)           \
  compare({2, 7, 9, 3}, {4, k, k, 3}, {.stride = s, .padding = p, .dilation = d}, \
          {golden::conv2d_k##k##_s##s##_p##p##_d##d##_y,                          \
           golden::conv2d_k##k##_s##s##_p##p##_d##d##_gx,                         \
           golden::conv2d_k##k##_s##s##_p##p##_d##d##_gw})

TEST_CASE("conv2d has PyTorch's values and gradients for every window") {
  COMPARE(1, 1, 0, 1);
  COMPARE(1, 1, 1, 1);
  COMPARE(1, 1, 2, 1);
  COMPARE(1, 2, 0, 1);
  COMPARE(1, 2, 1, 1);
  COMPARE(1, 2, 2, 1);
  COMPARE(2, 1, 0, 1);
  COMPARE(2, 1, 0, 2);
  COMPARE(2, 1, 1, 1);
  COMPARE(2, 1, 1, 2);
  COMPARE(2, 1, 2, 1);
  COMPARE(2, 1, 2, 2);
  COMPARE(2, 2, 0, 1);
  COMPARE(2, 2, 0, 2);
  COMPARE(2, 2, 1, 1);
  COMPARE(2, 2, 1, 2);
  COMPARE(2, 2, 2, 1);
  COMPARE(2, 2, 2, 2);
  COMPARE(3, 1, 0, 1);
  COMPARE(3, 1, 0, 2);
  COMPARE(3, 1, 1, 1);
  COMPARE(3, 1, 1, 2);
  COMPARE(3, 1, 2, 1);
  COMPARE(3, 1, 2, 2);
  COMPARE(3, 2, 0, 1);
  COMPARE(3, 2, 0, 2);
  COMPARE(3, 2, 1, 1);
  COMPARE(3, 2, 1, 2);
  COMPARE(3, 2, 2, 1);
  COMPARE(3, 2, 2, 2);
  COMPARE(5, 1, 0, 1);
  COMPARE(5, 1, 1, 1);
  COMPARE(5, 1, 1, 2);
  COMPARE(5, 1, 2, 1);
  COMPARE(5, 1, 2, 2);
  COMPARE(5, 2, 0, 1);
  COMPARE(5, 2, 1, 1);
  COMPARE(5, 2, 1, 2);
  COMPARE(5, 2, 2, 1);
  COMPARE(5, 2, 2, 2);
  SUBCASE("many channels") {
    compare({33, 6, 5, 24}, {40, 3, 3, 24}, {.padding = 1},
            {golden::conv2d_wide_y, golden::conv2d_wide_gx, golden::conv2d_wide_gw});
  }
  SUBCASE("many channels, stride 2") {
    compare({33, 6, 5, 24}, {40, 3, 3, 24}, {.stride = 2, .padding = 1},
            {golden::conv2d_wide_s2_y, golden::conv2d_wide_s2_gx, golden::conv2d_wide_s2_gw});
  }
}
#undef COMPARE

template <class T>
tg::Tensor<T> integers(const Shape& shape, int seed) {  // small ones, so that every sum is exact
  std::vector<T> v;
  for (double x : golden::formula(shape.numel(), seed)) v.push_back(T(float(int(x * 3.9))));
  return tg::from_host(v, shape);
}

/// y[n, p, q, k] by plain loops.
std::vector<float> slow_conv2d(const tg::Tensor<float>& x, const tg::Tensor<float>& w,
                               tg::Window v) {
  const auto a = tg::to_host(x), b = tg::to_host(w);
  const index_t n = x.size(0), h = x.size(1), wd = x.size(2), c = x.size(3), k = w.size(0),
                r = w.size(1), s = w.size(2);
  const index_t p = (h + 2 * v.padding - v.dilation * (r - 1) - 1) / v.stride + 1;
  const index_t q = (wd + 2 * v.padding - v.dilation * (s - 1) - 1) / v.stride + 1;
  std::vector<float> y;
  for (index_t in = 0; in < n; ++in)
    for (index_t ip = 0; ip < p; ++ip)
      for (index_t iq = 0; iq < q; ++iq)
        for (index_t ik = 0; ik < k; ++ik) {
          float sum = 0;
          for (index_t ir = 0; ir < r; ++ir)
            for (index_t is = 0; is < s; ++is)
              for (index_t ic = 0; ic < c; ++ic) {
                const index_t i = ip * v.stride + ir * v.dilation - v.padding,
                              j = iq * v.stride + is * v.dilation - v.padding;
                if (i < 0 || i >= h || j < 0 || j >= wd) continue;
                sum += a[std::size_t(((in * h + i) * wd + j) * c + ic)] *
                       b[std::size_t(((ik * r + ir) * s + is) * c + ic)];
              }
          y.push_back(sum);
        }
  return y;
}

TEST_CASE("conv2d is exact on small integers, in float and in the 16-bit types, for ragged sizes") {
  struct Case {
    Shape x, w;
    tg::Window window;
  };
  const std::vector<Case> cases{{{1, 3, 3, 1}, {1, 3, 3, 1}, {}},
                                {{5, 8, 7, 17}, {33, 3, 3, 17}, {.padding = 1}},
                                {{3, 9, 9, 8}, {65, 1, 1, 8}, {.stride = 2}},
                                {{7, 6, 10, 3}, {31, 3, 2, 3}, {.stride = 2, .padding = 2}},
                                {{64, 4, 4, 32}, {16, 3, 3, 32}, {.padding = 1, .dilation = 2}}};
  for (const auto& [xs, ws, window] : cases) {
    const auto x = integers<float>(xs, 1), w = integers<float>(ws, 2);
    const auto expected = slow_conv2d(x, w, window);
    const auto y = tg::conv2d(x, w, window);
    CHECK(tg::detail::is_grid(y));
    CHECK(tg::to_host(y) == expected);
    CHECK(tg::to_host(tg::conv2d(tg::grid_major(x), w, window)) == expected);
    std::vector<float> rounded;
    for (float e : expected) rounded.push_back(tg::bf16(e));
    const auto narrow =
        tg::cast<float>(tg::conv2d(tg::cast<tg::bf16>(x), tg::cast<tg::bf16>(w), window));
    CHECK(tg::to_host(narrow) == rounded);
    const auto mixed = tg::cast<float>(tg::conv2d(tg::cast<tg::bf16>(x), w, window));
    CHECK(tg::to_host(mixed) == rounded);
  }
}

TEST_CASE("the three passes of a convolution are adjoint, exactly, on small integers") {
  const tg::Window window{.stride = 2, .padding = 1};
  const auto x = integers<double>({4, 7, 6, 5}, 1), w = integers<double>({6, 3, 3, 5}, 2);
  const auto y = tg::conv2d(x, w, window);
  const auto g = integers<double>(y.shape, 3);
  const auto [value, gradients] =
      tg::vjp([&](auto& a, auto& b) { return tg::conv2d(a, b, window); }, std::tuple(x, w), g);
  const double product = tg::sum(value * g).item();
  CHECK(product != 0);
  CHECK(tg::sum(x * std::get<0>(gradients)).item() == product);
  CHECK(tg::sum(w * std::get<1>(gradients)).item() == product);
}

TEST_CASE("windows and overlap_add are adjoint") {
  const tg::Window window{.stride = 2, .dilation = 2};
  const auto x = tg::grid_major(integers<double>({2, 9, 8, 3}, 1));
  const auto y = tg::windows(x, 3, 2, window);
  CHECK(y.shape == Shape{2, 3, 3, 3, 2, 3});
  const auto g = integers<double>(y.shape, 2);
  CHECK(tg::sum(y * g).item() == tg::sum(x * tg::overlap_add(g, x.shape, window)).item());
}

TEST_CASE("conv2d names both shapes and the likely cause of an error") {
  const auto x = tg::zeros<float>({2, 8, 8, 3}), w = tg::zeros<float>({4, 3, 3, 6});
  CHECK_THROWS_WITH_AS(
      tg::conv2d(x, w),
      "conv2d: x has 3 channels, weight (4, 3, 3, 6) expects 6 (k, r, s, c): x (2, 8, 8, 3)",
      tg::Error);
  CHECK_THROWS_WITH_AS(
      tg::conv2d(x, tg::zeros<float>({4, 9, 9, 3})),
      "conv2d: a kernel of 9 taps, dilated by 1, is larger than 8 cells with padding 0", tg::Error);
  CHECK_THROWS_AS(tg::conv2d(tg::zeros<float>({8, 8, 3}), w), tg::Error);
  CHECK_THROWS_AS(tg::conv2d(x, tg::zeros<float>({4, 3, 3, 3}), {.stride = 0}), tg::Error);
}

}  // namespace conv_test
}  // namespace
