// SPDX-License-Identifier: MIT
// Counting and picking: histograms of classes, and where a condition holds. Without gradients. All
// are templates, so that only programs that call them compile their kernels. Layer ops.
#pragma once
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// How often each of 0, ..., bins - 1 occurs among the elements of x: (...) -> (bins), int64.
/// Throws if an element is none of them (it waits for the device to find out).
template <element T>
requires(!floating<T>) Tensor<std::int64_t> bincount(const Tensor<T>& x, index_t bins) {
  const detail::OpScope scope("bincount");
  require(bins >= 0, "bincount", bins, " bins");
  Tensor<std::int64_t> counts = zeros<std::int64_t>({bins});
  if (x.numel() == 0) return counts;
  const auto low = static_cast<index_t>(amin(x).item()),
             high = static_cast<index_t>(amax(x).item());
  require(low >= 0 && high < bins, "bincount", "elements from ", low, " to ", high,
          " do not fit into ", bins, " bins");
  Tensor<std::int64_t> keys =
      copy(std::get<0>(detail::evaluate<std::int64_t>("bincount", detail::identity_fn{}, x)));
  device::histogram(keys.mutable_data(), keys.numel(), counts.mutable_data(), bins, Scratch{});
  return counts;
}

/// How often class `row` was taken for class `column`: labels (n), answers (n) -> (classes,
/// classes). Throws if one of them is no class.
template <std::same_as<std::int64_t> I>
Tensor<I> confusion_matrix(const Tensor<I>& labels, const Tensor<I>& answers, index_t classes) {
  require(labels.shape == answers.shape, "confusion_matrix", "labels ", labels.shape,
          " and answers ", answers.shape, " differ");
  for (const auto* x : {&labels, &answers}) {
    if (x->numel() == 0) continue;
    require(amin(*x).item() >= 0 && amax(*x).item() < classes, "confusion_matrix", "there are ",
            classes, " classes, but elements from ", amin(*x).item(), " to ", amax(*x).item());
  }
  return reshape(bincount(labels * classes + answers, classes * classes), {classes, classes});
}

/// The positions in row-major order at which x is true, ascending: (...) -> (count), int64. It
/// waits for the device, because the result's size depends on the elements.
template <std::same_as<bool> B> Tensor<std::int64_t> nonzero(const Tensor<B>& x) {
  const detail::OpScope scope("nonzero");
  const Tensor<B> mask = contiguous(x);
  Tensor<std::int64_t> positions = empty<std::int64_t>({x.numel()});
  const index_t count = device::select(mask.data(), x.numel(), positions.mutable_data(), Scratch{});
  return slice(positions, 0, 0, count);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
