// SPDX-License-Identifier: MIT
// The primitive gather, y[i] = x[index[i]], and its adjoint scatter_add, y[index[i]] += x[i]; each
// is the other's gradient. Sums of repeated positions are taken in a fixed order: the positions are
// sorted (stably), and each target adds its own run. Layer ops.
#pragma once
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// An axis in the middle of a row-major array: (outer, size, inner).
struct AxisView {
  index_t outer = 1, size = 1, inner = 1;
  AxisView(const Shape& shape, int axis)
      : outer(shape.slice(0, axis).numel()),
        size(shape[axis]),
        inner(shape.slice(axis + 1, shape.rank()).numel()) {}
};

/// y[o, j, i] = x[o, index[j or o, j, i], i].
template <class T, class I> struct gather_fn {
  const T* x;
  const I* index;
  T* y;
  index_t size, count, inner;  // of x along the axis, of y along the axis, behind the axis
  bool shared;                 // one list of positions for all o and i
  device::FaultSink faults;
  THRUSTGRAD_FN void operator()(index_t at) const {
    const index_t i = at % inner, row = at / inner, o = row / count;
    const index_t position = static_cast<index_t>(index[shared ? row % count : at]);
    y[at] = faults.accepts(position, size) ? x[(o * size + position) * inner + i] : T();
  }
};

/// The first of n ascending keys that is not smaller.
THRUSTGRAD_FN index_t lower_bound(const index_t* keys, index_t n, index_t key) {
  index_t low = 0;
  while (n > 0) {
    const index_t half = n / 2;
    const bool below = keys[low + half] < key;
    low = below ? low + half + 1 : low;
    n = below ? n - half - 1 : half;
  }
  return low;
}

/// Where the run of each key begins among n ascending keys.
struct run_begin_fn {
  const index_t* keys;
  index_t* begin;
  index_t n;
  THRUSTGRAD_FN void operator()(index_t key) const { begin[key] = lower_bound(keys, n, key); }
};

/// y[o, k, i] = sum of x[o, j, i] over the j whose position is k. The sorted positions make runs,
/// and sources tells where each came from.
template <class T> struct scatter_add_fn {
  const T* x;
  const index_t *begin, *sources;
  T* y;
  index_t size, count, inner;
  bool shared;
  THRUSTGRAD_FN void operator()(index_t at) const {
    const index_t i = at % inner, row = at / inner, o = row / size;
    const index_t key = shared ? row % size : at;
    compute_t<T> sum(0);
    for (index_t k = begin[key]; k < begin[key + 1]; ++k) {
      sum +=
          static_cast<compute_t<T>>(x[shared ? (o * count + sources[k]) * inner + i : sources[k]]);
    }
    y[at] = static_cast<T>(sum);
  }
};

/// Where each element of src lands in a row-major (outer, size, inner): its key; nowhere is -1.
template <class I> struct scatter_key_fn {
  const I* index;
  index_t* keys;
  index_t size, count, inner;
  bool shared;
  device::FaultSink faults;
  THRUSTGRAD_FN void operator()(index_t at) const {
    const auto position = static_cast<index_t>(index[at]);
    const index_t key =
        shared ? position : (at / (count * inner) * size + position) * inner + at % inner;
    keys[at] = faults.accepts(position, size) ? key : -1;
  }
};

template <class I>
concept position = std::is_same_v<I, std::int32_t> || std::is_same_v<I, std::int64_t>;

template <class T, class I>
Tensor<T> gather_values(const char* op, const Tensor<T>& x, const Tensor<I>& index, int axis,
                        const Shape& shape, bool shared) {
  const AxisView from(x.shape, axis), to(shape, axis);
  const auto source = contiguous(x);
  const auto positions = contiguous(index);
  Tensor<T> y = empty<T>(shape);
  device::for_each(y.numel(),
                   gather_fn<T, I>{source.data(), positions.data(), y.mutable_data(), from.size,
                                   to.size, to.inner, shared, device::FaultSink(op)});
  device::check_faults();
  return y;
}

