// SPDX-License-Identifier: MIT
// Joining and dividing along an axis: concatenate and split are each the other's gradient. Layer
// ops.
#pragma once
#include <vector>

#include "thrustgrad/ops/view.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

template <element T>
std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<index_t>& sizes, int axis = 0);

/// The tensors one behind the other along an axis; their other sizes must agree.
/// Throws if there is none, or if the shapes do not fit.
template <element T> Tensor<T> concatenate(const std::vector<Tensor<T>>& parts, int axis = 0) {
  const detail::OpScope scope("concatenate");
  require(!parts.empty(), "concatenate", "there is nothing to join");
  const int a = parts.front().shape.axis(axis, "concatenate");
  Shape shape = parts.front().shape;
  shape[a] = 0;
  for (const auto& part : parts) {
    Shape expected = shape;
    if (part.rank() == shape.rank()) expected[a] = part.shape[a];
    require(part.shape == expected, "concatenate", part.shape, " does not fit to ",
            parts.front().shape, " along axis ", axis);
    shape[a] += part.shape[a];
  }
  Tensor<T> y = empty<T>(shape, stride_order(parts.front().shape, parts.front().strides));
  std::array<Range, Shape::max_rank> at{};
  index_t& begin = at[static_cast<std::size_t>(a)].begin;
  for (const auto& part : parts) {
    if (part.numel() > 0) detail::copy_into(detail::sliced(y, part.shape, at), part);
    begin += part.shape[a];
  }
  if constexpr (!floating<T>) {
    return y;
  } else {
    std::vector<index_t> sizes;
    for (const auto& part : parts) sizes.push_back(part.shape[a]);
    return differentiable(
        y, wrt(parts, [sizes, a](const Tensor<T>& g) { return split(g, sizes, a); }));
  }
}

/// The tensors, all of one shape, along a new axis at position `at`.
template <element T> Tensor<T> stack(const std::vector<Tensor<T>>& parts, int at = 0) {
  std::vector<Tensor<T>> lifted;
  for (const auto& part : parts) {
    require(part.shape == parts.front().shape, "stack", part.shape, " and ", parts.front().shape,
            " differ");
    lifted.push_back(unsqueeze(part, at));
  }
  require(!lifted.empty(), "stack", "there is nothing to stack");
  return concatenate(lifted, at < 0 ? at + lifted.front().rank() : at);
}

/// Consecutive parts of the given sizes along an axis, as views.
/// Throws if the sizes do not add up to that of the axis.
template <element T>
std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<index_t>& sizes, int axis) {
  const int a = x.shape.axis(axis, "split");
  std::vector<Tensor<T>> parts;
  index_t begin = 0;
  for (index_t size : sizes) {
    require(size >= 0 && begin + size <= x.shape[a], "split", "the sizes exceed axis ", axis,
            " of ", x.shape);
    parts.push_back(slice(x, a, begin, begin + size));
    begin += size;
  }
  require(begin == x.shape[a], "split", "the sizes add up to ", begin, ", not to axis ", axis,
          " of ", x.shape);
  return parts;
}

/// `count` parts of equal size along an axis, as views.
/// Throws if the axis cannot be divided so.
template <element T> std::vector<Tensor<T>> chunk(const Tensor<T>& x, index_t count, int axis = 0) {
  const index_t size = x.shape[x.shape.axis(axis, "chunk")];
  require(count > 0 && size % count == 0, "chunk", "axis ", axis, " of ", x.shape,
          " does not divide into ", count, " equal parts");
  return split(x, std::vector<index_t>(static_cast<std::size_t>(count), size / count), axis);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
