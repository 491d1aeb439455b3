// SPDX-License-Identifier: MIT
// Sums of products of the host system: y[b, m, n] = sum over k of a[b, m, k] x[b, n, k]. Each
// operand is an address and three lists of strides, so transposed, strided, overlapping and flipped
// views are read where they lie, through tables of offsets. The result is cut into tasks of a fixed
// size; a long and narrow problem is cut along its depth too, and the parts are added in a fixed
// tree.
#pragma once
#include <array>
#include <memory>

#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/host/reduce.h"
#include "thrustgrad/system/host/tile.h"
#include "thrustgrad/system/operands.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// Writes the offsets of all positions of a list of axes, in row-major order; returns their end.
inline index_t* write_offsets(index_t* table, const Shape& sizes, const Shape& strides) {
  index_t known = 1;
  table[0] = 0;
  for (int axis = 0; axis < sizes.rank(); ++axis) {
    const index_t size = sizes[axis], stride = strides[axis];
    for (index_t i = known; i-- > 0;) {
      const index_t base = table[i];
      for (index_t k = 0; k < size; ++k) table[i * size + k] = base + k * stride;
    }
    known *= size;
  }
  return table + known;
}

/// A factor with tables: element (b, i, d) lies at data[batch[b] + row[i] + depth[d]].
template <class T> class Tables {
  std::unique_ptr<index_t[]> offsets_;

 public:
  Tables(const Factor<T>& x, const Shape& batches, const Shape& rows, const Shape& depths)
      : offsets_(
            new index_t[static_cast<std::size_t>(batches.numel() + rows.numel() + depths.numel())]),
        data(x.data),
        batch(offsets_.get()) {
    index_t* const row_table = write_offsets(offsets_.get(), batches, x.batch);
    index_t* const depth_table = write_offsets(row_table, rows, x.own);
    write_offsets(depth_table, depths, x.depth);
    row = row_table;
    depth = depth_table;
  }

  const T* data;
  const index_t *batch, *row, *depth;
};

/// The number of positions in each list of axes.
struct Counts {
  index_t batch, m, n, k;
};

inline constexpr index_t depth_block = 256;  // a panel of this depth stays in the first-level cache
inline constexpr index_t row_block = 240;    // rows of a task; a multiple of every tile's rows
inline constexpr index_t panel_group = 4;    // panels of a task

/// Into how many parts the depth is cut, and the length of a part.
struct Split {
  index_t parts, length;
};
inline Split split_depth(const Counts& e, index_t width) {
  constexpr index_t enough_tasks = 32, shortest = 8 * depth_block;
  const index_t columns = width * panel_group;
  const index_t tasks =
      e.batch * ((e.m + row_block - 1) / row_block) * ((e.n + columns - 1) / columns);
  const index_t parts = std::clamp<index_t>(
      std::min(enough_tasks / std::max<index_t>(tasks, 1), e.k / shortest), 1, 32);
  const index_t length = (e.k + parts - 1) / parts;
  return {std::max<index_t>((e.k + length - 1) / std::max<index_t>(length, 1), 1), length};
}

/// Copies a panel of the right operand, width columns by `depth`, with zeros behind the last
/// column.
template <int width, class C, class T>
void pack_panel(C* panel, const T* x, const index_t* row, index_t columns, const index_t* offset,
                index_t depth) {
  bool adjacent = columns == width;
  for (index_t j = 1; j < columns; ++j) adjacent &= row[j] == row[0] + j;
  if (adjacent) {
    for (index_t d = 0; d < depth; ++d) {
      const T* const from = x + row[0] + offset[d];
#pragma omp simd
      for (int j = 0; j < width; ++j) panel[d * width + j] = static_cast<C>(from[j]);
    }
    return;
  }
  for (index_t d = 0; d < depth; ++d) {
    for (index_t j = 0; j < columns; ++j)
      panel[d * width + j] = static_cast<C>(x[row[j] + offset[d]]);
    for (index_t j = columns; j < width; ++j) panel[d * width + j] = C(0);
  }
}

