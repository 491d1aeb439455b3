// SPDX-License-Identifier: MIT
// The primitive map: user functors of one or several operands and results, their automatic
// gradients, broadcasting, and the same bits for any number of threads.
#include "thrustgrad/ops/map.h"

#include <doctest/doctest.h>
#include <omp.h>

#include "gradient.h"
#include "thrustgrad/ops/compare.h"
#include "thrustgrad/ops/view.h"

namespace {
namespace map_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::positive;
using tg::Shape;

struct swish_fn {
  double slope;
  THRUSTGRAD_FN auto operator()(auto x) const { return x * tg::sigmoid(slope * x); }
};
struct blend_fn {
  THRUSTGRAD_FN auto operator()(auto a, auto b, auto t) const {
    return a + t * t * (b - a) / tg::exp(a);
  }
};
struct polar_fn {
  THRUSTGRAD_FN auto operator()(auto r, auto angle) const {
    return tg::pack{r * tg::cos(angle), r * tg::sin(angle)};
  }
};
struct masked_fn {
  THRUSTGRAD_FN auto operator()(auto x, bool keep, std::int64_t times) const {
    return tg::where(keep, x * static_cast<double>(times), x * 0);
  }
};
struct constant_fn {
  THRUSTGRAD_FN double operator()(auto) const { return 3; }
};
struct poly_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto y) const { return x * x - 3 * y; }
};

TEST_CASE("a functor's gradient needs no derivative of it") {
  tests::check_gradient([](auto& x) { return tg::map(swish_fn{1.5}, x); }, generic({3, 4}, 1, 3));
  tests::check_gradient([](auto& a, auto& b, auto& t) { return tg::map(blend_fn{}, a, b, t); },
                        generic({2, 3}, 1), generic({2, 3}, 2), generic({2, 3}, 3));
}

TEST_CASE("gradients of stretched operands are summed to their shapes") {
  for (const Shape& shape : {Shape{3}, Shape{2, 1}, Shape{1, 1, 3}, Shape{1}, Shape{}}) {
    CAPTURE(shape.str());
    tests::check_gradient([](auto& a, auto& b, auto& t) { return tg::map(blend_fn{}, a, b, t); },
                          generic({2, 2, 3}, 1), generic(shape, 2), generic({2, 1, 1}, 3));
  }
}

TEST_CASE("only the operands that are asked for get a gradient") {
  const auto a = generic({4}, 1), b = generic({4}, 2);
  tests::check_gradient([&](auto& t) { return tg::map(blend_fn{}, a, b, t); }, generic({3, 1}, 3));
  tests::check_gradient([&](auto& x, auto& t) { return tg::map(blend_fn{}, x, b, t); }, a,
                        generic({3, 1}, 3));
}

TEST_CASE("a functor with several results gives a tuple of tensors, and one gradient") {
  const auto r = positive({3}, 1), angle = generic({2, 3}, 2, 3);
  const auto [x, y] = tg::map(polar_fn{}, r, angle);
  CHECK(tg::to_host(x) == tg::to_host(r * tg::cos(angle)));
  CHECK(tg::to_host(y) == tg::to_host(r * tg::sin(angle)));
  tests::check_gradient(
      [](auto& p, auto& q) {
        const auto [c, s] = tg::map(polar_fn{}, p, q);
        return c * s + c;
      },
      r, angle);
  tests::check_gradient([](auto& p, auto& q) { return std::get<1>(tg::map(polar_fn{}, p, q)); }, r,
                        angle);
}

TEST_CASE("integer and bool operands steer a functor and have no gradient") {
  const auto keep = tg::from_host<bool>({true, false, true}, {3});
  const auto times = tg::from_host<std::int64_t>({2, 3, -4}, {3});
  const auto x = tg::from_host<double>({1, 2, 3}, {3});
  CHECK(tg::to_host(tg::map(masked_fn{}, x, keep, times)) == std::vector<double>{2, 0, -12});
  const auto g =
      tg::grad([&](auto& a) { return tg::sum(tg::map(masked_fn{}, a, keep, times)); }, x);
  CHECK(tg::to_host(g) == std::vector<double>{2, 0, -4});
}

TEST_CASE("a result that does not depend on its operand has gradient 0") {
  const auto x = generic({3}, 1);
  CHECK(tg::to_host(tg::grad([](auto& a) { return tg::sum(tg::map(constant_fn{}, a)); }, x)) ==
        std::vector<double>(3, 0.0));
}

