// SPDX-License-Identifier: MIT
// Pointwise work of the cuda system: one kernel for a functor and the types of its operands, which
// takes dense, broadcast and strided operands as they come. (cub::DeviceTransform does not take
// broadcast ones without an iterator type for each, which would be a kernel for each.)
#pragma once
#include <array>
#include <tuple>

#include "thrustgrad/system/cuda/map.cuh"
#include "thrustgrad/system/operands.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// An operand of any type.
struct MapOperand {
  const void* data;
  const Shape& strides;
  std::size_t itemsize;
};

/// Whether whole groups of an operand can be loaded and stored as vectors.
inline bool in_vectors(const MapOperand& x, const Shape& sizes) {
  const auto bytes = x.itemsize * group_size;
  bool aligned = x.strides.back() == 1 && reinterpret_cast<std::uintptr_t>(x.data) % bytes == 0;
  for (int axis = 0; axis + 1 < sizes.rank(); ++axis)
    aligned = aligned && x.strides.begin()[axis] % group_size == 0;
  return aligned;
}

template <std::size_t n>
MapPlan<n> plan_map(const Shape& sizes, const std::array<MapOperand, n>& operands) {
  MapPlan<n> plan{};
  plan.run = sizes.back();
  plan.groups = (plan.run + group_size - 1) / group_size;
  plan.outer = sizes.rank() - 1;
  std::copy_n(sizes.begin(), plan.outer, plan.sizes);
  plan.total_groups = sizes.numel() / plan.run * plan.groups;
  for (std::size_t k = 0; k < n; ++k) {
    const MapOperand& x = operands[k];
    plan.data[k] = const_cast<void*>(x.data);
    plan.step[k] = x.strides.back();
    std::copy_n(x.strides.begin(), plan.outer, plan.strides[k]);
    plan.vector[k] = in_vectors(x, sizes);
  }
  return plan;
}

struct copy_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return x; }
};

}  // namespace detail

/// y[i] = f(x[i]...) for every position i of a loop over `sizes`. Inputs may have any strides; the
/// results are dense in the loop's order. f computes in float for the 16-bit types; with several
/// results it returns something that is indexed by result.
template <class F, class... Y, class... X>
void map(const F& f, const Shape& sizes, const std::tuple<Y*...>& y, const Strided<const X>&... x) {
  if (sizes.numel() == 0) return;
  const Shape dense = contiguous_strides(sizes);
  const auto plan = std::apply(
      [&](Y*... to) {
        return detail::plan_map(sizes,
                                std::array{detail::MapOperand{to, dense, sizeof(Y)}...,
                                           detail::MapOperand{x.data, x.strides, sizeof(X)}...});
      },
      y);
  const auto kernel =
      &detail::map_kernel<F, detail::types<Y...>, detail::types<X...>, sizeof...(Y) + sizeof...(X)>;
  detail::launch_map(reinterpret_cast<const void*>(kernel), &f, plan);
}

/// to[i] = from[i] for every position i of a loop over `sizes`; both may have any strides. It fills
/// a part of a tensor: padding, concatenation.
template <class T>
void copy_strided(const Shape& sizes, const Strided<T>& to, const Strided<const T>& from) {
  if (sizes.numel() == 0) return;
  using Bits = thrustgrad::detail::bits_of<T>;  // copies need no kernel for each type
  const auto plan =
      detail::plan_map(sizes, std::array{detail::MapOperand{to.data, to.strides, sizeof(T)},
                                         detail::MapOperand{from.data, from.strides, sizeof(T)}});
  const auto kernel =
      &detail::map_kernel<detail::copy_fn, detail::types<Bits>, detail::types<Bits>, 2>;
  const detail::copy_fn f;
  detail::launch_map(reinterpret_cast<const void*>(kernel), &f, plan);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
