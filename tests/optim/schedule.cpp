// SPDX-License-Identifier: MIT
// Schedules on the host, on the device, and against PyTorch.
#include "thrustgrad/optim/schedule.h"

#include <doctest/doctest.h>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace schedule_test {

namespace tg = thrustgrad;

TEST_CASE("straight lines go through their knots and are constant outside") {
  const tg::index_t epoch = 100;
  const tg::PiecewiseLinear rate{{0, 0}, {15 * epoch, 0.1}, {30 * epoch, 0.005f}, {35 * epoch, 0}};
  CHECK(rate.at(0) == 0);
  CHECK(rate.at(1500) == 0.1);
  CHECK(rate.at(750) == doctest::Approx(0.05));
  CHECK(rate.at(2250) == doctest::Approx(0.0525));
  CHECK(rate.at(3000) == doctest::Approx(0.005));
  CHECK(rate.at(3250.5) == doctest::Approx(0.0025 * 0.998));
  CHECK(rate.at(3500) == 0);
  CHECK(rate.at(1e9) == 0);
  CHECK(tg::PiecewiseLinear{{10, 2}, {20, 3}}.at(-5) == 2);
  CHECK(tg::PiecewiseLinear{{10, 2}}.at(50) == 2);
}

TEST_CASE("knots out of order and too many of them are refused") {
  CHECK_THROWS_WITH_AS((tg::PiecewiseLinear{{0, 0}, {5, 1}, {5, 2}}), doctest::Contains("knot 2"),
                       tg::Error);
  CHECK_THROWS_AS(tg::PiecewiseLinear(std::initializer_list<tg::Knot>{}), tg::Error);
  CHECK_THROWS_WITH_AS((tg::PiecewiseLinear{{0, 0},
                                            {1, 0},
                                            {2, 0},
                                            {3, 0},
                                            {4, 0},
                                            {5, 0},
                                            {6, 0},
                                            {7, 0},
                                            {8, 0},
                                            {9, 0},
                                            {10, 0},
                                            {11, 0},
                                            {12, 0},
                                            {13, 0},
                                            {14, 0},
                                            {15, 0},
                                            {16, 0}}),
                       doctest::Contains("17 knots"), tg::Error);
}

TEST_CASE("the cosine is PyTorch's") {
  const tg::Cosine to_zero{.peak = 0.1, .steps = 10},
      to_floor{.peak = 0.1, .steps = 10, .floor = 0.01};
  std::vector<double> zero, floor;
  for (int step = 0; step <= 10; ++step) {
    zero.push_back(to_zero.at(step));
    floor.push_back(to_floor.at(step));
  }
  CHECK(golden::mismatch(zero, golden::cosine) < 1e-10);
  CHECK(golden::mismatch(floor, golden::cosine_floor) < 1e-10);
}

TEST_CASE("the cosine warms up in a straight line and stays at its floor") {
  const tg::Cosine rate{.peak = 0.4, .steps = 110, .floor = 0.1, .warmup = 10};
  CHECK(rate.at(0) == 0);
  CHECK(rate.at(5) == doctest::Approx(0.2));
  CHECK(rate.at(10) == doctest::Approx(0.4));
  CHECK(rate.at(60) == doctest::Approx(0.25));
  CHECK(rate.at(110) == 0.1);
  CHECK(rate.at(1000) == 0.1);
}

/// The schedule on the device, for the steps 0 .. 39 one after the other, against the host.
template <class S> void compare_with_host(const S& schedule) {
  static_assert(std::is_trivially_copyable_v<S>);
  tg::Step step;
  std::vector<tg::Tensor<float>> rates;
  {
    const tg::NoReadback forbidden;
    for (int i = 0; i < 40; ++i) {
      rates.push_back(schedule(step));
      tg::advance(step);
    }
  }
  for (int i = 0; i < 40; ++i) {
    const tg::Tensor<float>& rate = rates[static_cast<std::size_t>(i)];
    CHECK(rate.shape == tg::Shape{});
    CHECK(rate.item() == static_cast<float>(schedule.at(i)));
  }
}

TEST_CASE("a schedule on the device has the host's values, step after step") {
  compare_with_host(tg::PiecewiseLinear{{0, 0.1}, {7, 1}, {20, 0.3}, {35, 0}});
  compare_with_host(tg::Cosine{.peak = 0.4, .steps = 35, .floor = 0.1, .warmup = 10});
}

TEST_CASE("a schedule of several steps at once is a curve to plot") {
  const auto curve = tg::PiecewiseLinear{{0, 0}, {4, 1}}(tg::arange<std::int64_t>(6));
  CHECK(tg::to_host(curve) == std::vector<float>{0, 0.25f, 0.5f, 0.75f, 1, 1});
}

}  // namespace schedule_test
}  // namespace
