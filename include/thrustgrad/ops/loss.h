// SPDX-License-Identifier: MIT
// Softmax and losses. Losses are float (or double) whatever the activations are. Layer ops.
#pragma once
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// exp(x) / sum of exp(x) along an axis, without overflow.
template <floating T>
Tensor<T> softmax(const Tensor<T>& x, int axis = -1) {
  const detail::OpScope scope("softmax");
  const auto constant = stop_gradient(x);
  const auto e = exp(constant - amax(constant, {axis}, Keep::axes));
  return differentiable(e / sum(e, {axis}, Keep::axes), wrt(x, [axis](const Tensor<T>& g, const Tensor<T>& y) {
    return y * (g - sum(g * y, {axis}, Keep::axes));
  }));
}

/// x - log of the sum of exp(x) along an axis.
template <floating T>
Tensor<T> log_softmax(const Tensor<T>& x, int axis = -1) {
  const detail::OpScope scope("log_softmax");
  const auto constant = stop_gradient(x);
  return differentiable(constant - logsumexp(constant, {axis}, Keep::axes), wrt(x, [axis](const Tensor<T>& g, const Tensor<T>& y) {
    return g - exp(y) * sum(g, {axis}, Keep::axes);
  }));
}

/// What becomes of the losses of a batch.
enum class Reduction { none, sum, mean };

struct CrossEntropySettings {
  double label_smoothing = 0;  // the share of the target that is spread over all classes
  Reduction reduction = Reduction::mean;
};

namespace detail {

/// The wanted probability of a class: 1 - smoothing at the label, and smoothing / classes everywhere.
/// A label that is no class makes its loss NaN instead of passing for an easy one.
struct target_fn {
  std::int64_t classes;
  double smoothing;
  THRUSTGRAD_FN float operator()(std::int64_t label, std::int64_t c) const {
    const double hit = (label == c ? 1 - smoothing : 0.0) + smoothing / static_cast<double>(classes);
    return label < 0 || label >= classes ? limits<float>::greatest() - limits<float>::greatest() : static_cast<float>(hit);
  }
};

template <class T>
Tensor<T> reduced(const Tensor<T>& losses, Reduction reduction) {
  if (reduction == Reduction::sum) return sum(losses);
  return reduction == Reduction::mean ? mean(losses) : losses;
}

}  // namespace detail

/// - sum over classes of target log(softmax(logits)), (n, classes), labels (n) -> (), or (n) for
/// Reduction::none. A label that is no class makes the loss NaN.
/// Throws if the shapes do not fit.
/// Source of the smoothing: Szegedy et al., arXiv:1512.00567, section 7.
template <floating T, element I>
Tensor<compute_t<T>> cross_entropy(const Tensor<T>& logits, const Tensor<I>& labels, const CrossEntropySettings& settings = {}) {
  using C = compute_t<T>;
  const detail::OpScope scope("cross_entropy");
  static_assert(!floating<I> && !std::is_same_v<I, bool>, "thrustgrad: labels are integers, one a row");
  require(logits.rank() == 2 && labels.shape == Shape{logits.size(0)}, "cross_entropy", "logits ", logits.shape, " are (n, classes), labels ",
          labels.shape, " must be (n)");
  const index_t classes = logits.size(1);
  const auto target = cast<C>(map(detail::target_fn{classes, settings.label_smoothing}, unsqueeze(cast<std::int64_t>(labels), 1),
                                  arange<std::int64_t>(classes)));
  const auto x = cast<C>(logits);
  const auto losses = -sum(log_softmax(stop_gradient(x)) * target, {1});
  const auto each = differentiable(losses, wrt(x, [x, target](const Tensor<C>& g) { return (softmax(x) - target) * unsqueeze(g, 1); }));
  return detail::reduced(each, settings.reduction);
}

/// (x - y)^2, averaged or added.
template <floating T>
Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& y, Reduction reduction = Reduction::mean) {
  const detail::OpScope scope("mse_loss");
  require(x.shape == y.shape, "mse_loss", "shapes ", x.shape, " and ", y.shape, " differ");
  return detail::reduced(square(x - y), reduction);
}

/// How many rows of logits (n, classes) have their largest element at the label: (), int64.
template <floating T, element I>
Tensor<std::int64_t> count_correct(const Tensor<T>& logits, const Tensor<I>& labels) {
  return sum(equal(argmax(logits, {-1}), cast<std::int64_t>(labels)));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
