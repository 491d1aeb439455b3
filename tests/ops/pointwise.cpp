// SPDX-License-Identifier: MIT
// Pointwise functions: values and gradients against PyTorch and differences, kinks, broadcasting,
// and the element types of results.
#include "thrustgrad/ops/pointwise.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "golden/goldens.h"
#include "gradient.h"
#include "thrustgrad/ops/compare.h"
#include "thrustgrad/ops/view.h"

namespace {
namespace pointwise_test {

namespace tg = thrustgrad;
using tests::Function;
using tests::generic;
using tests::Inputs;
using tests::positive;
using tests::Recorded;
using tests::Tensor;
using tg::Shape;

const Shape shape{2, 3, 4};

struct Case {
  std::string name;
  Function f;
  Recorded expected;
};

#define CASE(name, expression)                                     \
  {                                                                \
#name, [](const Inputs& x) -> Tensor { return expression; }, { \
      golden::name##_y, { golden::name##_gx }                      \
    }                                                              \
  }
#define CASE2(name, expression)                                    \
  {                                                                \
#name, [](const Inputs& x) -> Tensor { return expression; }, { \
      golden::name##_y, { golden::name##_ga, golden::name##_gb }   \
    }                                                              \
  }

/// Functions of anything, recorded for 4 formula(1).
std::vector<Case> everywhere() {
  return {CASE(exp, tg::exp(x[0])),
          CASE(tanh, tg::tanh(x[0])),
          CASE(erf, tg::erf(x[0])),
          CASE(abs, tg::abs(x[0])),
          CASE(sigmoid, tg::sigmoid(x[0])),
          CASE(relu, tg::relu(x[0])),
          CASE(leaky_relu, tg::leaky_relu(x[0], 0.1)),
          CASE(gelu, tg::gelu(x[0])),
          CASE(gelu_tanh, tg::gelu_tanh(x[0])),
          CASE(silu, tg::silu(x[0])),
          CASE(celu, tg::celu(x[0], 0.3)),
          CASE(softplus, tg::softplus(x[0])),
          CASE(clamp, tg::clamp(x[0], -1, 1.5))};
}
/// Functions of positive numbers, recorded for positive(1).
std::vector<Case> of_positive() {
  return {CASE(log, tg::log(x[0])), CASE(sqrt, tg::sqrt(x[0])), CASE(rsqrt, tg::rsqrt(x[0])),
          CASE(pow_2_5, tg::pow(x[0], 2.5))};
}

TEST_CASE("pointwise functions have PyTorch's values and gradients") {
  for (const Case& c : everywhere()) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    tests::check_recorded(f, {generic(shape, 1, 4)}, expected);
  }
  for (const Case& c : of_positive()) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    tests::check_recorded(f, {positive(shape, 1)}, expected);
  }
}

TEST_CASE("the gradients of pointwise functions agree with differences") {
  for (const Case& c : everywhere()) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    tests::check_gradient_of_list(f, {generic({7}, 5, 3)});
    tests::check_linear_in_cotangent(f, {generic({7}, 5, 3)});
  }
  for (const Case& c : of_positive()) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    tests::check_gradient_of_list(f, {positive({7}, 5)});
  }
  const auto x = generic({5}, 6, 2), above = positive({5}, 6);
  tests::check_gradient(
      [](auto& a) { return tg::square(a) + tg::expm1(a) - tg::sin(a) * tg::cos(a); }, x);
  tests::check_gradient([](auto& a) { return tg::log1p(a); }, above);
  tests::check_gradient([](auto& a) { return -a + (2 - a) * 3 + (a - 1) / 4 + 5 / a; }, above);
  tests::check_gradient([](auto& a) { return tg::pow(a, 3) * tg::pow(a, -1); }, above);
}

