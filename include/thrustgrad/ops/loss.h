// SPDX-License-Identifier: MIT
// Softmax and losses. Losses are float (or double) whatever the activations are. Layer ops.
#pragma once
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

struct log_softmax_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto top, auto log_sum) const { return x - top - log_sum; }
};

/// Along an axis: the largest element of x, exp(x - largest), and the sum of these.
template <class T> struct Exponentials {
  Tensor<T> top;
  Tensor<compute_t<T>> values, sum;
  Exponentials(const char* op, const Tensor<T>& x, int axis)
      : top(amax(stop_gradient(x), {axis}, Keep::axes)),
        values(std::get<0>(evaluate<compute_t<T>>(op, shifted_exp_fn{}, x, top))),
        sum(thrustgrad::sum(values, {axis}, Keep::axes)) {}
};

template <class T> Tensor<T> softmax(const Tensor<T>& x, const Exponentials<T>& e, int axis) {
  using C = compute_t<T>;
  const auto y = std::get<0>(evaluate<T>("softmax", divides_fn{}, e.values, e.sum));
  return differentiable(y, wrt(x, [axis](const Tensor<T>& g, const Tensor<T>& result) {
                          const auto wide = cast<C>(g), share = cast<C>(result);
                          return cast<T>(share * (wide - sum(wide * share, {axis}, Keep::axes)));
                        }));
}

}  // namespace detail

/// exp(x) / sum of exp(x) along an axis, without overflow. The 16-bit types are rounded once.
template <floating T> Tensor<T> softmax(const Tensor<T>& x, int axis = -1) {
  const detail::OpScope scope("softmax");
  const int a = x.shape.axis(axis, "softmax");
  return detail::softmax(x, detail::Exponentials<T>("softmax", x, a), a);
}

/// x - log of the sum of exp(x) along an axis. The 16-bit types are rounded once.
template <floating T> Tensor<T> log_softmax(const Tensor<T>& x, int axis = -1) {
  using C = compute_t<T>;
  const detail::OpScope scope("log_softmax");
  const int a = x.shape.axis(axis, "log_softmax");
  const detail::Exponentials<T> e("log_softmax", x, a);
  const auto y = std::get<0>(
      detail::evaluate<T>("log_softmax", detail::log_softmax_fn{}, x, e.top, log(e.sum)));
  return differentiable(y, wrt(x, [a](const Tensor<T>& g, const Tensor<T>& result) {
                          const auto wide = cast<C>(g);
                          return cast<T>(wide - exp(cast<C>(result)) * sum(wide, {a}, Keep::axes));
                        }));
}

/// What becomes of the losses of a batch.
enum class Reduction { none, sum, mean };

struct CrossEntropySettings {
  double label_smoothing = 0;  // the share of the target that is spread over all classes
  Reduction reduction = Reduction::mean;
};

namespace detail {

/// The wanted probability of a class: 1 - smoothing at the label, and smoothing / classes
/// everywhere. A label that is no class makes its loss NaN instead of passing for an easy one.
template <class C> struct target_fn {
  std::int64_t classes;
  C at_label, elsewhere;
  THRUSTGRAD_FN C operator()(std::int64_t label, std::int64_t c) const {
    const bool exists = label >= 0 && label < classes;
    return exists ? (label == c ? at_label : elsewhere)
                  : limits<C>::greatest() - limits<C>::greatest();
  }
};

/// - target log(softmax), and 0 for a class that is not wanted, however impossible the logit.
struct surprise_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto top, auto log_sum, auto target) const {
    return where(target == 0, target, (log_sum - (x - top)) * target);
  }
};

template <class T> Tensor<T> reduced(const Tensor<T>& losses, Reduction reduction) {
  if (reduction == Reduction::sum) return sum(losses);
  return reduction == Reduction::mean ? mean(losses) : losses;
}

}  // namespace detail

/// - sum over classes of target log(softmax(logits)), (n, classes), labels (n) -> (), or (n) for
/// Reduction::none. A label that is no class makes the loss NaN.
/// Throws if the shapes do not fit, or if the smoothing is not in [0, 1].
/// Source of the smoothing: Szegedy et al., arXiv:1512.00567, section 7.
template <floating T, element I>
Tensor<compute_t<T>> cross_entropy(const Tensor<T>& logits, const Tensor<I>& labels,
                                   const CrossEntropySettings& settings = {}) {
  using C = compute_t<T>;
  const detail::OpScope scope("cross_entropy");
  static_assert(!floating<I> && !std::is_same_v<I, bool>,
                "thrustgrad: labels are integers, one a row");
  require(logits.rank() == 2 && labels.shape == Shape{logits.size(0)}, "cross_entropy", "logits ",
          logits.shape, " are (n, classes), labels ", labels.shape, " must be (n)");
  require(settings.label_smoothing >= 0 && settings.label_smoothing <= 1, "cross_entropy",
          "label smoothing ", settings.label_smoothing, " does not lie in [0, 1]");
  const index_t classes = logits.size(1);
  const double elsewhere = settings.label_smoothing / static_cast<double>(classes);
  const detail::target_fn<C> wanted{
      classes, static_cast<C>(1 - settings.label_smoothing + elsewhere), static_cast<C>(elsewhere)};
  const auto target =
      map(wanted, unsqueeze(cast<std::int64_t>(labels), 1), arange<std::int64_t>(classes));
  const auto x = cast<C>(logits);
  const detail::Exponentials<C> e("cross_entropy", x, 1);
  const auto losses = sum(std::get<0>(detail::evaluate<C>("cross_entropy", detail::surprise_fn{}, x,
                                                          e.top, log(e.sum), target)),
                          {1});
  const auto each =
      differentiable(losses, wrt(x, [share = detail::softmax(x, e, 1), target](const Tensor<C>& g) {
                       return (share - target) * unsqueeze(g, 1);
                     }));
  return detail::reduced(each, settings.reduction);
}

/// (x - y)^2, averaged or added.
template <floating T>
Tensor<compute_t<T>> mse_loss(const Tensor<T>& x, const Tensor<T>& y,
                              Reduction reduction = Reduction::mean) {
  using C = compute_t<T>;
  const detail::OpScope scope("mse_loss");
  require(x.shape == y.shape, "mse_loss", "shapes ", x.shape, " and ", y.shape, " differ");
  return detail::reduced(square(cast<C>(x) - cast<C>(y)), reduction);
}

/// How many rows of logits (n, classes) have their largest element at the label: (), int64.
/// Throws if the shapes do not fit.
template <floating T, element I>
Tensor<std::int64_t> count_correct(const Tensor<T>& logits, const Tensor<I>& labels) {
  require(logits.rank() == 2 && labels.shape == Shape{logits.size(0)}, "count_correct", "logits ",
          logits.shape, " are (n, classes), labels ", labels.shape, " must be (n)");
  return sum(equal(argmax(logits, {1}), cast<std::int64_t>(labels)));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
