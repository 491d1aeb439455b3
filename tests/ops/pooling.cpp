// SPDX-License-Identifier: MIT
// Pooling against PyTorch: values, gradients, ties.
#include "thrustgrad/ops/pooling.h"

#include <doctest/doctest.h>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace pooling_test {

namespace tg = thrustgrad;
using tg::Shape;

const Shape images{2, 7, 6, 3};

template <class F>
void compare(const F& pool, std::span<const double> y, std::span<const double> gx) {
  const auto x = tg::from_host(golden::formula(images.numel(), 1), images);
  CHECK(golden::mismatch(tg::to_host(pool(x)), y) < 1e-9);
  const auto objective = [&](const auto& a) {
    const auto value = pool(a);
    return tg::sum(value * tg::from_host(golden::formula(value.numel(), 9), value.shape));
  };
  CHECK(golden::mismatch(tg::to_host(tg::grad(objective, x)), gx) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(tg::grad(objective, tg::grid_major(x))), gx) < 1e-9);
}

TEST_CASE("max_pool2d has PyTorch's values and gradients") {
  SUBCASE("2, stride 2") {
    compare([](const auto& x) { return tg::max_pool2d(x, 2); }, golden::max_pool2d_k2_s2_p0_y,
            golden::max_pool2d_k2_s2_p0_gx);
  }
  SUBCASE("3, stride 2, padding 1") {
    compare([](const auto& x) { return tg::max_pool2d(x, 3, {.stride = 2, .padding = 1}); },
            golden::max_pool2d_k3_s2_p1_y, golden::max_pool2d_k3_s2_p1_gx);
  }
  SUBCASE("3, overlapping") {
    compare([](const auto& x) { return tg::max_pool2d(x, 3, {}); }, golden::max_pool2d_k3_s1_p0_y,
            golden::max_pool2d_k3_s1_p0_gx);
  }
}

TEST_CASE("avg_pool2d has PyTorch's values and gradients") {
  SUBCASE("2, stride 2") {
    compare([](const auto& x) { return tg::avg_pool2d(x, 2); }, golden::avg_pool2d_k2_s2_p0_y,
            golden::avg_pool2d_k2_s2_p0_gx);
  }
  SUBCASE("3, stride 2, padding 1") {
    compare([](const auto& x) { return tg::avg_pool2d(x, 3, {.stride = 2, .padding = 1}); },
            golden::avg_pool2d_k3_s2_p1_y, golden::avg_pool2d_k3_s2_p1_gx);
  }
  SUBCASE("3, overlapping") {
    compare([](const auto& x) { return tg::avg_pool2d(x, 3, {}); }, golden::avg_pool2d_k3_s1_p0_y,
            golden::avg_pool2d_k3_s1_p0_gx);
  }
}

TEST_CASE("the gradient of a maximum goes to the first of equal cells") {
  const auto x = tg::from_host<float>({3, 3, 1, 3}, {1, 2, 2, 1});
  const auto g = tg::grad([](const auto& a) { return tg::sum(tg::max_pool2d(a, 2)); }, x);
  CHECK(tg::to_host(g) == std::vector<float>{1, 0, 0, 0});
}

TEST_CASE("padding never wins a maximum") {
  const auto x = tg::full<float>({1, 2, 2, 1}, -5.0f);
  const auto y = tg::max_pool2d(x, 3, {.stride = 1, .padding = 1});
  CHECK(tg::to_host(y) == std::vector<float>(4, -5.0f));
}

TEST_CASE("global_avg_pool is the mean over cells") {
  const auto x = tg::from_host<float>({1, 10, 2, 20, 3, 30, 6, 60}, {1, 2, 2, 2});
  const auto y = tg::global_avg_pool(x);
  CHECK(y.shape == Shape{1, 2});
  CHECK(tg::to_host(y) == std::vector<float>{3, 30});
}

TEST_CASE("16-bit images pool like their values in float") {
  const auto x = tg::cast<tg::bf16>(tg::from_host(golden::formula(images.numel(), 1), images));
  const auto wide = tg::cast<float>(x);
  CHECK(tg::to_host(tg::cast<float>(tg::max_pool2d(x, 2))) == tg::to_host(tg::max_pool2d(wide, 2)));
}

TEST_CASE("pooling refuses windows that cannot be") {
  const auto x = tg::zeros<float>({1, 4, 4, 2});
  CHECK_THROWS_WITH_AS(
      tg::max_pool2d(x, 5),
      "max_pool2d: a kernel of 5 taps, dilated by 1, is larger than 4 cells with padding 0",
      tg::Error);
  CHECK_THROWS_WITH_AS(
      tg::avg_pool2d(x, 2, {.stride = 2, .padding = 2}),
      "avg_pool2d: padding 2 is more than half of the kernel 2: some windows would be empty",
      tg::Error);
  CHECK_THROWS_AS(tg::max_pool2d(tg::zeros<float>({4, 4}), 2), tg::Error);
}

}  // namespace pooling_test
}  // namespace
