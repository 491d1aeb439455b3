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

/// Offsets of all positions of a list of axes, in row-major order.
inline std::vector<index_t> offset_table(const Shape& sizes, const Shape& strides) {
  const auto n = static_cast<std::size_t>(sizes.numel());
  std::vector<index_t> table(1, 0);
  table.reserve(n);
  for (int axis = 0; axis < sizes.rank(); ++axis) {
    const auto known = table.size();
    const auto size = static_cast<std::size_t>(sizes[axis]);
    table.resize(known * size);
    for (std::size_t i = known; i-- > 0;) {
      const index_t base = table[i];
      for (std::size_t k = 0; k < size; ++k)
        table[i * size + k] = base + static_cast<index_t>(k) * strides[axis];
    }
  }
  return table;
}

/// One operand of a contraction: its axes parted into batch, own (rows or columns) and depth.
struct FactorTables {
  std::vector<index_t> batch, own, depth;
  FactorTables(const AnyTensor& x, int batch_rank, int depth_rank) {
    const int own_end = x.rank() - depth_rank;
    const auto table = [&](int from, int to) {
      return offset_table(x.shape.slice(from, to), x.strides.slice(from, to));
    };
    batch = table(0, batch_rank);
    own = table(batch_rank, own_end);
    depth = table(own_end, x.rank());
  }
};

/// The axes [from, to) as a list, then the next list.
inline Shape axis_range(int from, int to) {
  Shape axes;
  for (int axis = from; axis < to; ++axis) axes.push_back(axis);
  return axes;
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
  {
    const detail::FactorTables p(a, axes.batch, axes.depth), q(b, axes.batch, axes.depth);
    device::contract<C>(
        device::Factor<A>{a.data(), p.batch.data(), p.own.data(), p.depth.data()},
        device::Factor<B>{b.data(), q.batch.data(), q.own.data(), q.depth.data()},
        device::Extents{batch.numel(), rows.numel(), columns.numel(), depth.numel()},
        sums.mutable_data(), Scratch{});
  }
  const int n = axes.batch, d = axes.depth;
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
