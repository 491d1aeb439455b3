// SPDX-License-Identifier: MIT
// Counting and picking of the cuda system: how often each key occurs, and where a mask holds.
// (cub::DeviceHistogram divides to find a key's bin; here the key is the bin.)
#pragma once
#include "thrustgrad/config.h"  // before CUB

#include <thrust/iterator/counting_iterator.h>

#include <cub/device/device_select.cuh>

#include "thrustgrad/system/cuda/memory.h"
#include "thrustgrad/system/cuda/select.cuh"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// counts[k] += how often k occurs among n keys from [0, bins). The keys may be reordered;
/// temporary memory comes from scratch(bytes).
template <class Scratch>
void histogram(index_t* keys, index_t n, index_t* counts, index_t bins, Scratch&&) {
  if (n > 0) detail::launch_histogram<index_t>(keys, n, counts, bins);
}

/// The positions at which a mask of n elements holds, in ascending order; returns their number, for
/// which it waits. Temporary memory comes from scratch(bytes).
template <class Scratch>
index_t select(const bool* mask, index_t n, index_t* positions, Scratch&& scratch) {
  if (n == 0) return 0;
  auto* const count = static_cast<index_t*>(scratch(sizeof(index_t)));
  std::size_t bytes = 0;
  const auto run = [&](void* temporary) {
    check_launch(cub::DeviceSelect::Flagged(temporary, bytes, thrust::counting_iterator<index_t>(0),
                                            mask, positions, count, n, stream()));
  };
  run(nullptr);
  run(scratch(bytes));
  index_t result = 0;
  copy(&result, count, sizeof result);
  return result;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