TEST_CASE("arithmetic broadcasts with PyTorch's values and gradients") {
  const std::vector<Case> row{CASE2(add_4, x[0] + x[1]), CASE2(sub_4, x[0] - x[1]),
                              CASE2(mul_4, x[0] * x[1]), CASE2(div_4, x[0] / x[1])};
  const std::vector<Case> column{CASE2(add_3x1, x[0] + x[1]), CASE2(sub_3x1, x[0] - x[1]),
                                 CASE2(mul_3x1, x[0] * x[1]), CASE2(div_3x1, x[0] / x[1])};
  const std::vector<Case> middle{CASE2(add_2x1x4, x[0] + x[1]), CASE2(sub_2x1x4, x[0] - x[1]),
                                 CASE2(mul_2x1x4, x[0] * x[1]), CASE2(div_2x1x4, x[0] / x[1])};
  for (const auto& [cases, other] : {std::pair(row, Shape{4}), std::pair(column, Shape{3, 1}),
                                     std::pair(middle, Shape{2, 1, 4})}) {
    for (std::size_t i = 0; i < 4; ++i) {
      const Case& c = cases[i];
      CAPTURE(c.name);
      const auto b = i == 3 ? positive(other, 2) : generic(other, 2);
      tests::check_recorded(cases[i].f, {generic(shape, 1), b}, cases[i].expected);
    }
  }
}

TEST_CASE("functions of two tensors have PyTorch's values and gradients") {
  const std::vector<Case> cases{CASE2(where, tg::where(generic(shape, 3) > 0, x[0], x[1])),
                                CASE2(maximum, tg::maximum(x[0], x[1])),
                                CASE2(minimum, tg::minimum(x[0], x[1]))};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    tests::check_recorded(f, {generic(shape, 1), generic(shape, 2)}, expected);
    tests::check_gradient_of_list(f, {generic(shape, 1), generic(shape, 2)});
  }
  const Case power CASE2(pow_tensor, tg::pow(x[0], x[1]));
  tests::check_recorded(power.f, {positive(shape, 1), generic(shape, 2, 2)}, power.expected);
  tests::check_gradient_of_list(power.f, {positive({2, 3}, 1), generic({3}, 2, 2)});
}

/// The values as a list, without the one at a position.
std::vector<double> without(std::span<const double> values, std::ptrdiff_t position) {
  std::vector<double> rest(values.begin(), values.end());
  if (position >= 0) rest.erase(rest.begin() + position);
  return rest;
}

/// What PyTorch recorded at special values; its cotangents are 1, 2, ...
void check_kink(const Case& kink, const std::vector<std::span<const double>>& inputs,
                std::ptrdiff_t left_out = -1) {
  CAPTURE(kink.name);
  const auto list = [&](std::span<const double> values) {
    const auto rest = without(values, left_out);
    return tg::from_host(rest, {static_cast<tg::index_t>(rest.size())});
  };
  Inputs x;
  for (const auto& input : inputs) x.push_back(list(input));
  const auto cotangent =
      tg::to_host(tg::arange<double>(static_cast<tg::index_t>(inputs[0].size()), 1, 1));
  const auto y = without(kink.expected.y, left_out),
             g = without(kink.expected.gradients[0], left_out);
  Recorded expected{y, {g}};
  if (inputs.size() == 2) expected.gradients.push_back(kink.expected.gradients[1]);
  tests::check_recorded(kink.f, x, list(cotangent), expected);
}

