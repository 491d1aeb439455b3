// SPDX-License-Identifier: MIT
// Counting and picking of the host system: how often each key occurs, and where a mask holds.
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/copy.h>
#include <thrust/iterator/constant_iterator.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>

#include "thrustgrad/system/host/for_each.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// counts[k] += how often k occurs among n keys from [0, bins). The keys may be reordered;
/// temporary memory comes from scratch(bytes).
template <class Scratch>
void histogram(index_t* keys, index_t n, index_t* counts, index_t /*bins*/, Scratch&& scratch) {
  thrust::sort(thrust::omp::par, keys, keys + n);
  auto* const runs =
      static_cast<index_t*>(scratch(static_cast<std::size_t>(2 * n) * sizeof(index_t)));
  const auto ends = thrust::reduce_by_key(thrust::seq, keys, keys + n,
                                          thrust::constant_iterator<index_t>(1), runs, runs + n);
  for_each_task(ends.first - runs, ends.first - runs,
                [&](index_t r) { counts[runs[r]] += runs[n + r]; });
}

/// The positions at which a mask of n elements holds, in ascending order; returns their number.
template <class Scratch>
index_t select(const bool* mask, index_t n, index_t* positions, Scratch&&) {
  const thrust::counting_iterator<index_t> first(0);
  const auto holds = [mask](index_t i) { return mask[i]; };
  return thrust::copy_if(thrust::seq, first, first + n, positions, holds) - positions;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
