// SPDX-License-Identifier: MIT
// Barriers and warp-wide instructions that not all come to, and waiting without end.
#include "bug.h"

namespace {

template <bool bug> __global__ void branch_barrier(int* y) {
  __shared__ int tile[64];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (bug && threadIdx.x % 2 != 0) {
    __syncthreads();  // found: divergent_barrier
    y[threadIdx.x] = tile[63 - threadIdx.x] + 1;
  } else {
    __syncthreads();  // found: divergent_barrier
    y[threadIdx.x] = tile[63 - threadIdx.x];
    if (threadIdx.x % 2 != 0) y[threadIdx.x] += 1;
  }
}
const Case divergent_barrier("divergent_barrier", [](bool bug) {
  const Array<int> y(64, 0);
  (bug ? branch_barrier<true> : branch_barrier<false>)<<<1, 64>>>(y.data());
  return equals(y, [](int i) { return 63 - i + i % 2; });
});

template <bool bug> __global__ void half_barrier(volatile int* y) {
  if (!bug || threadIdx.x < 32) {
    __syncthreads();  // found: barrier_in_half_the_block
  } else {
    while (y[1] == 0) {  // found: barrier_in_half_the_block
    }
  }
  if (threadIdx.x == 0) y[1] = 1;
}
const Case barrier_in_half_the_block("barrier_in_half_the_block", [](bool bug) {
  const Array<int> y(2, 0);
  (bug ? half_barrier<true> : half_barrier<false>)<<<1, 64>>>(y.data());
  return equals(y, [](int i) { return i; });
});

__global__ void wait_for_flag(int* flag, int* y) {
  while (atomicAdd(flag, 0) == 0) {  // found: endless_wait
  }
  *y = 1;
}
const Case endless_wait("endless_wait", [](bool bug) {
  const Array<int> flag(1, bug ? 0 : 1), y(1, 0);
  wait_for_flag<<<1, 1>>>(flag.data(), y.data());
  return equals(y, [](int) { return 1; });
});

template <bool bug> __global__ void sum_of_half(int* y) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < 16) {
    const unsigned members = bug ? ~0u : 0xffffu;
    y[i] = __shfl_xor_sync(members, i, 1);  // found: lane_does_not_come
  } else {
    __shared__ int tile[32];
    tile[i] = i;
    __syncwarp(bug ? ~0u : 0xffff0000u);  // found: lane_does_not_come
    y[i] = tile[i ^ 1];
  }
}
const Case lane_does_not_come("lane_does_not_come", [](bool bug) {
  const Array<int> y(32, 0);
  (bug ? sum_of_half<true> : sum_of_half<false>)<<<1, 32>>>(y.data());
  return equals(y, [](int i) { return i ^ 1; });
});

template <bool bug> __global__ void foreign_mask(int* y) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= 8) return;
  y[i] = __shfl_sync(bug ? 0x0fu : 0xffu, i, 0, 4);  // found: mask_without_own_lane
}
const Case mask_without_own_lane("mask_without_own_lane", [](bool bug) {
  const Array<int> y(8, 0);
  (bug ? foreign_mask<true> : foreign_mask<false>)<<<1, 32>>>(y.data());
  return equals(y, [](int i) { return i / 4 * 4; });
});

/// Only the lanes below n take part, but the source lane may be another.
template <bool bug> __global__ void broadcast(int n, int* y) {
  const int i = static_cast<int>(threadIdx.x);
  const int from = bug ? 31 : 0;
  if (i < n) y[i] = __shfl_sync((1u << n) - 1, i + 1, from);  // found: shuffle_from_absent_lane
}
const Case shuffle_from_absent_lane("shuffle_from_absent_lane", [](bool bug) {
  const Array<int> y(8, 0);
  (bug ? broadcast<true> : broadcast<false>)<<<1, 32>>>(8, y.data());
  return equals(y, [](int) { return 1; });
});

}  // namespace

int main(int count, char** arguments) { return run_case(count, arguments); }