TEST_CASE("pointwise functions have PyTorch's values and gradients at kinks and special values") {
#define KINK(name, expression, ...) \
  check_kink(CASE(kink_##name, expression), {golden::kink_##name##_x} __VA_OPT__(, ) __VA_ARGS__)
#define KINK2(name, expression) \
  check_kink(CASE2(kink_##name, expression), {golden::kink_##name##_a, golden::kink_##name##_b})
  // Position 4 is left out where PyTorch has no rule: at NaN the gradient is 0 for abs, that of
  // the positive side for relu and celu. Its softplus turns into x at 20, ours does not.
  KINK(abs, tg::abs(x[0]), 4);
  KINK(relu, tg::relu(x[0]), 4);
  KINK(leaky_relu, tg::leaky_relu(x[0], 0.1));
  KINK(celu, tg::celu(x[0], 0.25), 4);
  KINK(silu, tg::silu(x[0]));
  KINK(gelu, tg::gelu(x[0]));
  KINK(gelu_tanh, tg::gelu_tanh(x[0]));
  KINK(sigmoid, tg::sigmoid(x[0]));
  KINK(softplus, tg::softplus(x[0]), 4);
  KINK(clamp, tg::clamp(x[0], -1, 1));
  KINK(sqrt, tg::sqrt(x[0]));
  KINK(rsqrt, tg::rsqrt(x[0]));
  KINK(log, tg::log(x[0]));
  KINK(pow_0, tg::pow(x[0], 0));
  KINK(pow_half, tg::pow(x[0], 0.5));
  KINK(pow_1, tg::pow(x[0], 1));
  KINK(pow_2, tg::pow(x[0], 2));
  KINK(pow_3, tg::pow(x[0], 3));
  KINK(pow_minus_1, tg::pow(x[0], -1));
  KINK(where, tg::where(x[0] > 0, tg::sqrt(x[0]), x[0]));
  KINK2(maximum, tg::maximum(x[0], x[1]));
  KINK2(minimum, tg::minimum(x[0], x[1]));
  KINK2(pow_tensor, tg::pow(x[0], x[1]));
#undef KINK
#undef KINK2
}

TEST_CASE_TEMPLATE("16-bit results are the float results, rounded once", T, tg::bf16, tg::half) {
  const auto x = tg::cast<T>(generic({37}, 1, 3)), y = tg::cast<T>(positive({37}, 2));
  const auto fx = tg::cast<float>(x), fy = tg::cast<float>(y);
  const auto same = [](const tg::Tensor<T>& narrow, const tg::Tensor<float>& wide) {
    CHECK(tg::to_host(narrow) == tg::to_host(tg::cast<T>(wide)));
  };
  same(x + y, fx + fy);
  same(x * y, fx * fy);
  same(tg::gelu(x), tg::gelu(fx));
  same(x * 0.3, fx * 0.3);
  const auto f = [](const auto& a, const auto& b) { return tg::sum(tg::tanh(a) * b); };
  const auto [gx, gy] = tg::grad(f, std::tuple(x, y));
  static_assert(std::is_same_v<std::decay_t<decltype(gx)>, tg::Tensor<T>>);
  same(gy, tg::tanh(fx));
}

TEST_CASE("a 16-bit operand decides the type of a result beside float, and its gradient keeps it") {
  const auto x = tg::cast<tg::bf16>(generic({4}, 1)), s = tg::cast<tg::bf16>(positive({4}, 3));
  const auto w = tg::cast<float>(positive({4}, 2));
  static_assert(std::is_same_v<decltype(x * w), tg::Tensor<tg::bf16>>);
  CHECK(tg::to_host(x * w) == tg::to_host(tg::cast<tg::bf16>(tg::cast<float>(x) * w)));
  const auto [gx, gw] =
      tg::grad([&](auto& a, auto& b) { return tg::sum(a * b * s); }, std::tuple(x, w));
  static_assert(std::is_same_v<std::decay_t<decltype(gx)>, tg::Tensor<tg::bf16>>);
  static_assert(std::is_same_v<std::decay_t<decltype(gw)>, tg::Tensor<float>>);
  CHECK(tg::to_host(gw) == tg::to_host(tg::cast<float>(x) * tg::cast<float>(s)));
}

TEST_CASE("integers and bools compute without gradients") {
  const auto a = tg::from_host<std::int64_t>({7, -7, 9}, {3}),
             b = tg::from_host<std::int64_t>({2}, {1});
  CHECK(tg::to_host(a + b) == std::vector<std::int64_t>{9, -5, 11});
  CHECK(tg::to_host(a / b) == std::vector<std::int64_t>{3, -3, 4});
  CHECK(tg::to_host(tg::maximum(a, b)) == std::vector<std::int64_t>{7, 2, 9});
  CHECK(tg::to_host(tg::clamp(a, -1, 8)) == std::vector<std::int64_t>{7, -1, 8});
  const auto mask = tg::from_host<bool>({true, false, true}, {3});
  CHECK(tg::to_host(tg::where(mask, a, b)) == std::vector<std::int64_t>{7, 2, 9});
  CHECK(tg::to_host(tg::cast<float>(mask)) == std::vector<float>{1, 0, 1});
  CHECK(tg::to_host(tg::cast<bool>(tg::from_host<float>({0, -2, 0.5f}, {3}))) ==
        std::vector<bool>{false, true, true});
}

TEST_CASE("a number beside integers counts as in C++, and does not widen a floating tensor") {
  const auto bytes = tg::from_host<std::uint8_t>({5, 200}, {2});
  CHECK(tg::to_host(bytes - 1) == std::vector<std::int32_t>{4, 199});
  CHECK(tg::to_host(1 - bytes) == std::vector<std::int32_t>{-4, -199});
  CHECK(tg::to_host(bytes + 300) == std::vector<std::int32_t>{305, 500});
  CHECK(tg::to_host(bytes / 2) == std::vector<std::int32_t>{2, 100});
  CHECK(tg::to_host(bytes / 2.0f) == std::vector<float>{2.5f, 100});
  CHECK(tg::to_host(bytes * 0.5) == std::vector<double>{2.5, 100});
  CHECK(tg::to_host(1000.0 / bytes) == std::vector<double>{200, 5});
  CHECK(tg::to_host(bytes * std::size_t{3}) == std::vector<std::int64_t>{15, 600});
  CHECK(tg::to_host(tg::from_host<bool>({true, false}, {2}) + 1) ==
        std::vector<std::int32_t>{2, 1});
  static_assert(std::is_same_v<decltype(tg::zeros<float>({}) * 0.5), tg::Tensor<float>>);
  static_assert(std::is_same_v<decltype(tg::zeros<tg::bf16>({}) * 0.5f), tg::Tensor<tg::bf16>>);
  static_assert(
      std::is_same_v<decltype(tg::zeros<std::int64_t>({}) * 2), tg::Tensor<std::int64_t>>);
}

TEST_CASE("operands may be empty, of size 1, and lie in memory in any order") {
  CHECK((tg::zeros<float>({0, 3}) + tg::zeros<float>({3})).shape == Shape{0, 3});
  CHECK((tg::zeros<float>({1, 0}) * tg::zeros<float>({5, 1})).shape == Shape{5, 0});
  CHECK((tg::ones<float>({1, 1}) + tg::ones<float>({})).shape == Shape{1, 1});
  const auto x = generic({4, 6}, 1), y = generic({6, 4}, 2);
  const auto odd = tg::flip(tg::slice(x, 1, 1, 6, 2), {0});
  const auto expected =
      tg::to_host(tg::exp(tg::copy(odd)) * tg::copy(tg::slice(tg::transpose(y), 1, 0, 3)));
  CHECK(tg::to_host(tg::exp(odd) * tg::slice(tg::transpose(y), 1, 0, 3)) == expected);
  CHECK((tg::transpose(x) * 2).strides == tg::transpose(x).strides);
  const auto through_views = [](auto& a, auto& b) {
    return tg::transpose(a) * b + tg::expand(tg::slice(b, 1, 0, 1), {6, 4});
  };
  tests::check_gradient(through_views, x, y);
}

TEST_CASE("pointwise functions name both shapes of an error, and what a pointwise gradient lacks") {
  const auto x = tg::zeros<double>({2, 3}), y = tg::zeros<double>({2});
  CHECK_THROWS_WITH_AS(x * y,
                       "multiplies: shapes (2, 3) and (2) do not broadcast: aligned at the last "
                       "axis, sizes must be equal or 1",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::where(y > 0, x, x),
                       "where: shapes (2) and (2, 3) do not broadcast: aligned at the last axis, "
                       "sizes must be equal or 1",
                       tg::Error);
  const auto twice = [](auto& a) {
    return tg::sum(tg::grad([](auto& b) { return tg::sum(tg::exp(b)); }, a));
  };
  CHECK_THROWS_WITH_AS(tg::grad(twice, x),
                       "exp: its derivative of order 2 is not compiled; define "
                       "THRUSTGRAD_DERIVATIVE_ORDER=2 before including thrustgrad",
                       tg::Error);
}

}  // namespace pointwise_test
}  // namespace

#undef CASE
#undef CASE2