TEST_CASE("16-bit operands are computed in float and rounded once") {
  const auto x = tg::cast<tg::bf16>(generic({50}, 1, 3)),
             y = tg::cast<tg::bf16>(generic({50}, 2, 3));
  const auto wide = tg::map(poly_fn{}, tg::cast<float>(x), tg::cast<float>(y));
  CHECK(tg::to_host(tg::map(poly_fn{}, x, y)) == tg::to_host(tg::cast<tg::bf16>(wide)));
  CHECK(tg::to_host(tg::map(poly_fn{}, x, tg::cast<float>(y))) ==
        tg::to_host(tg::cast<tg::bf16>(wide)));
}

TEST_CASE_TEMPLATE("all 16-bit numbers are widened and rounded alike, however they lie", T,
                   tg::bf16, tg::half) {
  const auto bits_of = [](const tg::Tensor<T>& x) {
    std::vector<std::uint16_t> bits;
    for (const T value : tg::to_host(x)) bits.push_back(value.bits);
    return bits;
  };
  std::vector<T> up, down;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    up.push_back(T::from_bits(static_cast<std::uint16_t>(bits)));
    down.push_back(T::from_bits(static_cast<std::uint16_t>(0xffff - bits * 7)));
  }
  const auto x = tg::from_host<T>(up, {256, 256}), y = tg::from_host<T>(down, {256, 256});
  const auto slope = tg::from_host<T>({T(1.01f)}, {1});
  const auto wide_x = tg::cast<float>(x), wide_y = tg::cast<float>(y);
  auto expected = bits_of(tg::cast<T>(tg::map(poly_fn{}, wide_x, wide_y)));
  CHECK(bits_of(tg::map(poly_fn{}, x, y)) == expected);
  CHECK(bits_of(tg::map(poly_fn{}, x, wide_y)) == expected);
  const auto turned = tg::transpose(tg::copy(tg::transpose(y)));
  CHECK(bits_of(tg::map(poly_fn{}, x, turned)) == expected);
  expected.erase(expected.begin());
  const auto from_second = [](const auto& z) { return tg::slice(tg::flatten(z), 0, 1); };
  CHECK(bits_of(tg::map(poly_fn{}, from_second(x), from_second(y))) == expected);
  CHECK(bits_of(tg::map(poly_fn{}, x, slope)) ==
        bits_of(tg::cast<T>(tg::map(poly_fn{}, wide_x, tg::cast<float>(slope)))));
}

TEST_CASE("the result lies in memory like its first operand of full shape") {
  const auto x = tg::transpose(generic({5, 3}, 1));
  CHECK(tg::map(poly_fn{}, generic({5}, 2), x).strides == x.strides);
  CHECK(tg::map(poly_fn{}, tg::copy(x), x).is_contiguous());
  CHECK(tg::to_host(tg::map(poly_fn{}, tg::copy(x), x)) ==
        tg::to_host(tg::map(poly_fn{}, x, tg::copy(x))));
}

TEST_CASE("map has the same bits for any number of threads and for any strides") {
  const auto x = tg::cast<float>(generic({211, 503}, 1, 3));
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto expected = tg::to_host(tg::map(poly_fn{}, x, x));
  for (int threads : {2, 3, 8}) {
    omp_set_num_threads(threads);
    CHECK(tg::to_host(tg::map(poly_fn{}, x, x)) == expected);
    const auto column_major = tg::transpose(tg::copy(tg::transpose(x)));
    CHECK(tg::to_host(tg::map(poly_fn{}, column_major, x)) == expected);
  }
  omp_set_num_threads(before);
}

TEST_CASE("map takes empty tensors and refuses shapes that do not broadcast, and absent operands") {
  CHECK(tg::map(poly_fn{}, tg::zeros<double>({0, 4}), generic({4}, 1)).shape == Shape{0, 4});
  CHECK_THROWS_WITH_AS(tg::map(poly_fn{}, generic({2, 3}, 1), generic({2}, 2)),
                       "poly: shapes (2, 3) and (2) do not broadcast: aligned at the last axis, "
                       "sizes must be equal or 1",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::map(poly_fn{}, generic({}, 1), tg::Tensor<double>{}),
                       "poly: an operand is absent (a default-constructed tensor)", tg::Error);
}

}  // namespace map_test
}  // namespace
