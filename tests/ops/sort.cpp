// SPDX-License-Identifier: MIT
// Sorting and running sums: PyTorch's values, positions and gradients, ties and NaNs, exact
// adjointness, and the same bits for any number of threads.
#include "thrustgrad/ops/sort.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "golden/goldens.h"
#include "gradient.h"
#include "threads.h"
#include "thrustgrad/ops/join.h"

namespace {
namespace sort_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::Inputs;
using tests::integers;
using tests::Recorded;
using tg::Order;
using tg::Shape;

#define RECORDED(name, axis)                                  \
  {                                                           \
    golden::name##_##axis##_y, { golden::name##_##axis##_gx } \
  }

TEST_CASE("sort, topk and cumsum have PyTorch's values, positions and gradients along every axis") {
  struct Axis {
    Recorded sorted, descending, topk, cumsum;
    std::span<const double> argsort, topk_indices;
  };
#define AXIS(a)                                                                              \
  {                                                                                          \
    RECORDED(sort, a), RECORDED(sort_descending, a), RECORDED(topk, a), RECORDED(cumsum, a), \
        golden::argsort_##a, golden::topk_##a##_indices                                      \
  }
  const std::vector<Axis> axes{AXIS(0), AXIS(1), AXIS(2)};
#undef AXIS
  const auto x = generic({2, 3, 4}, 1);
  for (int axis = 0; axis < 3; ++axis) {
    CAPTURE(axis);
    const Axis& expected = axes[static_cast<std::size_t>(axis)];
    tests::check_recorded([&](const Inputs& in) { return tg::sort(in[0], axis).values; }, {x},
                          expected.sorted);
    tests::check_recorded(
        [&](const Inputs& in) { return tg::sort(in[0], axis, Order::descending).values; }, {x},
        expected.descending);
    tests::check_recorded([&](const Inputs& in) { return tg::topk(in[0], 2, axis).values; }, {x},
                          expected.topk);
    tests::check_recorded([&](const Inputs& in) { return tg::cumsum(in[0], axis); }, {x},
                          expected.cumsum);
    CHECK(golden::mismatch(tg::to_host(tg::argsort(x, axis)), expected.argsort) == 0);
    CHECK(golden::mismatch(tg::to_host(tg::topk(x, 2, axis).indices), expected.topk_indices) == 0);
  }
}

TEST_CASE("equal elements keep their order, and NaN is the largest, as in PyTorch's stable sort") {
  const auto check = [](Order order, std::span<const double> x, const Recorded& expected,
                        std::span<const double> indices) {
    const auto input = tg::from_host(x, {7});
    tests::check_recorded([=](const Inputs& in) { return tg::sort(in[0], 0, order).values; },
                          {input}, tg::arange<double>(7, 1, 1), expected);
    CHECK(golden::mismatch(tg::to_host(tg::argsort(input, 0, order)), indices) == 0);
  };
  check(Order::ascending, golden::kink_sort_x, {golden::kink_sort_y, {golden::kink_sort_gx}},
        golden::kink_argsort);
  check(Order::descending, golden::kink_sort_descending_x,
        {golden::kink_sort_descending_y, {golden::kink_sort_descending_gx}},
        golden::kink_argsort_descending);
}

TEST_CASE("long rows are sorted stably, whatever their type and order in memory") {
  const tg::index_t n = 5000;
  std::vector<std::int32_t> v;
  for (auto label : golden::labels(n, 1, 100)) v.push_back(static_cast<std::int32_t>(label) - 50);
  std::vector<std::int64_t> expected(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) expected[i] = static_cast<std::int64_t>(i);
  std::stable_sort(expected.begin(), expected.end(),
                   [&](auto a, auto b) { return v[std::size_t(a)] < v[std::size_t(b)]; });
  const auto x = tg::from_host(v, {n});
  CHECK(tg::to_host(tg::argsort(x)) == expected);
  CHECK(tg::to_host(tg::argsort(tg::cast<tg::bf16>(x))) == expected);
  CHECK(tg::to_host(tg::argsort(tg::cast<double>(tg::flip(tg::copy(tg::flip(x, {0})), {0})))) ==
        expected);
  const auto two = tg::stack<std::int32_t>({x, -x}, 1);
  CHECK(tg::to_host(tg::select(tg::argsort(two, 0), 1, 0)) == expected);
  CHECK(tg::to_host(tg::select(tg::argsort(two, 0, Order::descending), 1, 1)) == expected);
}

TEST_CASE("the smallest k stand in ascending order") {
  const auto x = tg::from_host<float>({3, 1, 2, -1}, {4});
  const auto [values, indices] = tg::topk(x, 2, 0, Order::ascending);
  CHECK(tg::to_host(values) == std::vector<float>{-1, 1});
  CHECK(tg::to_host(indices) == std::vector<std::int64_t>{3, 1});
  CHECK(tg::topk(x, 0).values.shape == Shape{0});
}

TEST_CASE(
    "the gradients of sort and cumsum agree with differences, and cumsum's is its exact adjoint") {
  tests::check_gradient([](auto& x) { return tg::square(tg::sort(tg::transpose(x), 0).values); },
                        generic({3, 4}, 1));
  tests::check_gradient([](auto& x) { return tg::topk(x, 2, 1).values; }, generic({3, 4}, 1));
  for (int axis : {0, 1, 2}) {
    tests::check_adjoint([axis](auto& x) { return tg::cumsum(x, axis); }, integers({2, 3, 4}, 1));
    tests::check_adjoint([axis](auto& x) { return tg::cumsum(tg::flip(x, {axis}), axis); },
                         integers({2, 3, 4}, 1));
  }
}

TEST_CASE("running sums of integers are int64, those of 16-bit numbers are taken in float") {
  CHECK(tg::to_host(tg::cumsum(tg::from_host<bool>({true, false, true}, {3}))) ==
        std::vector<std::int64_t>{1, 1, 2});
  CHECK(tg::to_host(tg::cumsum(tg::full<std::uint8_t>({3}, 200))) ==
        std::vector<std::int64_t>{200, 400, 600});
  const auto sums = tg::cumsum(tg::full<tg::bf16>({1024}, tg::bf16(1)));
  CHECK(float(tg::select(sums, 0, -1).item()) == 1024);  // bf16 steps would stop at 256
}

TEST_CASE("a running sum in float stays within the bound of any order of additions") {
  const tg::index_t n = 100000;
  const auto x = tg::cast<float>(tests::positive({n}, 1));
  const auto exact = tg::to_host(tg::cumsum(tg::cast<double>(x)));
  const auto sums = tg::to_host(tg::cumsum(x));
  double worst = 0;
  for (std::size_t i = 1; i < exact.size(); ++i)
    worst = std::max(worst, std::abs(double(sums[i]) / exact[i] - 1) / double(i));
  CHECK(worst < std::ldexp(1.0, -24));
}

TEST_CASE("sorting and running sums of nothing, of one, and of axes of size 1") {
  CHECK(tg::sort(tg::zeros<float>({0})).values.shape == Shape{0});
  CHECK(tg::argsort(tg::zeros<float>({3, 0}), 1).shape == Shape{3, 0});
  CHECK(tg::cumsum(tg::zeros<float>({0, 2}), 0).shape == Shape{0, 2});
  CHECK(tg::to_host(tg::argsort(generic({3, 1}, 1), 1)) == std::vector<std::int64_t>(3, 0));
  CHECK(tg::to_host(tg::cumsum(generic({3, 1}, 1), 1)) == tg::to_host(generic({3, 1}, 1)));
}

TEST_CASE("sort and cumsum have the same bits for any number of threads") {
  const auto x = tg::cast<float>(generic({3, 70001}, 1));
  const auto results = [&] {
    return std::pair(tg::to_host(tg::argsort(x)), tg::to_host(tg::cumsum(x)));
  };
  check_same_bits(results);
}

TEST_CASE("sorting says what does not fit") {
  const auto x = generic({2, 3}, 1);
  CHECK_THROWS_WITH_AS(tg::topk(x, 4), "topk: axis -1 of (2, 3) has no 4 elements", tg::Error);
  CHECK_THROWS_WITH_AS(tg::argsort(x, 2), "argsort: axis 2 does not exist in (2, 3)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::cumsum(x, -3), "cumsum: axis -3 does not exist in (2, 3)", tg::Error);
}

}  // namespace sort_test
}  // namespace

#undef RECORDED
