// SPDX-License-Identifier: MIT
// Reductions of the cuda system. A reduction is a monoid: identity, lift(x, position), combine,
// finish. Long ones are cut into chunks, whose states a second launch combines; how they are cut
// depends on the sizes only. (cub::DeviceSegmentedReduce knows neither positions nor results that
// lie side by side.)
#pragma once
#include <bit>

#include "thrustgrad/system/cuda/reduce.cuh"
#include "thrustgrad/system/operands.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// How many chunks are enough to fill any device, and how short one may be for a thread.
inline constexpr index_t enough_blocks = 1024, fewest_elements = 16;

inline ReducePlan plan_reduce(const Reduction& r) {
  ReducePlan plan;
  plan.kept = Axes(r.kept, r.kept_strides);
  plan.reduced = Axes(r.reduced, r.reduced_strides);
  plan.results = r.kept.numel();
  plan.length = r.reduced.numel();
  const auto magnitude = [](index_t stride) { return stride < 0 ? -stride : stride; };
  plan.lanes_first =
      plan.results == 1 || magnitude(r.kept_strides.back()) >= magnitude(r.reduced_strides.back());
  const auto power = [](index_t n, index_t most) {
    return static_cast<int>(
        std::bit_ceil(static_cast<std::uint64_t>(std::clamp<index_t>(n, 1, most))));
  };
  if (plan.lanes_first) {  // a few elements for each lane
    plan.lanes = power((plan.length + 3) / 4, threads);
    plan.width = threads / plan.lanes;
  } else {  // a warp reads neighbouring results
    plan.width = power(plan.results, 32);
    plan.lanes = threads / plan.width;
  }
  const index_t tiles = (plan.results + plan.width - 1) / plan.width;
  const index_t wanted = std::max<index_t>(enough_blocks / tiles, 1);
  plan.chunk = std::max((plan.length + wanted - 1) / wanted, plan.lanes * fewest_elements);
  plan.chunks = std::max<index_t>((plan.length + plan.chunk - 1) / plan.chunk, 1);
  return plan;
}

}  // namespace detail

/// y[k] = finish(combine of lift(x[k, i], i) over all i), y dense in the order of the kept axes.
/// No positions reduce to finish(identity). Temporary memory comes from scratch(bytes).
template <class M, class T, class Y, class Scratch>
void reduce(const M& m, const Reduction& r, const T* x, Y* y, Scratch&& scratch) {
  if (r.kept.numel() == 0) return;
  using State = decltype(m.identity());
  const detail::ReducePlan plan = detail::plan_reduce(r);
  State* states = nullptr;
  if (plan.chunks > 1)
    states = static_cast<State*>(
        scratch(static_cast<std::size_t>(plan.results * plan.chunks) * sizeof(State)));
  detail::launch_reduce(m, plan, x, y, states);
  if (plan.chunks > 1) {
    const Reduction rest{{plan.results}, {plan.chunks}, {plan.chunks}, {1}};
    detail::launch_reduce(detail::combined_monoid<M>{m}, detail::plan_reduce(rest),
                          static_cast<const State*>(states), y, static_cast<State*>(nullptr));
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
