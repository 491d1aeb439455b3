// SPDX-License-Identifier: MIT
// Averages of a model over its training, themselves values of the model's type. Layer optim.
#pragma once
#include <tuple>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/ops/map.h"
#include "thrustgrad/optim/scalar.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

struct average_fn {
  THRUSTGRAD_FN auto operator()(auto average, auto x, float decay) const {
    using C = decltype(average);
    return average + (C(1) - C(decay)) * (x - average);
  }
};

}  // namespace detail

/// average = decay average + (1 - decay) model, for all parameters and buffers, in place:
///   auto average = model;                   // a copy
///   sgd.step(model, gradient, rate);        // in each step
///   ema(average, model, 0.999);
/// Buffers that are no floating-point numbers are copied; what is absent in the model is left out.
/// The decay is a number, or a tensor with one element.
/// Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
template <class Average, class Model>
void ema(Average&& average, const Model& model, const Scalar& decay) {
  visit(
      [&]<class P>(P& mean, const P& x) {
        if (!x.defined()) return;
        if constexpr (floating<typename P::value_type>) {
          assign(std::tie(mean), detail::average_fn{}, x, decay.value);
        } else {
          assign(mean, x);
        }
      },
      average, model);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
