// SPDX-License-Identifier: MIT
// Races: between warps of a block, lanes of a warp, and blocks.
#include <cooperative_groups.h>

#include "bug.h"

namespace {

template <bool bug> __global__ void reverse(const int* x, int* y) {
  __shared__ int tile[256];
  tile[threadIdx.x] = x[threadIdx.x];
  if constexpr (!bug) __syncthreads();
  y[threadIdx.x] = tile[255 - threadIdx.x];  // found: read_without_barrier
}
const Case read_without_barrier("read_without_barrier", [](bool bug) {
  const Array<int> x(count_up(256)), y(256, 0);
  (bug ? reverse<true> : reverse<false>)<<<1, 256>>>(x.data(), y.data());
  return equals(y, [](int i) { return 256 - i; });
});

template <bool bug> __global__ void rotate(int* y, int rounds) {
  __shared__ int tile[128];
  int sum = 0;
  for (int round = 0; round < rounds; ++round) {
    tile[threadIdx.x] = round * static_cast<int>(threadIdx.x);  // found: overwrite_without_barrier
    __syncthreads();
    sum += tile[(threadIdx.x + 64) % 128];
    if constexpr (!bug) __syncthreads();
  }
  y[threadIdx.x] = sum;
}
const Case overwrite_without_barrier("overwrite_without_barrier", [](bool bug) {
  const Array<int> y(128, 0);
  (bug ? rotate<true> : rotate<false>)<<<1, 128>>>(y.data(), 4);
  return equals(y, [](int i) { return 6 * ((i + 64) % 128); });
});

template <bool bug> __global__ void write_twice(int* y) {
  __shared__ int tile[64];
  tile[threadIdx.x] = 1;  // found: write_twice
  if constexpr (!bug) __syncthreads();
  if (threadIdx.x < 32) tile[63 - threadIdx.x] = 2;  // found: write_twice
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}
const Case write_twice_case("write_twice", [](bool bug) {
  const Array<int> y(64, 0);
  (bug ? write_twice<true> : write_twice<false>)<<<1, 64>>>(y.data());
  return equals(y, [](int i) { return i < 32 ? 1 : 2; });
});

template <bool bug> __global__ void swap_neighbours(const int* x, int* y) {
  __shared__ int tile[32];
  tile[threadIdx.x] = x[threadIdx.x];
  if constexpr (!bug) __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x ^ 1];  // found: missing_syncwarp
}
const Case missing_syncwarp("missing_syncwarp", [](bool bug) {
  const Array<int> x(count_up(32)), y(32, 0);
  (bug ? swap_neighbours<true> : swap_neighbours<false>)<<<1, 32>>>(x.data(), y.data());
  return equals(y, [](int i) { return (i ^ 1) + 1; });
});

/// A sum within a warp. Lanes write what others have read.
template <bool bug> __global__ void sum_in_warp(const int* x, int* y) {
  __shared__ int tile[64];
  const int i = static_cast<int>(threadIdx.x);
  tile[i] = x[i];
  tile[i + 32] = 0;
  __syncwarp();
  for (int step = 16; step > 0; step /= 2) {
    const int other = tile[i + step];
    if constexpr (!bug) __syncwarp();
    tile[i] += other;  // found: overwrite_without_syncwarp
    __syncwarp();
  }
  if (i == 0) *y = tile[0];
}
const Case overwrite_without_syncwarp("overwrite_without_syncwarp", [](bool bug) {
  const Array<int> x(count_up(32)), y(1, 0);
  (bug ? sum_in_warp<true> : sum_in_warp<false>)<<<1, 32>>>(x.data(), y.data());
  return equals(y, [](int) { return 32 * 33 / 2; });
});

template <bool bug> __global__ void store_one(int* y) {
  if (bug || threadIdx.x == 31) *y = static_cast<int>(threadIdx.x);  // found: lanes_store_one_word
}
const Case lanes_store_one_word("lanes_store_one_word", [](bool bug) {
  const Array<int> y(1, 0);
  (bug ? store_one<true> : store_one<false>)<<<1, 32>>>(y.data());
  return equals(y, [](int) { return 31; });
});

template <bool bug> __global__ void histogram(const int* x, int* y) {
  __shared__ int counts[16];
  if (threadIdx.x < 16) counts[threadIdx.x] = 0;
  __syncthreads();
  if (bug)
    counts[x[threadIdx.x] % 16]++;  // found: histogram_without_atomics
  else
    atomicAdd(&counts[x[threadIdx.x] % 16], 1);
  __syncthreads();
  if (threadIdx.x < 16) y[threadIdx.x] = counts[threadIdx.x];
}
const Case histogram_without_atomics("histogram_without_atomics", [](bool bug) {
  const Array<int> x(count_up(256)), y(16, 0);
  (bug ? histogram<true> : histogram<false>)<<<1, 256>>>(x.data(), y.data());
  return equals(y, [](int) { return 16; });
});