/// One task: up to row_block rows times panel_group panels over one part of the depth.
template <class Tile, class C, class A, class B> struct contract_loop {
  const Tables<A>& a;
  const Tables<B>& b;
  Counts e;
  C* y;  // [m][n] of this batch and part

  void operator()(index_t batch, index_t top, index_t left, index_t begin, index_t end) const {
    constexpr int width = Tile::width;
    alignas(64) C panels[panel_group * depth_block * width];
    const index_t bottom = std::min(e.m, top + row_block),
                  right = std::min(e.n, left + panel_group * width);
    for (index_t d = begin; d < end; d += depth_block) {
      const index_t depth = std::min(depth_block, end - d);
      for (index_t j = left, p = 0; j < right; j += width, ++p) {
        pack_panel<width>(panels + p * depth_block * width, b.data + b.batch[batch], b.row + j,
                          std::min<index_t>(width, right - j), b.depth + d, depth);
      }
      for (index_t i = top; i < bottom; i += Tile::rows)
        multiply_rows(batch, i, bottom, left, right, d, depth, panels, d != begin);
    }
  }

  void multiply_rows(index_t batch, index_t i, index_t bottom, index_t left, index_t right,
                     index_t d, index_t depth, const C* panels, bool add) const {
    constexpr int width = Tile::width;
    const int used = static_cast<int>(std::min<index_t>(Tile::rows, bottom - i));
    const C* rows[Tile::rows];
    const index_t* offset = a.depth + d;
    alignas(64) C widened[Tile::rows * (std::is_same_v<A, C> ? 1 : depth_block)];
    if constexpr (std::is_same_v<A, C>) {
      for (int r = 0; r < Tile::rows; ++r)
        rows[r] = a.data + a.batch[batch] + a.row[i + std::min(r, used - 1)];
    } else {  // the tile reads the type in which it sums
      static constexpr auto consecutive = [] {
        std::array<index_t, depth_block> all{};
        for (std::size_t k = 0; k < all.size(); ++k) all[k] = static_cast<index_t>(k);
        return all;
      }();
      for (int r = 0; r < Tile::rows; ++r) {
        const A* const from = a.data + a.batch[batch] + a.row[i + std::min(r, used - 1)];
        C* const to = widened + r * depth_block;
        for (index_t k = 0; k < depth; ++k) to[k] = static_cast<C>(from[offset[k]]);
        rows[r] = to;
      }
      offset = consecutive.data();
    }
    for (index_t j = left, p = 0; j < right; j += width, ++p) {
      Tile::multiply(depth, rows, offset, panels + p * depth_block * width, y + i * e.n + j, e.n,
                     used, static_cast<int>(std::min<index_t>(width, right - j)), add);
    }
  }
};

template <class C> struct plus_monoid {
  C identity() const { return C(0); }
  C combine(C p, C q) const { return static_cast<C>(p + q); }
};

template <class Tile, class C, class A, class B, class Scratch, class Run>
void contract_tiled(const Tables<A>& a, const Tables<B>& b, const Counts& e, C* y,
                    Scratch&& scratch, const Run& run) {
  constexpr index_t columns = panel_group * Tile::width;
  const Split split = split_depth(e, Tile::width);
  const index_t size = e.batch * e.m * e.n;
  C* const parts =
      split.parts == 1
          ? y
          : static_cast<C*>(scratch(static_cast<std::size_t>(split.parts * size) * sizeof(C)));
  const index_t across = (e.n + columns - 1) / columns, down = (e.m + row_block - 1) / row_block;
  const index_t products =
      e.batch * e.m * e.n * e.k / 8;  // a product is less work than an element of other loops
  for_each_task(split.parts * e.batch * down * across, products, [&](index_t task) {
    const index_t left = task % across * columns, top = task / across % down * row_block;
    const index_t batch = task / (across * down) % e.batch, part = task / (across * down * e.batch);
    const contract_loop<Tile, C, A, B> loop{a, b, e, parts + part * size + batch * e.m * e.n};
    run(loop, batch, top, left, part * split.length, std::min(e.k, (part + 1) * split.length));
  });
  if (split.parts == 1) return;
  for_each_task((size + block - 1) / block, split.parts * size, [&](index_t c) {
    const index_t begin = c * block, n = std::min(block, size - begin);
    combine_tree(plus_monoid<C>{}, parts + begin, split.parts, size, n);
    std::copy_n(parts + begin, n, y + begin);
  });
}

}  // namespace detail

/// y[b, m, n] = sum over k of a[b, m, k] x[b, n, k], y dense. The sums have type C: float for the
/// 16-bit types. Temporary memory comes from scratch(bytes).
template <class C, class A, class B, class Scratch>
void contract(const Factor<A>& a, const Factor<B>& b, const Extents& e, C* y, Scratch&& scratch) {
  const detail::Counts counts{e.batch.numel(), e.m.numel(), e.n.numel(), e.k.numel()};
  const index_t size = counts.batch * counts.m * counts.n;
  if (size == 0) return;
  if (counts.k == 0) return std::fill_n(y, size, C(0)), void();
  const detail::Tables<A> p(a, e.batch, e.m, e.k);
  const detail::Tables<B> q(b, e.batch, e.n, e.k);
  switch (isa()) {
    case Isa::avx512:
      return detail::contract_tiled<detail::tile<C, 64, 12>>(
          p, q, counts, y, scratch,
          [](const auto& loop, auto... args) { detail::run_avx512(loop, args...); });
    case Isa::avx2:
      return detail::contract_tiled<detail::tile<C, 32, 6>>(
          p, q, counts, y, scratch,
          [](const auto& loop, auto... args) { detail::run_avx2(loop, args...); });
    case Isa::baseline:
      return detail::contract_tiled<detail::tile<C, 16, 4>>(
          p, q, counts, y, scratch, [](const auto& loop, auto... args) { loop(args...); });
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
