// SPDX-License-Identifier: MIT
// Second derivatives of the pointwise functions against differences of the first ones.
#include "thrustgrad/ops/pointwise.h"

#include <doctest/doctest.h>

#include "gradient.h"
#include "thrustgrad/ops/compare.h"

namespace {
namespace pointwise_order2_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::positive;

struct cubic_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto y) const { return x * x * y + tg::sigmoid(x - y); }
};

TEST_CASE("second derivatives of functions of one tensor agree with differences") {
#define SECOND(expression, operand)                                                           \
  {                                                                                           \
    CAPTURE(#expression);                                                                     \
    tests::check_second_gradient([](auto& x) { return tests::Tensor(expression); }, operand); \
  }
  const auto any = generic({5}, 5, 2), above = positive({5}, 5);
  SECOND(tg::exp(x) + tg::expm1(x), any);
  SECOND(tg::tanh(x), any);
  SECOND(tg::erf(x), any);
  SECOND(tg::abs(x) * x, any);
  SECOND(tg::sigmoid(x), any);
  SECOND(tg::relu(x) * x, any);
  SECOND(tg::leaky_relu(x, 0.1) * x, any);
  SECOND(tg::gelu(x), any);
  SECOND(tg::gelu_tanh(x), any);
  SECOND(tg::silu(x), any);
  SECOND(tg::celu(x, 0.3), any);
  SECOND(tg::softplus(x), any);
  SECOND(tg::clamp(x, -1, 1.5) * x, any);
  SECOND(tg::square(x), any);
  SECOND(tg::sin(x) + 2 * tg::cos(x), any);
  SECOND(tg::log(x), above);
  SECOND(tg::log1p(x), above);
  SECOND(tg::sqrt(x), above);
  SECOND(tg::rsqrt(x), above);
  SECOND(tg::pow(x, 2.5), above);
  SECOND(3 / x - x / 2, above);
#undef SECOND
}

TEST_CASE("second derivatives of functions of two tensors agree with differences, broadcast too") {
  const auto a = positive({2, 3}, 1), b = positive({3}, 2);
  tests::check_second_gradient([](auto& x, auto& y) { return x * y; }, a, b);
  tests::check_second_gradient([](auto& x, auto& y) { return x / y; }, a, b);
  tests::check_second_gradient([](auto& x, auto& y) { return (x + y) * (x - y); }, a, b);
  tests::check_second_gradient([](auto& x, auto& y) { return tg::pow(x, y); }, a, b);
  tests::check_second_gradient(
      [](auto& x, auto& y) { return tg::maximum(x, y) * tg::minimum(x, y) * x; }, a, b);
  tests::check_second_gradient(
      [](auto& x, auto& y) { return tg::where(x > 1.2, x * y, y * y * x); }, a, b);
  tests::check_second_gradient([](auto& x, auto& y) { return tg::map(cubic_fn{}, x, y); }, a, b);
}

TEST_CASE("a derivative by x is not taken for one by y") {
  const auto x = positive({3}, 1), y = positive({3}, 2);
  const auto by_x = [&](auto& b) {
    return tg::sum(tg::grad([&](auto& a) { return tg::sum(tg::map(cubic_fn{}, a, b)); }, x));
  };
  const auto slope = tg::sigmoid(x - y) * (1 - tg::sigmoid(x - y));
  const auto mixed = 2 * x - slope * (1 - 2 * tg::sigmoid(x - y));
  const auto error = tg::abs(tg::grad(by_x, y) - mixed);
  CHECK(tg::amax(error).item() < 1e-14);
}

TEST_CASE("a third derivative is not compiled and says so") {
  const auto g1 = [](auto& x) {
    return tg::sum(tg::grad([](auto& y) { return tg::sum(tg::exp(y)); }, x));
  };
  const auto g2 = [&](auto& x) { return tg::sum(tg::grad(g1, x)); };
  CHECK(tg::grad(g1, tg::scalar(0.0)).item() == 1);
  CHECK_THROWS_WITH_AS(tg::grad(g2, tg::scalar(0.0)),
                       "exp: its derivative of order 3 is not compiled; define "
                       "THRUSTGRAD_DERIVATIVE_ORDER=3 before including thrustgrad",
                       tg::Error);
}

}  // namespace pointwise_order2_test
}  // namespace
