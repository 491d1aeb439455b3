// SPDX-License-Identifier: MIT
// The kernel of histograms: a block counts its keys in shared memory, if all bins fit there, and
// adds its counts to those of the others. Integers may be added in any order.
#pragma once
#include <algorithm>

#include "thrustgrad/system/cuda/index.cuh"
#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

inline constexpr int shared_bins = 2048;

/// counts[k] += how often k occurs among n keys.
template <class Key>
__global__ void __launch_bounds__(threads)
    histogram_kernel(const Key* keys, index_t n, unsigned long long* counts, index_t bins) {
  __shared__ unsigned shared[shared_bins];
  const bool fits = bins <= shared_bins;
  if (fits) {
    for (index_t k = threadIdx.x; k < bins; k += threads) shared[k] = 0;
    __syncthreads();
  }
  const index_t step = index_t{gridDim.x} * threads;
  for (index_t i = index_t{blockIdx.x} * threads + threadIdx.x; i < n; i += step) {
    if (fits)
      atomicAdd(&shared[keys[i]], 1u);
    else
      atomicAdd(&counts[keys[i]], 1ull);
  }
  if (!fits) return;
  __syncthreads();
  for (index_t k = threadIdx.x; k < bins; k += threads) {
    if (shared[k] != 0) atomicAdd(&counts[k], static_cast<unsigned long long>(shared[k]));
  }
}

template <class Key>
void launch_histogram(const Key* keys, index_t n, index_t* counts, index_t bins) {
  constexpr index_t keys_per_block = 16 * threads, most_blocks = 1024;
  const index_t blocks = std::min((n + keys_per_block - 1) / keys_per_block, most_blocks);
  histogram_kernel<<<static_cast<unsigned>(blocks), threads, 0, stream()>>>(
      keys, n, reinterpret_cast<unsigned long long*>(counts), bins);
  check_launch();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
