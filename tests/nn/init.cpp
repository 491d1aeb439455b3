// SPDX-License-Identifier: MIT
// Start values: bounds from PyTorch, and moments.
#include "thrustgrad/nn/init.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {
namespace init_test {

namespace tg = thrustgrad;

struct Spread {
  double mean = 0, deviation = 0, largest = 0;
};

Spread spread(const tg::Tensor<float>& x) {
  const auto values = tg::to_host(x);
  const auto n = static_cast<double>(values.size());
  Spread s;
  for (float v : values) s.mean += static_cast<double>(v) / n;
  for (float v : values) s.deviation += std::pow(static_cast<double>(v) - s.mean, 2) / n;
  for (float v : values) s.largest = std::max(s.largest, std::abs(static_cast<double>(v)));
  s.deviation = std::sqrt(s.deviation);
  return s;
}

/// Whether x looks uniform in +-bound.
void check_uniform(const tg::Tensor<float>& x, double bound) {
  const Spread s = spread(x);
  CHECK(s.largest <= bound * (1 + 1e-6));
  CHECK(s.largest > 0.99 * bound);
  CHECK(s.deviation == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.02));
  CHECK(std::abs(s.mean) < 0.02 * bound);
}

const tg::Key key(1);
const tg::Shape linear{200, 150}, kernel{40, 3, 3, 60};

TEST_CASE("the fans of a weight count its connections") {
  CHECK(tg::fan_in(linear) == 150);
  CHECK(tg::fan_out(linear) == 200);
  CHECK(tg::fan_in(kernel) == 540);
  CHECK(tg::fan_out(kernel) == 360);
}

TEST_CASE("Kaiming's and Xavier's uniform distributions have their bounds") {
  check_uniform(tg::kaiming_uniform(key, linear), std::sqrt(6 / 150.0));
  check_uniform(tg::kaiming_uniform(key, kernel, std::sqrt(5.0)), 1 / std::sqrt(540.0));
  check_uniform(tg::xavier_uniform(key, kernel), std::sqrt(6 / 900.0));
  check_uniform(tg::xavier_uniform(key, linear, 2), 2 * std::sqrt(6 / 350.0));
}

TEST_CASE("Kaiming's and Xavier's normal distributions have their deviations") {
  const Spread kaiming = spread(tg::kaiming_normal(key, linear, 1));
  CHECK(kaiming.deviation == doctest::Approx(std::sqrt(1 / 150.0)).epsilon(0.02));
  CHECK(kaiming.largest > 3 * kaiming.deviation);
  const Spread xavier = spread(tg::xavier_normal(key, kernel));
  CHECK(xavier.deviation == doctest::Approx(std::sqrt(2 / 900.0)).epsilon(0.02));
}

TEST_CASE("one key gives the same start values again, another key others") {
  const auto first = tg::to_host(tg::kaiming_uniform(key, linear));
  CHECK(first == tg::to_host(tg::kaiming_uniform(key, linear)));
  CHECK(first != tg::to_host(tg::kaiming_uniform(fold(key, 1), linear)));
}

TEST_CASE("a shape without inputs and outputs is refused") {
  CHECK_THROWS_WITH_AS(tg::kaiming_uniform(key, {5}), doctest::Contains("(5)"), tg::Error);
  CHECK_THROWS_AS(tg::xavier_uniform(key, {0, 5}), tg::Error);
}

}  // namespace init_test
}  // namespace
