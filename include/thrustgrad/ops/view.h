// SPDX-License-Identifier: MIT
// The primitive view: other strides over the same elements. Views come in pairs, each the other's
// gradient: reshape and reshape, permute and its inverse, flip and flip, expand and sum_to, slice
// and embed (which writes into zeros, the one of them that copies), windows and overlap_add. Layer
// ops.
#pragma once
#include "thrustgrad/ops/map.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// The elements of x under another shape, without history.
template <class T>
Tensor<T> restrided(const Tensor<T>& x, const Shape& shape, const Shape& strides,
                    index_t shift = 0) {
  Tensor<T> y = x;
  y.shape = shape;
  y.strides = strides;
  y.offset += shift;
  y.node = nullptr;
  y.output = 0;
  return y;
}

/// Writes x into a view of a tensor that nobody else has seen yet.
template <class T> void copy_into(Tensor<T> view, const Tensor<T>& x) {
  const auto loop =
      plan_loop<2>(view.shape, stride_order(view.shape, view.strides), {view.strides, x.strides});
  device::copy_strided(loop.sizes, device::Strided<T>{view.mutable_data(), loop.strides[0]},
                       device::Strided<const T>{x.data(), loop.strides[1]});
}

/// Strides under which x has another shape without a copy; false if there are none.
inline bool reshape_strides(const AnyTensor& x, const Shape& shape, Shape& strides) {
  strides = Shape::repeat(shape.rank(), 0);
  int from = x.rank() - 1, to = shape.rank() - 1;
  while (to >= 0) {
    if (shape[to] == 1) {
      strides[to--] = 1;
      continue;
    }
    while (from >= 0 && x.shape[from] == 1) --from;
    if (from < 0) return false;
    // Merge source axes until their product is that of one or more axes of the result.
    index_t step = x.strides[from], have = x.shape[from], need = shape[to];
    const index_t inner = step;
    int first = to;
    while (have != need) {
      if (have < need) {
        do --from;
        while (from >= 0 && x.shape[from] == 1);
        if (from < 0 || x.strides[from] != step * x.shape[from + 1]) return false;
        step = x.strides[from];
        have *= x.shape[from];
      } else {
        if (--first < 0) return false;
        need *= shape[first];
      }
    }
    index_t next = inner;
    for (; to >= first; --to) {
      strides[to] = next;
      next *= shape[to];
    }
    --from;
  }
  return true;
}

}  // namespace detail

/// The same elements in row-major order under another shape; one size may be -1. It copies only
/// where strides cannot express the result.
/// Throws if the number of elements differs.
template <element T> Tensor<T> reshape(const Tensor<T>& x, Shape shape) {
  const detail::OpScope scope("reshape");
  index_t known = 1, unknown = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == -1 && unknown < 0)
      unknown = axis;
    else
      known = checked_mul(known, shape[axis], "reshape");
  }
  if (unknown >= 0) {
    require(known > 0 && x.numel() % known == 0, "reshape", x.shape, " has ", x.numel(),
            " elements, which ", shape, " does not divide");
    shape[unknown] = x.numel() / known;
  }
  require(shape.numel() == x.numel(), "reshape", x.shape, " has ", x.numel(), " elements, ", shape,
          " needs ", shape.numel());
  Shape strides;
  const bool viewable = x.numel() == 0 || detail::reshape_strides(x, shape, strides);
  const Tensor<T> source = viewable ? x : copy(x);
  if (!viewable || x.numel() == 0) strides = contiguous_strides(shape);
  Tensor<T> y = detail::restrided(source, shape, strides);
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(
        y, wrt(x, [from = x.shape](const Tensor<T>& g) { return reshape(g, from); }));
}

/// Axes [from, x.rank()) as one.
template <element T> Tensor<T> flatten(const Tensor<T>& x, int from = 0) {
  Shape shape = x.shape.slice(0, from);
  shape.push_back(x.shape.slice(from, x.rank()).numel());
  return reshape(x, shape);
}

/// Axis i of the result is axis axes[i] of x.
/// Throws if axes does not name every axis once.
template <element T> Tensor<T> permute(const Tensor<T>& x, const Shape& axes) {
  require(axes.rank() == x.rank(), "permute", axes, " does not name each axis of ", x.shape,
          " once");
  Shape shape, strides, inverse = axes;
  if (x.rank() > 0) normalize_axes("permute", x.shape, axes);  // each exists and is named once
  for (int i = 0; i < axes.rank(); ++i) {
    const int axis = x.shape.axis(axes[i], "permute");
    shape.push_back(x.shape[axis]);
    strides.push_back(x.strides[axis]);
    inverse[axis] = i;
  }
  Tensor<T> y = detail::restrided(x, shape, strides);
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(y, wrt(x, [inverse](const Tensor<T>& g) { return permute(g, inverse); }));
}

/// Two axes exchanged, by default the last two: the transpose of a matrix.
template <element T> Tensor<T> transpose(const Tensor<T>& x, int a = -2, int b = -1) {
  Shape axes = x.shape;
  for (int axis = 0; axis < x.rank(); ++axis) axes[axis] = axis;
  std::swap(axes[x.shape.axis(a, "transpose")], axes[x.shape.axis(b, "transpose")]);
  return permute(x, axes);
}

/// x repeated over a larger shape, without copying.
/// Throws if x.shape does not broadcast to it.
template <element T> Tensor<T> expand(const Tensor<T>& x, const Shape& shape) {
  require(broadcast("expand", x.shape, shape) == shape, "expand", x.shape, " does not stretch to ",
          shape);
  Tensor<T> y = detail::restrided(x, shape, detail::expanded_strides(x, shape));
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(y,
                          wrt(x, [from = x.shape](const Tensor<T>& g) { return sum_to(g, from); }));
}

