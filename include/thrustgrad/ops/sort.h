// SPDX-License-Identifier: MIT
// Sorting and running sums along an axis. Sorting gives positions, and take_along makes its values
// differentiable. Layer ops.
#pragma once
#include "thrustgrad/ops/gather.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

enum class Order { ascending, descending };

/// Sorted elements and where each stood before.
template <class T> struct Sorted {
  Tensor<T> values;
  Tensor<std::int64_t> indices;
};

namespace detail {

/// Axis a last, or back in its place: the permutation is its own inverse.
inline Shape axis_to_end(int rank, int a) {
  Shape axes;
  for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  std::swap(axes[a], axes[rank - 1]);
  return axes;
}

}  // namespace detail

/// The positions that sort x along an axis; equal elements keep their order, NaN counts as largest.
template <element T>
Tensor<std::int64_t> argsort(const Tensor<T>& x, int axis = -1, Order order = Order::ascending) {
  const detail::OpScope scope("argsort");
  const int a = x.shape.axis(axis, "argsort");
  const Shape axes = detail::axis_to_end(x.rank(), a);
  const auto keys = contiguous(permute(stop_gradient(x), axes));
  Tensor<std::int64_t> positions = empty<std::int64_t>(keys.shape);
  const index_t n = x.shape[a];
  if (n > 0)
    device::argsort_rows(keys.data(), positions.mutable_data(), keys.numel() / n, n,
                         order == Order::descending, Scratch{});
  return permute(positions, axes);
}

/// x sorted along an axis, with the positions; see argsort.
template <element T>
Sorted<T> sort(const Tensor<T>& x, int axis = -1, Order order = Order::ascending) {
  const auto indices = argsort(x, axis, order);
  return {take_along(x, indices, axis), indices};
}

/// The k largest elements along an axis in descending order, or the k smallest in ascending order.
/// Throws if the axis has fewer.
template <element T>
Sorted<T> topk(const Tensor<T>& x, index_t k, int axis = -1, Order order = Order::descending) {
  require(k >= 0 && k <= x.shape[x.shape.axis(axis, "topk")], "topk", "axis ", axis, " of ",
          x.shape, " has no ", k, " elements");
  const auto indices = slice(argsort(x, axis, order), axis, 0, k);
  return {take_along(x, indices, axis), indices};
}

/// y[i] = x[0] + ... + x[i] along an axis; the 16-bit types in float, integers and bools in int64.
template <element T> Tensor<detail::sum_t<T>> cumsum(const Tensor<T>& x, int axis = -1) {
  const detail::OpScope scope("cumsum");
  using C = detail::accumulator_t<T>;
  const int a = x.shape.axis(axis, "cumsum");
  const Shape axes = detail::axis_to_end(x.rank(), a);
  auto sums =
      copy(permute(std::get<0>(detail::evaluate<C>("cumsum", detail::identity_fn{}, x)), axes));
  const index_t n = x.shape[a];
  if (n > 0) device::inclusive_scan_rows(sums.mutable_data(), sums.numel() / n, n, Scratch{});
  const auto y = cast<detail::sum_t<T>>(permute(sums, axes));
  if constexpr (!floating<T>)
    return y;
  else
    return differentiable(
        y, wrt(x, [a](const Tensor<T>& g) { return flip(cumsum(flip(g, {a}), a), {a}); }));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
