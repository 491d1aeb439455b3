// SPDX-License-Identifier: MIT
// Adam with decoupled weight decay. Both moments are values of the model's own type, and the number
// of steps lies in device memory, so that a captured step counts on. A step is one pass over each
// parameter, in place. Layer optim.
#pragma once
#include <cmath>
#include <tuple>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/core/random.h"
#include "thrustgrad/ops/map.h"
#include "thrustgrad/optim/scalar.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.999;  // how much of the moments is kept
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

namespace detail {

/// What corrects the moments of step t for their start at zero: 1 / (1 - beta1^t) and
/// 1 / sqrt(1 - beta2^t). In double: 1 - 0.999^t would lose four digits of a float.
struct bias_corrections_fn {
  double log_beta1, log_beta2;
  THRUSTGRAD_FN auto operator()(std::int64_t t) const {
    const auto steps = static_cast<double>(t);
    return pack{static_cast<float>(-1 / expm1(steps * log_beta1)),
                static_cast<float>(rsqrt(-expm1(steps * log_beta2)))};
  }
};

struct count_fn {
  THRUSTGRAD_FN auto operator()(std::int64_t steps, bool taken) const { return steps + taken; }
};

/// One step of a weight w with moments m, v and gradient g.
template <class C> struct adamw_fn {
  C beta1, beta2, new_share1, new_share2, epsilon, weight_decay;

  explicit adamw_fn(const AdamWSettings& settings)
      : beta1(C(settings.beta1)),
        beta2(C(settings.beta2)),
        new_share1(C(1 - settings.beta1)),
        new_share2(C(1 - settings.beta2)),
        epsilon(C(settings.epsilon)),
        weight_decay(C(settings.weight_decay)) {}

  THRUSTGRAD_FN auto operator()(C w, C m, C v, C g, float rate, float correction1,
                                float correction2, bool taken) const {
    const C mean = beta1 * m + new_share1 * g;
    const C square = beta2 * v + new_share2 * g * g;
    const C direction = C(correction1) * mean / (sqrt(square) * C(correction2) + epsilon);
    return pack{where(taken, w - C(rate) * (weight_decay * w + direction), w),
                where(taken, mean, m), where(taken, square, v)};
  }
};

}  // namespace detail

///   AdamW adamw(model, {.weight_decay = 0.05});
///   adamw.step(model, gradient, 1e-3);
/// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, and w moves by -rate weight_decay w
/// and by -rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) in step t = 1, 2, ...
/// Parameters without a gradient are left alone. Without weight decay it is Adam.
/// Kingma & Ba, arXiv:1412.6980; Loshchilov & Hutter, arXiv:1711.05101.
template <class Model> struct AdamW {
  Model first_moment, second_moment;  // zeros at first
  Step steps;                         // taken so far
  AdamWSettings settings;

  AdamW() = default;
  explicit AdamW(const auto& model, const AdamWSettings& options = {})
      : first_moment(zeros_like(model)), second_moment(zeros_like(model)), settings(options) {}

  /// Moves the parameters of the model. The rate is a number, or a tensor with one element. With a
  /// flag, the step is taken only if it is true, decided on the device. Throws if the shapes of a
  /// gradient and its parameter differ.
  template <class M, class Gradient>
  void step(M&& model, const Gradient& gradient, const Scalar& rate,
            const Tensor<bool>& taken = scalar(true)) {
    assign(std::tie(steps.value), detail::count_fn{}, taken);
    const auto [correction1, correction2] =
        map(detail::bias_corrections_fn{std::log(settings.beta1), std::log(settings.beta2)},
            steps.value);
    visit_parameters(
        [&, &c1 = correction1, &c2 = correction2]<class P>(P& w, P& m, P& v, const P& g) {
          const detail::adamw_fn<compute_t<typename P::value_type>> functor(settings);
          if (g.defined()) assign(std::tie(w, m, v), functor, g, rate.value, c1, c2, taken);
        },
        model, first_moment, second_moment, gradient);
  }

  auto fields() {
    return thrustgrad::fields(field("first_moment", first_moment),
                              field("second_moment", second_moment), field("steps", steps));
  }
};

template <class M> AdamW(const M&, const AdamWSettings& = {}) -> AdamW<detail::value_of<M>>;

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
