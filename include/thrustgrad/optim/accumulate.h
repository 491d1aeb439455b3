// SPDX-License-Identifier: MIT
// Sums of gradients, for batches that do not fit into memory at once. Layer optim.
#pragma once
#include <tuple>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/ops/pointwise.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// sum += gradient, in place. What is absent counts as 0:
///   auto sum = skeleton(model);
///   for (const auto& part : micro_batches)
///     accumulate(sum, grad([&](const auto& m) { return loss(m, part) / n; }, model));
///   sgd.step(model, sum, rate);
template <class Gradient> void accumulate(Gradient& sum, const Gradient& gradient) {
  visit_parameters(
      []<class P>(P& s, const P& g) {
        if (!g.defined()) return;
        if (s.defined())
          assign(std::tie(s), detail::plus_fn{}, g);
        else
          s = g;
      },
      sum, gradient);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
