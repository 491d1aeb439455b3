// SPDX-License-Identifier: MIT
// The size of a gradient as a whole: its global norm, scaling, clipping by the norm, and whether
// all of it is finite. All results stay on the device. Layer optim.
#pragma once
#include <utility>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/ops/reduce.h"
#include "thrustgrad/optim/scalar.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

struct all_finite_monoid {
  THRUSTGRAD_FN bool identity() const { return true; }
  THRUSTGRAD_FN bool lift(auto x, index_t) const { return isfinite(x); }
  THRUSTGRAD_FN bool combine(bool a, bool b) const { return a && b; }
  THRUSTGRAD_FN bool finish(bool a) const { return a; }
};

struct clip_factor_fn {
  // The small number is PyTorch's.
  THRUSTGRAD_FN float operator()(float norm, float max_norm) const {
    return minimum(max_norm / (norm + 1e-6f), 1.0f);
  }
};

}  // namespace detail

/// The square root of the sum of squares of all elements of a gradient, or of the parameters of a
/// model. Absent parameters count as 0.
template <class Gradient> Tensor<float> global_norm(const Gradient& gradient) {
  Tensor<float> squares;
  visit_parameters(
      [&]<class P>(const P& g) {
        if (!g.defined()) return;
        using C = compute_t<typename P::value_type>;
        const auto own = cast<float>(sum_squares(Tensor<C>(cast<C>(g))));
        squares = squares.defined() ? squares + own : own;
      },
      gradient);
  return squares.defined() ? sqrt(squares) : zeros<float>({});
}

/// The gradient times a number, or a tensor with one element.
template <class Gradient> Gradient scaled(const Gradient& gradient, const Scalar& factor) {
  Gradient result = skeleton(gradient);
  visit_parameters(
      [&]<class P>(P& to, const P& g) {
        if (!g.defined()) return;
        using T = typename P::value_type;
        to =
            P(std::get<0>(detail::evaluate<T>("scaled", detail::multiplies_fn{}, g, factor.value)));
      },
      result, gradient);
  return result;
}

/// The global norm, and the gradient times min(1, max_norm / (norm + 1e-6)):
///   auto [loss, gradient] = value_and_grad(f, model);
///   auto [norm, clipped] = clip_by_global_norm(gradient, 1.0);
///   sgd.step(model, clipped, rate);
/// The host does not wait for the norm. Pascanu et al., arXiv:1211.5063, algorithm 1.
template <class Gradient>
std::pair<Tensor<float>, Gradient> clip_by_global_norm(const Gradient& gradient,
                                                       const Scalar& max_norm) {
  const Tensor<float> norm = global_norm(gradient);
  const auto [factor] = detail::evaluate<float>("clip_by_global_norm", detail::clip_factor_fn{},
                                                norm, max_norm.value);
  return {norm, scaled(gradient, factor)};
}

/// Whether no element of a gradient is NaN or infinite, as a tensor of rank 0. Training in half
/// scales the loss up, and skips a step whose gradient overflowed, without waiting for the flag:
///   auto large = grad([&](const auto& m) { return loss(m) * 1024; }, model);
///   sgd.step(model, scaled(large, 1.0 / 1024), rate, all_finite(large));
template <class Gradient> Tensor<bool> all_finite(const Gradient& gradient) {
  Tensor<bool> all;
  visit_parameters(
      [&](const auto& g) {
        if (!g.defined()) return;
        const Shape axes = normalize_axes("all_finite", g.shape, {});
        const auto kept =
            detail::reduce_axes<bool>("all_finite", detail::all_finite_monoid{}, g, axes);
        const auto own = detail::drop_axes(kept, axes, Keep::none);
        all = all.defined() ? logical_and(all, own) : own;
      },
      gradient);
  return all.defined() ? all : scalar(true);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