template <bool bug> __global__ void sum_of_blocks(const int* x, int* sum) {
  if (threadIdx.x != 0) return;
  if (bug)
    *sum += x[blockIdx.x];  // found: blocks_add_without_atomics
  else
    atomicAdd(sum, x[blockIdx.x]);
}
const Case blocks_add_without_atomics("blocks_add_without_atomics", [](bool bug) {
  const Array<int> x(count_up(8)), y(1, 0);
  (bug ? sum_of_blocks<true> : sum_of_blocks<false>)<<<8, 32>>>(x.data(), y.data());
  return equals(y, [](int) { return 36; });
});

/// How one block tells another that its data are there.
enum Publication { correct, no_fence, early_fence, block_fence };
template <Publication how> __global__ void publish(int* data, int* flag, int* y) {
  if (blockIdx.x == 0) {
    if constexpr (how == early_fence) __threadfence();
    data[threadIdx.x] = static_cast<int>(threadIdx.x) + 1;
    __syncthreads();
    if constexpr (how == correct) __threadfence();
    if constexpr (how == block_fence) __threadfence_block();
    if (threadIdx.x == 0) atomicExch(flag, 1);
  } else {
    if (threadIdx.x == 0)
      while (atomicAdd(flag, 0) == 0) {
      }
    __syncthreads();
    __threadfence();
    y[threadIdx.x] = data[threadIdx.x];  // found: flag_without_fence fence_too_early block_fence
  }
}
template <Publication how> bool run_publish(bool bug) {
  const Array<int> data(64, 0), flag(1, 0), y(64, 0);
  (bug ? publish<how> : publish<correct>)<<<2, 64>>>(data.data(), flag.data(), y.data());
  return equals(y, [](int i) { return i + 1; });
}
const Case flag_without_fence("flag_without_fence", run_publish<no_fence>);
const Case fence_too_early("fence_too_early", run_publish<early_fence>);
const Case block_fence_case("block_fence", run_publish<block_fence>);

template <bool bug> __global__ void last_block_sums(int* partial, unsigned* finished, int* sum) {
  __shared__ bool is_last;
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = static_cast<int>(blockIdx.x) + 1;
    if constexpr (!bug) __threadfence();
    is_last = atomicInc(finished, gridDim.x - 1) == gridDim.x - 1;
    if constexpr (!bug) __threadfence();
  }
  __syncthreads();
  if (!is_last || threadIdx.x != 0) return;
  int total = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) total += partial[i];  // found: last_block_without_fence
  *sum = total;
}
const Case last_block_without_fence("last_block_without_fence", [](bool bug) {
  const Array<int> partial(8, 0), sum(1, 0);
  const Array<unsigned> finished(1, 0);
  (bug ? last_block_sums<true> : last_block_sums<false>)<<<8, 64>>>(partial.data(), finished.data(),
                                                                    sum.data());
  return equals(sum, [](int) { return 36; });
});

template <bool bug> __global__ void add_locked(int* lock, int* sum) {
  if (threadIdx.x != 0) return;
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  if constexpr (!bug) __threadfence();
  *sum += static_cast<int>(blockIdx.x) + 1;  // found: lock_without_fence
  if constexpr (!bug) __threadfence();
  atomicExch(lock, 0);
}
const Case lock_without_fence("lock_without_fence", [](bool bug) {
  const Array<int> lock(1, 0), sum(1, 0);
  (bug ? add_locked<true> : add_locked<false>)<<<8, 32>>>(lock.data(), sum.data());
  return equals(sum, [](int) { return 36; });
});

template <bool bug> __global__ void shift_blocks(const int* x, int* between, int* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  between[i] = x[i];
  if constexpr (bug)
    __syncthreads();
  else
    cooperative_groups::this_grid().sync();
  y[i] = between[(i + blockDim.x) % n];  // found: block_barrier_for_grid
}
const Case block_barrier_for_grid("block_barrier_for_grid", [](bool bug) {
  const Array<int> x(count_up(256)), between(256, 0), y(256, 0);
  const int* from = x.data();
  int *middle = between.data(), *to = y.data();
  void* arguments[] = {&from, &middle, &to};
  cudaLaunchCooperativeKernel(bug ? shift_blocks<true> : shift_blocks<false>, dim3(4), dim3(64),
                              arguments, 0, nullptr);
  return equals(y, [](int i) { return (i + 64) % 256 + 1; });
});

}  // namespace

int main(int count, char** arguments) { return run_case(count, arguments); }
