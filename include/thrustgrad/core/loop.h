// SPDX-License-Identifier: MIT
// Turns operands of one broadcast shape into the loop that a system runs: axes in the order in
// which they lie in memory, those of size 1 dropped, neighbours merged where every operand allows
// it. A loop over dense operands of equal order ends as one axis. Layer core.
#pragma once
#include <array>

#include "thrustgrad/core/tensor.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::detail {

/// The strides of x repeated over a larger shape: 0 along stretched and new axes.
inline Shape expanded_strides(const AnyTensor& x, const Shape& shape) {
  const int shift = shape.rank() - x.rank();
  Shape strides = Shape::repeat(shape.rank(), 0);
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x.shape[axis] != 1) strides[axis + shift] = x.strides[axis];
  }
  return strides;
}

template <std::size_t N> struct Loop {
  Shape sizes;                   // outermost first; rank at least 1
  std::array<Shape, N> strides;  // of each operand

  void push(index_t size, const std::array<index_t, N>& steps) {
    sizes.push_back(size);
    for (std::size_t k = 0; k < N; ++k) strides[k].push_back(steps[k]);
  }
  bool merges(index_t size, const std::array<index_t, N>& steps) const {
    if (sizes.rank() == 0) return false;
    for (std::size_t k = 0; k < N; ++k) {
      if (strides[k].back() != steps[k] * size) return false;
    }
    return true;
  }
};

/// The loop over `shape` with its axes taken in `order`, for operands with these strides.
template <std::size_t N>
Loop<N> plan_loop(const Shape& shape, const Shape& order, const std::array<Shape, N>& strides) {
  Loop<N> loop;
  for (index_t axis : order) {
    const index_t size = shape[axis];
    if (size == 1) continue;
    std::array<index_t, N> steps;
    for (std::size_t k = 0; k < N; ++k) steps[k] = strides[k][axis];
    if (loop.merges(size, steps)) {
      loop.sizes[-1] *= size;
      for (std::size_t k = 0; k < N; ++k) loop.strides[k][-1] = steps[k];
    } else {
      loop.push(size, steps);
    }
  }
  if (loop.sizes.rank() == 0) loop.push(1, {});
  return loop;
}

/// x as the operand of a loop in which it has these strides.
template <class T> device::Strided<const T> operand(const Tensor<T>& x, const Shape& strides) {
  return {x.data(), strides};
}

/// Whether x has this shape and repeats no element.
inline bool fills(const AnyTensor& x, const Shape& shape) {
  if (x.shape != shape) return false;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x.strides[axis] == 0 && shape[axis] > 1) return false;
  }
  return true;
}

/// The order in which a pointwise result over `shape` lies in memory: that of its first operand of
/// full shape, row-major if there is none. So a grid-major network stays grid-major.
inline Shape result_order(const Shape& shape, std::span<const AnyTensor* const> operands) {
  const auto leader = std::find_if(operands.begin(), operands.end(),
                                   [&](const AnyTensor* x) { return fills(*x, shape); });
  return stride_order(shape,
                      leader == operands.end() ? contiguous_strides(shape) : (*leader)->strides);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::detail
