// SPDX-License-Identifier: MIT
// Sums of products of the cuda system: y[b, m, n] = sum over k of a[b, m, k] x[b, n, k]. Each
// operand is an address and three lists of strides, so transposed, strided, overlapping and flipped
// views are read where they lie. A block of threads computes one tile of the result; a long and
// narrow problem is cut along its depth too, and the parts are added in a fixed order.
#pragma once
#include <algorithm>
#include <cstdlib>

#include "thrustgrad/system/cuda/contract.cuh"
#include "thrustgrad/system/operands.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// The layout of an operand whose own axes have the sizes `own`. Neighbouring threads take what has
/// the smaller step; a list of one position has none.
template <class T> Layout layout_of(const Factor<T>& x, const Extents& e, const Shape& own) {
  const auto step = [](const Shape& sizes, const Shape& strides) {
    return sizes.back() == 1 ? limits<index_t>::max() : std::abs(strides.back());
  };
  return {Axes(e.batch, x.batch), Axes(own, x.own), Axes(e.k, x.depth), own.numel(),
          step(own, x.own) < step(e.k, x.depth)};
}

/// Cuts the depth of a problem with few tiles. Depends on the sizes alone, so that the sums are the
/// same on every device; there are parts enough for the largest.
inline void cut_depth(ContractPlan& plan, index_t tiles) {
  constexpr index_t enough_tasks = 512, most_parts = 256, shortest = 16 * tile_depth;
  const index_t wanted =
      std::clamp<index_t>(std::min(enough_tasks / tiles, plan.k / shortest), 1, most_parts);
  const index_t steps = (plan.k + tile_depth - 1) / tile_depth;
  plan.part_length = (steps + wanted - 1) / wanted * tile_depth;
  plan.tasks = (plan.k + plan.part_length - 1) / plan.part_length * tiles;
}

}  // namespace detail

/// y[b, m, n] = sum over k of a[b, m, k] x[b, n, k], y dense. The sums have type C: float for the
/// 16-bit types. Temporary memory comes from scratch(bytes).
template <class C, class A, class B, class Scratch>
void contract(const Factor<A>& a, const Factor<B>& b, const Extents& e, C* y, Scratch&& scratch) {
  detail::ContractPlan plan;
  plan.operand[0] = detail::layout_of(a, e, e.m);
  plan.operand[1] = detail::layout_of(b, e, e.n);
  plan.m = e.m.numel(), plan.n = e.n.numel(), plan.k = e.k.numel();
  plan.batches = e.batch.numel();
  const index_t size = plan.batches * plan.m * plan.n;
  if (size == 0) return;
  if (plan.k == 0) {
    check(cudaMemsetAsync(y, 0, static_cast<std::size_t>(size) * sizeof(C), stream()),
          "filling with zeros");
    return;
  }
  const auto tiles = [](index_t n) { return (n + detail::tile_size - 1) / detail::tile_size; };
  const index_t all = plan.batches * tiles(plan.m) * tiles(plan.n);
  detail::cut_depth(plan, all);
  const index_t parts = plan.tasks / all;
  C* const sums =
      parts == 1 ? y : static_cast<C*>(scratch(static_cast<std::size_t>(parts * size) * sizeof(C)));
  plan.in_fours =
      plan.n % 4 == 0 && reinterpret_cast<std::uintptr_t>(sums) % alignof(detail::Four<C>) == 0;
  detail::launch_contract(plan, a.data, b.data, sums);
  if (parts > 1) detail::launch_add_parts(sums, parts, size, y);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