/// An axis of size 1 inserted before position `at`; -1 appends it.
template <element T> Tensor<T> unsqueeze(const Tensor<T>& x, int at) {
  require(-x.rank() - 1 <= at && at <= x.rank(), "unsqueeze", "position ", at,
          " does not exist in ", x.shape);
  Shape shape = x.shape;
  shape.insert(at < 0 ? at + x.rank() + 1 : at, 1);
  return reshape(x, shape);
}

/// Without the axis `at`, which must have size 1.
template <element T> Tensor<T> squeeze(const Tensor<T>& x, int at) {
  const int axis = x.shape.axis(at, "squeeze");
  require(x.shape[axis] == 1, "squeeze", "axis ", at, " of ", x.shape, " has not size 1");
  Shape shape = x.shape;
  shape.erase(axis);
  return reshape(x, shape);
}

/// Where a slice lies in a larger axis: begin, begin + step, ...
struct Range {
  index_t begin = 0, step = 1;
};

template <floating T>
Tensor<T> embed(const Tensor<T>& x, const Shape& shape,
                const std::array<Range, Shape::max_rank>& at);

namespace detail {

template <class T>
Tensor<T> sliced(const Tensor<T>& x, const Shape& shape,
                 const std::array<Range, Shape::max_rank>& at) {
  Shape strides = x.strides;
  index_t shift = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Range range = at[static_cast<std::size_t>(axis)];
    if (shape[axis] > 0) shift += range.begin * x.strides[axis];
    strides[axis] *= range.step;
  }
  return restrided(x, shape, strides, shift);
}

}  // namespace detail

/// The part of x of the given shape whose axis a starts at at[a].begin and takes every
/// at[a].step-th element. The gradient is embed.
/// Throws if it reaches beyond x.
template <element T>
Tensor<T> slice(const Tensor<T>& x, const Shape& shape,
                const std::array<Range, Shape::max_rank>& at) {
  require(shape.rank() == x.rank(), "slice", shape, " has not the rank of ", x.shape);
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto [begin, step] = at[static_cast<std::size_t>(axis)];
    const index_t last = begin + (shape[axis] - 1) * step;
    require(shape[axis] == 0 ||
                (0 <= begin && begin < x.shape[axis] && 0 <= last && last < x.shape[axis]),
            "slice", shape[axis], " elements from ", begin, " in steps of ", step,
            " do not fit into axis ", axis, " of ", x.shape);
  }
  Tensor<T> y = detail::sliced(x, shape, at);
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(
        y, wrt(x, [from = x.shape, at](const Tensor<T>& g) { return embed(g, from, at); }));
}

/// Elements begin, begin + step, ... before `end` of one axis, as in NumPy's x[begin:end:step];
/// negative positions count from the end, and an `end` behind the axis means its end.
/// Throws if begin or end lie outside, or if step is not positive.
template <element T>
Tensor<T> slice(const Tensor<T>& x, int axis, index_t begin,
                index_t end = std::numeric_limits<index_t>::max(), index_t step = 1) {
  const int a = x.shape.axis(axis, "slice");
  const index_t size = x.shape[a];
  if (begin < 0) begin += size;
  if (end < 0) end += size;
  end = std::min(end, size);
  require(0 <= begin && begin <= size && 0 <= end && step > 0, "slice", "[", begin, ":", end, ":",
          step, "] does not lie in axis ", axis, " of ", x.shape);
  Shape shape = x.shape;
  shape[a] = begin < end ? (end - begin + step - 1) / step : 0;
  std::array<Range, Shape::max_rank> at{};
  at[static_cast<std::size_t>(a)] = {begin, step};
  return slice(x, shape, at);
}

/// The slice at one position of an axis, without that axis: x[..., index, ...].
template <element T> Tensor<T> select(const Tensor<T>& x, int axis, index_t index) {
  const int a = x.shape.axis(axis, "select");
  const index_t at = index < 0 ? index + x.shape[a] : index;
  require(0 <= at && at < x.shape[a], "select", "position ", index, " does not exist in axis ",
          axis, " of ", x.shape);
  return squeeze(slice(x, a, at, at + 1), a);
}

/// Zeros of the given shape, with x where slice(shape of x, at) lies: the gradient of slice.
template <floating T>
Tensor<T> embed(const Tensor<T>& x, const Shape& shape,
                const std::array<Range, Shape::max_rank>& at) {
  const detail::OpScope scope("embed");
  Tensor<T> y = zeros<T>(shape);
  y.strides = ordered_strides(shape, stride_order(shape, x.strides));
  detail::copy_into(detail::sliced(y, x.shape, at), x);
  return differentiable(
      y, wrt(x, [to = x.shape, at](const Tensor<T>& g) { return slice(g, to, at); }));
}

/// The elements of the given axes in reverse order.
template <element T> Tensor<T> flip(const Tensor<T>& x, const Shape& axes) {
  Shape strides = x.strides;
  index_t shift = 0;
  for (index_t axis : normalize_axes("flip", x.shape, axes)) {
    shift += std::max<index_t>(x.shape[axis] - 1, 0) * strides[axis];
    strides[axis] = -strides[axis];
  }
  Tensor<T> y = detail::restrided(x, x.shape, strides, shift);
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(y, wrt(x, [axes](const Tensor<T>& g) { return flip(g, axes); }));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