template <class T, class I>
Tensor<T> scatter_add_values(const char* op, const Tensor<T>& x, const Tensor<I>& index, int axis,
                             index_t size, bool shared) {
  Shape shape = x.shape;
  shape[axis] = size;
  const AxisView from(x.shape, axis);
  const auto source = contiguous(x);
  const auto positions = contiguous(index);
  const index_t n = index.numel(), targets = shared ? size : shape.numel();
  Tensor<index_t> keys = empty<index_t>({n}), sources = empty<index_t>({n}),
                  begin = empty<index_t>({targets + 1});
  device::for_each(n, scatter_key_fn<I>{positions.data(), keys.mutable_data(), size, from.size,
                                        from.inner, shared, device::FaultSink(op)});
  device::check_faults();
  device::sort_indices(keys.mutable_data(), sources.mutable_data(), n, targets, Scratch{});
  device::for_each(targets + 1, run_begin_fn{keys.data(), begin.mutable_data(), n});
  Tensor<T> y = empty<T>(shape);
  device::for_each(y.numel(),
                   scatter_add_fn<T>{source.data(), begin.data(), sources.data(), y.mutable_data(),
                                     size, from.size, from.inner, shared});
  return y;
}

}  // namespace detail

template <floating T, detail::position I>
Tensor<T> index_add(const Tensor<T>& x, int axis, const Tensor<I>& index, index_t size);

/// The slices of x at the positions of a list along one axis: an embedding for axis 0.
///   (..., size, ...), index (k) -> (..., k, ...)
/// Throws if a position lies outside the axis (on CUDA the next wait for the device throws).
template <element T, detail::position I>
Tensor<T> index_select(const Tensor<T>& x, int axis, const Tensor<I>& index) {
  const detail::OpScope scope("index_select");
  const int a = x.shape.axis(axis, "index_select");
  require(index.rank() == 1, "index_select", "the positions are a list, not ", index.shape);
  Shape shape = x.shape;
  shape[a] = index.numel();
  const auto y = detail::gather_values("index_select", x, index, a, shape, true);
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(y, wrt(x, [a, index, size = x.shape[a]](const Tensor<T>& g) {
                            return index_add(g, a, index, size);
                          }));
}

/// The adjoint of index_select: slice j of x is added to slice index[j] of zeros with `size`
/// slices.
template <floating T, detail::position I>
Tensor<T> index_add(const Tensor<T>& x, int axis, const Tensor<I>& index, index_t size) {
  const detail::OpScope scope("index_add");
  const int a = x.shape.axis(axis, "index_add");
  require(index.rank() == 1 && index.numel() == x.shape[a], "index_add", "positions ", index.shape,
          " do not match axis ", axis, " of ", x.shape);
  return differentiable(
      detail::scatter_add_values("index_add", x, index, a, size, true),
      wrt(x, [a, index](const Tensor<T>& g) { return index_select(g, a, index); }));
}

template <floating T, detail::position I>
Tensor<T> scatter_add(const Tensor<T>& x, const Tensor<I>& index, int axis, index_t size);

/// One position for each element of the result: y[..., j, ...] = x[..., index[..., j, ...], ...].
/// index has the shape of x but along the axis; PyTorch calls this gather.
/// Throws if the shapes do not fit or a position lies outside the axis.
template <element T, detail::position I>
Tensor<T> take_along(const Tensor<T>& x, const Tensor<I>& index, int axis) {
  const detail::OpScope scope("take_along");
  const int a = x.shape.axis(axis, "take_along");
  Shape expected = x.shape;
  expected[a] = index.rank() == x.rank() ? index.shape[a] : 0;
  require(index.shape == expected, "take_along", "positions ", index.shape,
          " must have the shape of x ", x.shape, " but along axis ", axis);
  const auto y = detail::gather_values("take_along", x, index, a, index.shape, false);
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(y, wrt(x, [a, index, size = x.shape[a]](const Tensor<T>& g) {
                            return scatter_add(g, index, a, size);
                          }));
}

/// The adjoint of take_along: y[..., index[..., j, ...], ...] += x[..., j, ...] on zeros of `size`.
template <floating T, detail::position I>
Tensor<T> scatter_add(const Tensor<T>& x, const Tensor<I>& index, int axis, index_t size) {
  const detail::OpScope scope("scatter_add");
  const int a = x.shape.axis(axis, "scatter_add");
  require(index.shape == x.shape, "scatter_add", "positions ", index.shape, " and values ", x.shape,
          " must have one shape");
  return differentiable(detail::scatter_add_values("scatter_add", x, index, a, size, false),
                        wrt(x, [a, index](const Tensor<T>& g) { return take_along(g, index, a); }));
}

/// 1 where the last axis is the class, 0 elsewhere: labels (...) -> (..., classes). A label that is
/// no class gives zeros.
template <element T = float, detail::position I>
Tensor<T> one_hot(const Tensor<I>& labels, index_t classes) {
  return cast<T>(equal(unsqueeze(labels, -1), arange<I>(classes)));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
