// SPDX-License-Identifier: MIT
// Stochastic gradient descent with momentum. The velocity is a value of the model's own type; a
// step is one pass over each parameter, in place, and leaves nothing for the host to wait for.
// Layer optim.
#pragma once
#include <tuple>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/ops/map.h"
#include "thrustgrad/optim/scalar.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Whether weight decay is a part of the gradient (an L2 penalty) or shrinks the weights beside it
/// (Loshchilov & Hutter, arXiv:1711.05101).
enum class Decay { coupled, decoupled };

struct SgdSettings {
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  Decay decay = Decay::coupled;
};

namespace detail {

/// One step of a weight w with velocity v and gradient g. The variants differ only in coefficients,
/// so that one loop without branches is all of them.
template <class C> struct sgd_fn {
  C momentum;
  C penalty, shrinkage;              // the weight decay is one of them, the other is 0
  C gradient_share, velocity_share;  // of the direction

  explicit sgd_fn(const SgdSettings& settings)
      : momentum(C(settings.momentum)),
        penalty(C(settings.decay == Decay::coupled ? settings.weight_decay : 0)),
        shrinkage(C(settings.decay == Decay::decoupled ? settings.weight_decay : 0)),
        gradient_share(C(settings.nesterov ? 1 : 0)),
        velocity_share(C(settings.nesterov ? settings.momentum : 1)) {}

  THRUSTGRAD_FN auto operator()(C w, C v, C g, float rate, bool taken) const {
    const C slope = g + penalty * w;
    const C velocity = momentum * v + slope;
    const C direction = gradient_share * slope + velocity_share * velocity;
    return pack{where(taken, w - C(rate) * (shrinkage * w + direction), w),
                where(taken, velocity, v)};
  }
};

}  // namespace detail

///   Sgd sgd(model, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
///   sgd.step(model, gradient, schedule(step));
/// As in PyTorch: slope = g + weight_decay w (if coupled), v = momentum v + slope, and w moves by
/// -rate v, with Nesterov by -rate (slope + momentum v). Parameters without a gradient stay, and
/// those for which a predicate is false have none:
///   value_and_grad(f, model, [](const std::string& name) { return name.starts_with("head."); })
/// Sutskever et al., "On the importance of initialization and momentum", 2013.
template <class Model> struct Sgd {
  Model velocity;  // zeros at first
  SgdSettings settings;

  Sgd() = default;
  explicit Sgd(const auto& model, const SgdSettings& options = {})
      : velocity(zeros_like(model)), settings(options) {}

  /// Moves the parameters of the model. The rate is that of the mean loss: a number, or a tensor
  /// with one element. With a flag, the step is taken only if it is true, decided on the device.
  /// Throws if the shapes of a gradient and its parameter differ.
  template <class M, class Gradient>
  void step(M&& model, const Gradient& gradient, const Scalar& rate,
            const Tensor<bool>& taken = scalar(true)) {
    const auto update = [&]<class P>(P& weight, P& v, const P& g) {
      const detail::sgd_fn<compute_t<typename P::value_type>> functor(settings);
      if (g.defined()) assign(std::tie(weight, v), functor, g, rate.value, taken);
    };
    visit_parameters(update, model, velocity, gradient);
  }

  auto fields() { return thrustgrad::fields(field("velocity", velocity)); }
};

template <class M> Sgd(const M&, const SgdSettings& = {}) -> Sgd<detail::value_of<M>>;

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
