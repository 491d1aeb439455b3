// SPDX-License-Identifier: MIT
// The primitive contract: sums of products over common axes,
//
//   y[batch..., rows..., columns...] = sum over depth of a[batch..., rows..., depth...]
//                                                       * b[batch..., columns..., depth...]
//
// Operands are views: transposed, strided, flipped and overlapping ones are read where they lie, so
// matrix products of any orientation and all three passes of a convolution are this one operation.
// Its gradient is two contractions of itself. Sums are taken in float for the 16-bit types. Layer
// ops.
#pragma once
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// The axes [from, to) as a list, then the next list.
inline Shape axis_range(int from, int to) {
  Shape axes;
  for (int axis = from; axis < to; ++axis) axes.push_back(axis);
  return axes;
}

/// These axes as a system takes them, in the same order, merged where all operands allow it.
template <class... Strides> auto merged(const Shape& sizes, const Strides&... strides) {
  return plan_loop<sizeof...(Strides)>(sizes, axis_range(0, sizes.rank()), {strides...});
}

}  // namespace detail

/// How the axes of contract's operands divide: `batch` leading axes in common, then each operand's
/// own, then `depth` trailing axes in common, over which it sums.
struct Axes {
  int batch = 0, depth = 1;
};

/// The contraction above. The result is row-major, of a's element type.
/// Throws if the common axes of the operands differ.
template <floating A, floating B>
Tensor<A> contract(const Tensor<A>& a, const Tensor<B>& b, const Axes& axes,
                   const char* op = "contract") {
  const detail::OpScope scope(op);
  const int a_own = a.rank() - axes.batch - axes.depth, b_own = b.rank() - axes.batch - axes.depth;
  require(a_own >= 0 && b_own >= 0, op, "operands ", a.shape, " and ", b.shape, " have fewer than ",
          axes.batch, " + ", axes.depth, " axes");
  const Shape batch = a.shape.slice(0, axes.batch),
              depth = a.shape.slice(a.rank() - axes.depth, a.rank());
  require(batch == b.shape.slice(0, axes.batch), op, "the batch axes of ", a.shape, " and ",
          b.shape, " differ");
  require(depth == b.shape.slice(b.rank() - axes.depth, b.rank()), op,
          "the axes to be summed over differ: ", a.shape, " and ", b.shape);
  const Shape rows = a.shape.slice(axes.batch, axes.batch + a_own),
              columns = b.shape.slice(axes.batch, axes.batch + b_own);
  using C = std::common_type_t<compute_t<A>, compute_t<B>>;
  Tensor<C> sums = empty<C>(batch + rows + columns);
  const int n = axes.batch, d = axes.depth;
  const auto common = detail::merged(batch, a.strides.slice(0, n), b.strides.slice(0, n));
  const auto a_rows = detail::merged(rows, a.strides.slice(n, n + a_own)),
             b_rows = detail::merged(columns, b.strides.slice(n, n + b_own));
  const auto summed = detail::merged(depth, a.strides.slice(n + a_own, a.rank()),
                                     b.strides.slice(n + b_own, b.rank()));
  device::contract<C>(
      device::Factor<A>{a.data(), common.strides[0], a_rows.strides[0], summed.strides[0]},
      device::Factor<B>{b.data(), common.strides[1], b_rows.strides[0], summed.strides[1]},
      device::Extents{common.sizes, a_rows.sizes, b_rows.sizes, summed.sizes}, sums.mutable_data(),
      Scratch{});
  const Shape shared = detail::axis_range(0, n);
  return differentiable(
      cast<A>(sums),
      // da[batch, rows, depth] = sum over columns of g[batch, rows, columns] b[batch, depth,
      // columns]
      wrt(
          a,
          [=](const Tensor<A>& g) {
            const Shape order = shared + detail::axis_range(n + b_own, n + b_own + d) +
                                detail::axis_range(n, n + b_own);
            return cast<A>(contract(g, permute(b, order), {n, b_own}, op));
          },
          op),
      // db[batch, columns, depth] = sum over rows of g[batch, columns, rows] a[batch, depth, rows]
      wrt(
          b,
          [=](const Tensor<A>& g) {
            const Shape order = shared + detail::axis_range(n + a_own, n + a_own + b_own) +
                                detail::axis_range(n, n + a_own);
            const Shape a_order = shared + detail::axis_range(n + a_own, n + a_own + d) +
                                  detail::axis_range(n, n + a_own);
            return cast<B>(contract(permute(g, order), permute(a, a_order), {n, a_own}, op));
          },
          op));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
