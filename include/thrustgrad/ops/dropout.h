// SPDX-License-Identifier: MIT
// Dropout: elements set to zero at random while training. Layer ops.
#pragma once
#include "thrustgrad/core/random.h"
#include "thrustgrad/ops/phase.h"
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

template <class C> struct dropout_fn {
  C scale;
  THRUSTGRAD_FN auto operator()(auto x, bool kept) const {
    return where(kept, x * scale, x * C(0));
  }
};

}  // namespace detail

/// In training each element is 0 with probability p and x / (1 - p) else; in evaluation it is x.
/// The same key drops the same elements.
/// Throws if p is not in [0, 1).
/// Source: Srivastava et al., JMLR 15, 2014.
template <floating T> Tensor<T> dropout(const Tensor<T>& x, double p, const Key& key, Phase phase) {
  require(p >= 0 && p < 1, "dropout", "probability ", p, " does not lie in [0, 1)");
  if (phase == Phase::eval || p == 0) return x;
  using C = compute_t<T>;
  return map(detail::dropout_fn<C>{static_cast<C>(1 / (1 - p))}, x, bernoulli(key, x.shape, 1 - p));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
