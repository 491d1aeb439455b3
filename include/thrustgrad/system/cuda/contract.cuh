// SPDX-License-Identifier: MIT
// Kernels of contractions. A block computes one tile of the result over one part of the depth. It
// finds the offsets of its rows once and those of the depth a stretch at a time, and keeps them in
// shared memory: no table lies in global memory, and a view of any strides is read in place.
#pragma once
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/cuda/index.cuh"
#include "thrustgrad/system/cuda/stream.h"
#include "thrustgrad/system/cuda/tile.cuh"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

/// How an operand lies in memory.
struct Layout {
  Axes batch, own, depth;
  index_t rows = 0;
  bool along_rows = false;  // whether neighbours in memory are rows or positions of the depth
};

/// A contraction whose result is cut into tiles and whose depth is cut into parts.
struct ContractPlan {
  Layout operand[2];
  index_t m = 0, n = 0, k = 0, batches = 0;
  index_t part_length = 0, tasks = 0;  // a task is one tile of one batch over one part
  bool in_fours = false;  // rows of the result consist of whole, aligned groups of four
};

/// The place of a task.
struct Task {
  index_t top, left, batch, part;

  __device__ Task(const ContractPlan& plan, index_t index) {
    Quotient q = divide(index, (plan.n + tile_size - 1) / tile_size);
    left = q.rest * tile_size;
    q = divide(q.value, (plan.m + tile_size - 1) / tile_size);
    top = q.rest * tile_size;
    q = divide(q.value, plan.batches);
    batch = q.rest;
    part = q.value;
  }
};

/// Offsets of both operands in shared memory. Half of the threads work for each operand.
class Offsets {
 public:
  static constexpr int stretch = tile_threads / 2;  // depth whose offsets are computed at a time

  /// Those of the tile's rows. Behind the last row it is repeated: the results are not written.
  __device__ void find_rows(const ContractPlan& plan, const Task& task) {
    const unsigned k = threadIdx.x / stretch, i = threadIdx.x % stretch;
    if (i >= tile_size) return;
    const Layout& x = plan.operand[k];
    const index_t at = (k == 0 ? task.top : task.left) + i;
    row[k][i] =
        x.batch.offset(task.batch) + x.own.offset(thrustgrad::detail::lesser(at, x.rows - 1));
  }

  /// Those of the depth from `first` on; `end` is behind the last one.
  __device__ void find_depths(const ContractPlan& plan, index_t first, index_t end) {
    const unsigned k = threadIdx.x / stretch, i = threadIdx.x % stretch;
    depth[k][i] =
        plan.operand[k].depth.offset(thrustgrad::detail::lesser<index_t>(first + i, end - 1));
  }

  index_t row[2][tile_size], depth[2][stretch];
};

/// y[b, m, n] = sum over k of a[b, m, k] x[b, n, k], for each part of the depth by itself.
template <class C, class A, class B>
__global__ void __launch_bounds__(tile_threads)
    contract_kernel(const __grid_constant__ ContractPlan plan, const A* a, const B* b, C* y) {
  __shared__ Offsets offsets;
  __shared__ Step<C> left[2], right[2];
  const index_t index = index_t{blockIdx.y} * gridDim.x + blockIdx.x;
  if (index >= plan.tasks) return;
  const Task task(plan, index);
  const index_t begin = task.part * plan.part_length,
                end = thrustgrad::detail::lesser(plan.k, begin + plan.part_length);
  offsets.find_rows(plan, task);
  __syncthreads();
  Share<C, A> a_share(a, offsets.row[0], plan.operand[0].along_rows);
  Share<C, B> b_share(b, offsets.row[1], plan.operand[1].along_rows);
  Sums<C> sums;
  const bool busy = sums.has_results(plan.m - task.top, plan.n - task.left);
  // Round i loads step i into registers, multiplies step i - 1, and then stores step i.
  for (index_t d = begin, stage = 0; d < end + tile_depth; d += tile_depth, stage ^= 1) {
    if (d < end) {
      const unsigned at = static_cast<unsigned>(d - begin) % Offsets::stretch;
      if (at == 0) {
        offsets.find_depths(plan, d, end);
        __syncthreads();
      }
      a_share.load(offsets.depth[0] + at, end - d);
      b_share.load(offsets.depth[1] + at, end - d);
    }
    if (d > begin && busy) sums.multiply(left[stage ^ 1], right[stage ^ 1]);
    if (d < end) {
      a_share.store(left[stage]);
      b_share.store(right[stage]);
    }
    __syncthreads();
  }
  C* const result = y + (task.part * plan.batches + task.batch) * plan.m * plan.n;
  sums.write(result + task.top * plan.n + task.left, plan.n, plan.m - task.top, plan.n - task.left,
             plan.in_fours);
}

inline constexpr int result_width = 32, part_groups = threads / result_width;

/// y[i] = sum of the parts' results i, one after another in eight groups, then the groups.
template <class C>
__global__ void __launch_bounds__(threads)
    add_parts_kernel(const C* parts, index_t count, index_t size, C* y) {
  __shared__ C partial[part_groups][result_width];
  const unsigned lane = threadIdx.x % result_width, group = threadIdx.x / result_width;
  const index_t i = index_t{blockIdx.x} * result_width + lane;
  C sum = 0;
  if (i < size) {
#pragma unroll 4
    for (index_t p = group; p < count; p += part_groups) sum += parts[p * size + i];
  }
  partial[group][lane] = sum;
  __syncthreads();
  if (group != 0 || i >= size) return;
  for (int g = 1; g < part_groups; ++g) sum += partial[g][lane];
  y[i] = sum;
}

template <class C, class A, class B>
void launch_contract(const ContractPlan& plan, const A* a, const B* b, C* y) {
  constexpr index_t widest = index_t{1} << 30;  // below the limit of a grid's x
  const dim3 grid(static_cast<unsigned>(std::min(plan.tasks, widest)),
                  static_cast<unsigned>((plan.tasks + widest - 1) / widest));
  contract_kernel<C><<<grid, tile_threads, 0, stream()>>>(plan, a, b, y);
  check_launch();
}

template <class C> void launch_add_parts(const C* parts, index_t count, index_t size, C* y) {
  const auto blocks = static_cast<unsigned>((size + result_width - 1) / result_width);
  add_parts_kernel<<<blocks, threads, 0, stream()>>>(parts, count, size, y);
  check_launch();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
