// SPDX-License-Identifier: MIT
// Checks of gradients in double: against central differences, for linearity in the cotangent, and
// of linear operations for exact adjointness. The function under test is type-erased, so that a
// test file compiles the checks once, and each new function costs a lambda.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "golden/formula.h"
#include "thrustgrad/ops/reduce.h"

namespace tests {

namespace tg = thrustgrad;
using Tensor = tg::Tensor<double>;
using Inputs = std::vector<tg::Parameter<double>>;
using Function = std::function<Tensor(const Inputs&)>;

/// A tensor of the recorded formula, in (-scale, scale), without ties and zeros.
inline Tensor generic(const tg::Shape& shape, int seed, double scale = 1) {
  return tg::from_host(golden::formula(shape.numel(), seed, scale), shape);
}
/// A tensor in [0.5, 2.5).
inline Tensor positive(const tg::Shape& shape, int seed) {
  return tg::from_host(golden::positive(shape.numel(), seed), shape);
}
/// Integers from -4 to 4, so that sums and products of a few of them are exact in every type.
inline Tensor integers(const tg::Shape& shape, int seed) {
  std::vector<double> values;
  for (double x : golden::formula(shape.numel(), seed)) values.push_back(std::trunc(x * 4.9));
  return tg::from_host(values, shape);
}

/// sum(y * formula(9)), whose gradients PyTorch recorded.
inline Tensor weighted(const Tensor& y) { return tg::sum(y * generic(y.shape, 9)); }

/// f(x[0], x[1], ...) as a function of the list x.
template <class F, std::size_t... I> Function of_list(const F& f, std::index_sequence<I...>) {
  return [f](const Inputs& x) -> Tensor { return f(static_cast<const Tensor&>(x[I])...); };
}

/// What PyTorch recorded of a function: its values, and its pullbacks of a cotangent.
struct Recorded {
  std::span<const double> y;
  std::vector<std::span<const double>> gradients;
};
inline void check_recorded(const Function& f, const Inputs& x, const Tensor& cotangent,
                           const Recorded& expected) {
  const auto [y, gradients] = tg::vjp(f, x, cotangent);
  CHECK(golden::mismatch(tg::to_host(y), expected.y) < 1e-9);
  REQUIRE(gradients.size() == expected.gradients.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(i);
    CHECK(gradients[i].shape == x[i].shape);
    CHECK(golden::mismatch(tg::to_host(gradients[i]), expected.gradients[i]) < 1e-9);
  }
}
/// The same for the weights formula(9).
inline void check_recorded(const Function& f, const Inputs& x, const Recorded& expected) {
  check_recorded(f, x, generic(f(x).shape, 9), expected);
}

/// The derivative of sum(f * weights) by every element of input i: (f(x + h) - f(x - h)) / 2 h.
inline std::vector<double> central_differences(const Function& f, const Inputs& x, std::size_t i) {
  const double h = 1e-6;
  const std::vector<double> values = tg::to_host(x[i]);
  std::vector<double> slopes;
  for (std::size_t k = 0; k < values.size(); ++k) {
    const auto moved = [&](double step) {
      Inputs y = x;
      std::vector<double> v = values;
      v[k] += step;
      y[i] = tg::from_host(v, x[i].shape);
      return weighted(f(y)).item();
    };
    slopes.push_back((moved(h) - moved(-h)) / (2 * h));
  }
  return slopes;
}

inline void check_gradient_of_list(const Function& f, const Inputs& x) {
  const Inputs gradients = tg::grad([&](const Inputs& in) { return weighted(f(in)); }, x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(i);
    Tensor g = gradients[i];
    if (!g.defined()) g = tg::zeros<double>(x[i].shape);  // f does not depend on x[i]
    CHECK(g.shape == x[i].shape);
    const auto analytic = tg::to_host(g), numeric = central_differences(f, x, i);
    for (std::size_t k = 0; k < numeric.size(); ++k) {
      CAPTURE(k);
      CHECK(std::abs(analytic[k] - numeric[k]) <= 1e-5 + 1e-3 * std::abs(numeric[k]));
    }
  }
}

/// The pullback of 2 u - 3 v is that combination of the pullbacks of u and v.
inline void check_linear_in_cotangent(const Function& f, const Inputs& x) {
  const auto pull = [&](const Tensor& g) { return tg::vjp(f, x, g).second; };
  const Tensor u = generic(f(x).shape, 11), v = generic(u.shape, 12);
  const Inputs both = pull(u * 2 - v * 3), by_u = pull(u), by_v = pull(v);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto error = tg::to_host(tg::abs(both[i] - (by_u[i] * 2 - by_v[i] * 3)));
    const auto scale = tg::to_host(tg::abs(by_u[i]) * 2 + tg::abs(by_v[i]) * 3 + 1);
    for (std::size_t k = 0; k < error.size(); ++k) CHECK(error[k] <= 1e-12 * scale[k]);
  }
}

/// The gradients of sum(f(x...) * weights) against central differences, and their linearity.
template <class F, class... X> void check_gradient(const F& f, const X&... x) {
  const Function list = of_list(f, std::index_sequence_for<X...>{});
  check_gradient_of_list(list, {x...});
  check_linear_in_cotangent(list, {x...});
}

/// The same of x -> sum over i of sum(gradient_i * weights_i): second derivatives. Pointwise
/// functions have them in files that are compiled with THRUSTGRAD_DERIVATIVE_ORDER=2.
template <class F, class... X> void check_second_gradient(const F& f, const X&... x) {
  const Function first = [f = of_list(f, std::index_sequence_for<X...>{})](const Inputs& in) {
    const Inputs gradients = tg::grad([&](const Inputs& y) { return weighted(f(y)); }, in);
    Tensor total = tg::zeros<double>({});
    for (const Tensor& g : gradients) {
      if (g.defined()) total = total + tg::sum(g * generic(g.shape, 10));
    }
    return total;
  };
  check_gradient_of_list(first, {x...});
}

/// <f(x), g> = <x, pullback(g)> without any error, for a linear f of integers.
template <class F, class... X> void check_adjoint(const F& f, const X&... x) {
  const Inputs inputs{x...};
  const Function list = of_list(f, std::index_sequence_for<X...>{});
  const Tensor g = integers(list(inputs).shape, 13);
  const auto [value, gradients] = tg::vjp(list, inputs, g);
  double product = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    product += tg::sum(inputs[i] * gradients[i]).item();
  CHECK(tg::sum(value * g).item() == product);
  CHECK(tg::norm(value * g).item() != 0);  // else equality would prove little
}

}  // namespace tests
