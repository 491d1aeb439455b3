// SPDX-License-Identifier: MIT
//
// Tests of autograd/dual.h: first and second derivatives of every function against central
// differences, and the choices where no derivative exists.
#include "thrustgrad/autograd/dual.h"

#include "thrustgrad/autograd/derivatives.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <vector>

namespace dual_test {

namespace tg = thrustgrad;

namespace {

using one = tg::dual<double, 1>;
using two = tg::dual<double, 2>;
using nested = tg::dual<one, 1>;

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class F> double derivative(F f, double x) { return f(one(x, 1.0)).tangent[0]; }

template <class F> double second_derivative(F f, double x) {
  return f(nested(one(x, 1.0), one(1.0))).tangent[0].tangent[0];
}

// (f(x + h) - f(x - h)) / 2h, Richardson-extrapolated: an error of h^4.
template <class F> double difference(F f, double x) {
  const double h = 1e-3 * std::max(std::abs(x), 0.1);
  const auto slope = [&](double step) { return (f(x + step) - f(x - step)) / (2 * step); };
  return (4 * slope(h / 2) - slope(h)) / 3;
}

template <class F> void check_derivatives(F f, const std::vector<double>& points) {
  for (const double x : points) {
    CAPTURE(x);
    const auto first = [f](double at) { return derivative(f, at); };
    CHECK(f(one(x, 1.0)).value == doctest::Approx(f(x)).epsilon(1e-14));
    CHECK(f(nested(one(x, 1.0), one(1.0))).value.value == doctest::Approx(f(x)).epsilon(1e-14));
    CHECK(first(x) == doctest::Approx(difference(f, x)).epsilon(1e-8));
    CHECK(second_derivative(f, x) == doctest::Approx(difference(first, x)).epsilon(1e-8));
  }
}

// Both partial derivatives and the mixed second one.
template <class F> void check_partial_derivatives(F f, double a, double b) {
  CAPTURE(a);
  CAPTURE(b);
  const two y = f(two(a, 1, 0), two::variable(b, 1));
  CHECK(y.value == doctest::Approx(f(a, b)).epsilon(1e-14));
  CHECK(y.tangent[0] == doctest::Approx(difference([=](double x) { return f(x, b); }, a)));
  CHECK(y.tangent[1] == doctest::Approx(difference([=](double x) { return f(a, x); }, b)));
  const auto by_a = [=](double x) { return f(two(a, 1, 0), two(x)).tangent[0]; };
  const nested mixed = f(nested(one(a, 1.0), one(0.0)), nested(one(b), one(1.0)));
  CHECK(mixed.tangent[0].tangent[0] == doctest::Approx(difference(by_a, b)));
}

const std::vector<double> anywhere = {-2.3, -0.7, -0.1, 0.2, 0.9, 1.7};
const std::vector<double> positive = {0.1, 0.6, 1.3, 4.0};

}  // namespace

TEST_CASE("first and second derivatives of smooth functions agree with differences") {
  check_derivatives([](auto x) { return tg::exp(x); }, anywhere);
  check_derivatives([](auto x) { return tg::expm1(x); }, anywhere);
  check_derivatives([](auto x) { return tg::tanh(x); }, anywhere);
  check_derivatives([](auto x) { return tg::sigmoid(x); }, anywhere);
  check_derivatives([](auto x) { return tg::silu(x); }, anywhere);
  check_derivatives([](auto x) { return tg::gelu(x); }, anywhere);
  check_derivatives([](auto x) { return tg::erf(x); }, anywhere);
  check_derivatives([](auto x) { return tg::sin(x); }, anywhere);
  check_derivatives([](auto x) { return tg::cos(x); }, anywhere);
  check_derivatives([](auto x) { return tg::log(x); }, positive);
  check_derivatives([](auto x) { return tg::log1p(x); }, positive);
  check_derivatives([](auto x) { return tg::sqrt(x); }, positive);
  check_derivatives([](auto x) { return tg::rsqrt(x); }, positive);
  check_derivatives([](auto x) { return tg::pow(x, 2.5); }, positive);
  check_derivatives([](auto x) { return tg::pow(x, 3); }, anywhere);
  check_derivatives([](auto x) { return tg::pow(1.7, x); }, anywhere);
  check_derivatives([](auto x) { return tg::pow(x, x); }, positive);
}

TEST_CASE("derivatives away from kinks agree with differences") {
  check_derivatives([](auto x) { return x * tg::abs(x); }, anywhere);
  check_derivatives([](auto x) { return x * tg::relu(x); }, anywhere);
  check_derivatives([](auto x) { return x * tg::sign(x); }, anywhere);
  check_derivatives([](auto x) { return x * tg::floor(x); }, anywhere);
  check_derivatives([](auto x) { return x * tg::clamp(x, -1, 0.5); }, anywhere);
  check_derivatives([](auto x) { return tg::maximum(x * x, 0.5) * x; }, anywhere);
  check_derivatives([](auto x) { return tg::maximum(0.5, x * x) * x; }, anywhere);
  check_derivatives([](auto x) { return tg::minimum(x, 0.5) * x; }, anywhere);
  check_derivatives([](auto x) { return tg::minimum(0.5, x) * x; }, anywhere);
  check_derivatives([](auto x) { return tg::where(x > 0, x * x, 3); }, anywhere);
  check_derivatives([](auto x) { return tg::where(x > 0, 3, x * x); }, anywhere);
}

TEST_CASE("arithmetic with duals and constants on either side follows the chain rule") {
  check_derivatives([](auto x) { return (2 * x - 1) / (x * 3 + 10.f); }, anywhere);
  check_derivatives([](auto x) { return 1 / (4 - x) + (+x - 0.5) * -x; }, anywhere);
  check_derivatives(
      [](auto x) {
        auto y = x;
        y += x * x;
        y *= y;
        y -= 2;
        y /= 3 + x * x;
        return y;
      },
      anywhere);
}

TEST_CASE("partial derivatives and the mixed second one agree with differences") {
  for (const double a : {0.4, 1.9}) {
    for (const double b : {0.7, 2.2}) {
      check_partial_derivatives([](auto x, auto y) { return x + y * y; }, a, b);
      check_partial_derivatives([](auto x, auto y) { return x - y * x; }, a, b);
      check_partial_derivatives([](auto x, auto y) { return x / y; }, a, b);
      check_partial_derivatives([](auto x, auto y) { return tg::pow(x, y); }, a, b);
      check_partial_derivatives([](auto x, auto y) { return tg::maximum(x, y) * x; }, a, b);
      check_partial_derivatives([](auto x, auto y) { return tg::minimum(x, y) * x; }, a, b);
      check_partial_derivatives([](auto x, auto y) { return tg::where(x < y, x, y) * y; }, a, b);
    }
  }
}

TEST_CASE("abs and relu have derivative 0 at 0") {
  CHECK(derivative([](auto x) { return tg::abs(x); }, 0.0) == 0.0);
  CHECK(derivative([](auto x) { return tg::abs(x); }, -3.0) == -1.0);
  CHECK(derivative([](auto x) { return tg::relu(x); }, 0.0) == 0.0);
  CHECK(derivative([](auto x) { return tg::relu(x); }, 1e-30) == 1.0);
}

TEST_CASE("maximum and minimum split the derivative in half where they tie") {
  const two a(1.5, 1, 0), b(1.5, 0, 1);
  for (const two y : {tg::maximum(a, b), tg::minimum(a, b)}) {
    CHECK(y.value == 1.5);
    CHECK(y.tangent[0] == 0.5);
    CHECK(y.tangent[1] == 0.5);
  }
  CHECK(tg::maximum(a, 1.5).tangent[0] == 0.5);
}

TEST_CASE("clamp has derivative 1 strictly inside its interval, and 0 at the bounds and beyond") {
  const auto f = [](auto x) { return tg::clamp(x, -1, 1); };
  CHECK(derivative(f, -0.9999) == 1.0);
  CHECK(derivative(f, 0.9999) == 1.0);
  CHECK(derivative(f, -1.0) == 0.0);
  CHECK(derivative(f, 1.0) == 0.0);
  CHECK(derivative(f, 1.0001) == 0.0);
  CHECK(derivative(f, std::nan("")) == 0.0);
  CHECK(derivative(f, -infinity) == 0.0);
}

TEST_CASE("pow has finite derivatives where it is constant in its base or exponent") {
  CHECK(derivative([](auto x) { return tg::pow(x, 0); }, 0.0) == 0.0);
  CHECK(derivative([](auto x) { return tg::pow(x, 1); }, 0.0) == 1.0);
  CHECK(derivative([](auto x) { return tg::pow(x, 2); }, 0.0) == 0.0);
  CHECK(derivative([](auto x) { return tg::pow(0.0, x); }, 2.0) == 0.0);
  CHECK(derivative([](auto x) { return tg::pow(x, 0.5); }, 0.0) == infinity);
}

TEST_CASE("an infinite or NaN slope of one operand of pow stays out of the other's derivative") {
  const two infinite = tg::pow(two(0.0, 1, 0), two(0.5, 0, 1));
  CHECK(infinite.tangent[0] == infinity);
  CHECK(infinite.tangent[1] == 0.0);
  const two negative = tg::pow(two(-2.0, 1, 0), two(3.0, 0, 1));
  CHECK(negative.tangent[0] == 12.0);
  CHECK(std::isnan(negative.tangent[1]));
}

TEST_CASE("where keeps a tangent of NaN on the side not taken out of the result") {
  const auto f = [](auto x) { return tg::where(x > 0, tg::log(x) * x, 0); };
  CHECK(derivative(f, 0.0) == 0.0);
  CHECK(derivative(f, -1.0) == 0.0);
  CHECK(derivative(f, 1.0) == 1.0);
}

TEST_CASE("comparisons and classes look at the value only") {
  const one a(1.0, 5.0), b(1.0, -5.0);
  CHECK(a == b);
  CHECK(a != 2);
  CHECK(a < 2);
  CHECK(0.5 < a);
  CHECK(a >= b);
  CHECK(a <= 1.0f);
  CHECK_FALSE(a > b);
  CHECK(tg::isnan(one(std::nan(""), 1.0)));
  CHECK_FALSE(tg::isnan(a));
  CHECK(tg::isfinite(a));
  CHECK_FALSE(tg::isfinite(one(infinity, 1.0)));
}

TEST_CASE("duals of float keep their type among double literals, and copy trivially") {
  using dual = tg::dual<float, 4>;
  static_assert(std::is_same_v<decltype(0.5 * dual(1.0f)), dual>);
  static_assert(std::is_trivially_copyable_v<dual> && sizeof(dual) == 5 * sizeof(float));
  static_assert(std::is_trivially_default_constructible_v<tg::dual<dual, 2>>);
  static_assert((dual::variable(3.0f, 2) * 2).tangent[2] == 2.0f);
  const dual y = tg::exp(dual::variable(0.5f, 3) * 2.0);
  CHECK(y.tangent[3] == doctest::Approx(2 * std::exp(1.0)).epsilon(1e-6));
  CHECK(y.tangent[0] == 0.0f);
}

}  // namespace dual_test
