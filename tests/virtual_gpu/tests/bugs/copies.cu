// SPDX-License-Identifier: MIT
// cp.async: destinations that are read too early or overwritten too early.
#include <cuda_pipeline.h>

#include "bug.h"

namespace {

/// What is wrong with a ring of tiles that are copied ahead.
enum Ring { correct, group_too_few, no_wait, no_barrier, overwritten };

constexpr int stages = 3, width = 128;

template <Ring ring> __global__ void sum_tiles(const int* x, int tiles, int* y) {
  __shared__ int tile[stages][width];
  const unsigned i = threadIdx.x;
  const auto fetch = [&](int k) {
    const int* const from = x + k * width + i;
    int* const to = &tile[k % stages][i];
    if (k < tiles) __pipeline_memcpy_async(to, from, 4);  // found: tile_overwritten
    __pipeline_commit();
  };
  for (int k = 0; k < stages - 1; ++k) fetch(k);
  int sum = 0;
  for (int k = 0; k < tiles; ++k) {
    if constexpr (ring == group_too_few)
      __pipeline_wait_prior(stages - 1);
    else if constexpr (ring != no_wait)
      __pipeline_wait_prior(stages - 2);
    if constexpr (ring != no_barrier && ring != overwritten) __syncthreads();
    if constexpr (ring == overwritten) {
      fetch(k + stages - 1);
      __syncthreads();
    }
    sum += tile[k % stages]
               [(i + 32) % width];  // found: group_too_few copy_without_wait copy_without_barrier
    if constexpr (ring != overwritten) {
      if constexpr (ring == no_barrier) __syncthreads();
      fetch(k + stages - 1);
    }
  }
  y[i] = sum;
}

template <Ring ring> bool run_ring(bool bug) {
  constexpr int tiles = 8;
  const Array<int> x(count_up(tiles * width)), y(width, 0);
  (bug ? sum_tiles<ring> : sum_tiles<correct>)<<<1, width>>>(x.data(), tiles, y.data());
  return equals(y, [](int i) {
    int sum = 0;
    for (int k = 0; k < tiles; ++k) sum += k * width + (i + 32) % width + 1;
    return sum;
  });
}
const Case group_too_few_case("group_too_few", run_ring<group_too_few>);
const Case copy_without_wait("copy_without_wait", run_ring<no_wait>);
const Case copy_without_barrier("copy_without_barrier", run_ring<no_barrier>);
const Case tile_overwritten("tile_overwritten", run_ring<overwritten>);

/// The source of a copy ends too early.
__global__ void copy_tile(const int* x, int* y) {
  __shared__ alignas(16) int tile[32];
  const unsigned i = 4 * threadIdx.x;
  if (i < 32) __pipeline_memcpy_async(tile + i, x + i, 16);  // found: copy_past_the_end
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}
const Case copy_past_the_end("copy_past_the_end", [](bool bug) {
  const Array<int> x(count_up(bug ? 30 : 32)), y(32, 0);
  copy_tile<<<1, 32>>>(x.data(), y.data());
  return equals(y, [](int i) { return i + 1; });
});

}  // namespace

int main(int count, char** arguments) { return run_case(count, arguments); }
