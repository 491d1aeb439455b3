// SPDX-License-Identifier: MIT
// The kernel of running sums: a block scans a chunk of fixed size, so that results are the same on
// every device and in every run.
#pragma once
#include "thrustgrad/config.h"  // before CUB

#include <cub/block/block_load.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>

#include "thrustgrad/system/cuda/index.cuh"
#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

inline constexpr int scan_items = 4;  // of a thread
inline constexpr index_t scan_chunk = threads * scan_items;

/// Writes the sum of each chunk, if `totals` is given; else the running sums in place, each raised
/// by that of the chunks before in its row, before[row, chunk - 1].
template <class T>
__global__ void __launch_bounds__(threads)
    scan_kernel(T* y, index_t n, unsigned chunks, const T* before, T* totals) {
  using Load = cub::BlockLoad<T, threads, scan_items, cub::BLOCK_LOAD_WARP_TRANSPOSE>;
  using Scan = cub::BlockScan<T, threads>;
  using Store = cub::BlockStore<T, threads, scan_items, cub::BLOCK_STORE_WARP_TRANSPOSE>;
  __shared__ union {
    typename Load::TempStorage load;
    typename Scan::TempStorage scan;
    typename Store::TempStorage store;
  } room;

  const unsigned row = blockIdx.x / chunks, chunk = blockIdx.x - row * chunks;
  const index_t begin = chunk * scan_chunk, rest = n - begin;
  T* const from = y + row * n + begin;
  const int count = static_cast<int>(rest < scan_chunk ? rest : scan_chunk);

  T items[scan_items], total;
  Load(room.load).Load(from, items, count, T(0));
  __syncthreads();
  Scan(room.scan).InclusiveSum(items, items, total);
  if (totals != nullptr) {
    if (threadIdx.x == 0) totals[blockIdx.x] = total;
    return;
  }
  if (chunk > 0) {
    const T raise = before[blockIdx.x - 1];
    for (T& item : items) item += raise;
  }
  __syncthreads();
  Store(room.store).Store(from, items, count);
}

template <class T>
void launch_scan(T* y, index_t rows, index_t n, index_t chunks, const T* before, T* totals) {
  scan_kernel<<<static_cast<unsigned>(rows * chunks), threads, 0, stream()>>>(
      y, n, static_cast<unsigned>(chunks), before, totals);
  check_launch();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
