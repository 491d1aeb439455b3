// SPDX-License-Identifier: MIT
// The kernel of all pointwise work. A thread takes a group of four neighbours along the innermost
// axis, so that dense operands are loaded and stored as one vector each, and the position along the
// other axes is found once for four elements and all operands.
#pragma once
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/cuda/index.cuh"
#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

inline constexpr int group_size = 4;

/// A loop over `sizes`, outermost first, with n operands: first the results, then what is read.
template <std::size_t n> struct MapPlan {
  index_t total_groups;  // threads that have work
  index_t run, groups;   // size of the innermost axis, and its groups; the last may be short
  int outer;             // number of the other axes
  index_t sizes[Shape::max_rank];
  void* data[n];
  index_t step[n];                      // strides along the innermost axis
  index_t strides[n][Shape::max_rank];  // along the other axes
  bool vector[n];                       // whole groups lie dense and aligned
};

template <class... T> struct types {};

/// The elements of one operand in a group, in the type in which they are computed.
template <class T> struct Group { compute_t<T> value[group_size]; };

template <class T> struct alignas(group_size * sizeof(T)) Packed { T value[group_size]; };

template <class T, std::size_t n>
__device__ Group<T> load_group(const MapPlan<n>& plan, std::size_t k, index_t offset, int count) {
  const T* const from = static_cast<const T*>(plan.data[k]) + offset;
  const index_t step = plan.step[k];
  Group<T> group;
  if (plan.vector[k] && count == group_size) {
    const Packed<T> packed = *reinterpret_cast<const Packed<T>*>(from);
#pragma unroll
    for (int i = 0; i < group_size; ++i)
      group.value[i] = static_cast<compute_t<T>>(packed.value[i]);
  } else {
    // Behind the end of a short group its first element stands in: reading it is allowed.
#pragma unroll
    for (int i = 0; i < group_size; ++i)
      group.value[i] = static_cast<compute_t<T>>(from[i < count ? i * step : 0]);
  }
  return group;
}

template <class T, std::size_t n>
__device__ void store_group(const MapPlan<n>& plan, std::size_t k, index_t offset, int count,
                            const Group<T>& group) {
  T* const to = static_cast<T*>(plan.data[k]) + offset;
  const index_t step = plan.step[k];
  if (plan.vector[k] && count == group_size) {
    Packed<T> packed;
#pragma unroll
    for (int i = 0; i < group_size; ++i) packed.value[i] = static_cast<T>(group.value[i]);
    *reinterpret_cast<Packed<T>*>(to) = packed;
  } else {
#pragma unroll
    for (int i = 0; i < group_size; ++i)
      if (i < count) to[i * step] = static_cast<T>(group.value[i]);
  }
}

/// The work of a thread, for results of types Y and operands of types X.
template <class F, class Results, class Operands> struct MapGroup;

template <class F, class... Y, class... X> struct MapGroup<F, types<Y...>, types<X...>> {
  static constexpr std::size_t results = sizeof...(Y), all = sizeof...(Y) + sizeof...(X);

  __device__ static void run(const F& f, const MapPlan<all>& plan, index_t group) {
    index_t offset[all] = {};
    index_t first = group * group_size;
    if (plan.outer > 0) {
      Quotient at = divide(group, plan.groups);
      first = at.rest * group_size;
      for (int axis = plan.outer - 1; axis >= 0; --axis) {
        at = divide(at.value, plan.sizes[axis]);
#pragma unroll
        for (std::size_t k = 0; k < all; ++k) offset[k] += at.rest * plan.strides[k][axis];
      }
    }
#pragma unroll
    for (std::size_t k = 0; k < all; ++k) offset[k] += first * plan.step[k];
    const index_t rest = plan.run - first;
    const int count = rest < group_size ? static_cast<int>(rest) : group_size;
    load(std::index_sequence_for<X...>{}, f, plan, offset, count);
  }

 private:
  template <std::size_t... I>
  __device__ static void load(std::index_sequence<I...>, const F& f, const MapPlan<all>& plan,
                              const index_t* offset, int count) {
    compute(std::index_sequence_for<Y...>{}, f, plan, offset, count,
            load_group<X>(plan, results + I, offset[results + I], count)...);
  }

  template <std::size_t... O>
  __device__ static void compute(std::index_sequence<O...>, const F& f, const MapPlan<all>& plan,
                                 const index_t* offset, int count, const Group<X>&... x) {
    using Result = decltype(f(x.value[0]...));
    Result result[group_size];
#pragma unroll
    for (int i = 0; i < group_size; ++i) result[i] = f(x.value[i]...);
    (store<O, Y>(plan, offset[O], count, result), ...);
  }

  template <std::size_t o, class T, class Result>
  __device__ static void store(const MapPlan<all>& plan, index_t offset, int count,
                               const Result* result) {
    Group<T> group;
#pragma unroll
    for (int i = 0; i < group_size; ++i) {
      if constexpr (results == 1)
        group.value[i] = static_cast<compute_t<T>>(result[i]);
      else
        group.value[i] = static_cast<compute_t<T>>(result[i][o]);
    }
    store_group<T>(plan, o, offset, count, group);
  }
};

template <class F, class Results, class Operands, std::size_t n>
__global__ void __launch_bounds__(threads)
    map_kernel(const __grid_constant__ F f, const __grid_constant__ MapPlan<n> plan) {
  const index_t group = index_t{blockIdx.x} * threads + threadIdx.x;
  if (group < plan.total_groups) MapGroup<F, Results, Operands>::run(f, plan, group);
}

/// The kernel without the type of its functor, so that what launches it is compiled once for all
/// functors with as many operands.
template <std::size_t n>
void launch_map(const void* kernel, const void* f, const MapPlan<n>& plan) {
  const void* arguments[] = {f, &plan};
  check_launch(cudaLaunchKernel(kernel, dim3(blocks_for(plan.total_groups)), dim3(threads),
                                const_cast<void**>(arguments), 0, stream()));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
