// SPDX-License-Identifier: MIT
// Reductions of the host system. A reduction is a monoid: identity, lift(x, position), combine,
// finish. Elements are combined in chunks of a fixed size and the chunks in a fixed tree, so the
// result does not depend on the number of threads (thrust::reduce on OpenMP does).
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/transform.h>

#include "thrustgrad/system/host/map.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

inline constexpr index_t row_chunk = 8192;     // elements of a row combined at a time
inline constexpr index_t column_chunk = 256;   // rows combined at a time when columns are kept
inline constexpr index_t column_block = 1024;  // columns combined at a time

/// Combines n states at distance `step` in a fixed binary tree; the result is left in the first.
template <class M, class S>
void combine_tree(const M& m, S* states, index_t n, index_t step, index_t width) {
  while (n > 1) {
    const index_t kept = (n + 1) / 2;
    for (index_t i = 0; i < n - kept; ++i) {
      S* const to = states + i * step;
      const S* const from = states + (i + kept) * step;
#pragma omp simd
      for (index_t k = 0; k < width; ++k) to[k] = m.combine(to[k], from[k]);
    }
    n = kept;
  }
}

/// Combines rows of x into one state for each column. Element k of row r has the position
/// first + r * down + k * along. Four rows are combined in a pass, because a pass loads and stores
/// the states.
template <class M, class T> struct columns_loop {
  using State = decltype(std::declval<M>().identity());
  const M& monoid;
  State* state;
  index_t down, along;

  void operator()(const T* x, index_t row_step, index_t first, index_t rows, index_t n) const {
    index_t r = 0;
    for (; r + 4 <= rows; r += 4)
      pass(std::make_index_sequence<4>{}, state, x + r * row_step, row_step, first + r * down, n);
    for (; r < rows; ++r)
      pass(std::make_index_sequence<1>{}, state, x + r * row_step, row_step, first + r * down, n);
  }
  template <std::size_t... R>
  void pass(std::index_sequence<R...>, State* __restrict states, const T* x, index_t row_step,
            index_t first, index_t n) const {
    const M m = monoid;
    const index_t step_down = down, step_along = along;
#pragma omp simd
    for (index_t k = 0; k < n; ++k) {
      State s = states[k];
      ((s = m.combine(s, m.lift(static_cast<compute_t<T>>(x[index_t(R) * row_step + k]),
                                first + index_t(R) * step_down + k * step_along))),
       ...);
      states[k] = s;
    }
  }
};

/// The state of elements [begin, end) of the row that starts at x, combined in independent lanes.
template <class M, class T>
auto reduce_row(const M& m, const Reduction& r, const T* x, index_t begin, index_t end) {
  constexpr index_t lanes = 32, few = 8;
  alignas(64) decltype(m.identity()) state[lanes];
  std::fill_n(state, lanes, m.identity());
  const columns_loop<M, T> loop{m, state, lanes, 1};
  const auto combine = [&loop](const T* from, index_t position, index_t n) {
    const index_t rows = n / lanes, rest = n % lanes;
    run_simd(loop, from, index_t{lanes}, position, rows, index_t{lanes});
    run_simd(loop, from + n - rest, index_t{lanes}, position + n - rest, index_t{1}, rest);
  };
  if (r.reduced.rank() == 1 && r.reduced_strides.begin()[0] == 1) {
    combine(x + begin, begin, end - begin);
  } else {
    alignas(64) std::array<T, block> buffer;
    for (index_t at = begin; at < end; at += block) {
      const index_t n = std::min(block, end - at);
      run_simd(gather_block<T, T>{buffer.data(), x, &r.reduced, &r.reduced_strides}, at, n);
      combine(buffer.data(), at, n);
    }
  }
  combine_tree(m, state, lanes / few, few, few);
  combine_tree(m, state, few, 1, 1);
  return state[0];
}

template <class M, class T, class Y>
void reduce_rows(const M& m, const Reduction& r, const T* x, Y* y, auto&& scratch) {
  using State = decltype(m.identity());
  const index_t rows = r.kept.numel(), n = r.reduced.numel();
  const index_t chunks = (n + row_chunk - 1) / row_chunk;
  const thrust::counting_iterator<index_t> first(0);
  const auto partial = [&m, &r, x, n, chunks](index_t task) {
    const index_t row = task / chunks, begin = task % chunks * row_chunk;
    return reduce_row(m, r, x + offset_of(row, r.kept, r.kept_strides), begin,
                      std::min(n, begin + row_chunk));
  };
  if (chunks == 1) {
    const auto finished = [&](index_t row) { return static_cast<Y>(m.finish(partial(row))); };
    if (rows * n < worth_waking)
      std::transform(first, first + rows, y, finished);
    else
      thrust::transform(thrust::omp::par, first, first + rows, y, finished);
    return;
  }
  auto* const states =
      static_cast<State*>(scratch(static_cast<std::size_t>(rows * chunks) * sizeof(State)));
  thrust::transform(thrust::omp::par, first, first + rows * chunks, states, partial);
  for_each_task(rows, rows * chunks, [&](index_t row) {
    combine_tree(m, states + row * chunks, chunks, 1, 1);
    y[row] = static_cast<Y>(m.finish(states[row * chunks]));
  });
}

template <class M, class T, class Y>
void reduce_columns(const M& m, const Reduction& r, const T* x, Y* y, auto&& scratch) {
  using State = decltype(m.identity());
  const index_t width = r.kept.numel(), rows = r.reduced.numel();
  const index_t blocks = (width + column_block - 1) / column_block,
                chunks = (rows + column_chunk - 1) / column_chunk;
  const bool in_place = r.kept.rank() == 1 && r.kept_strides.begin()[0] == 1;
  auto* const states =
      static_cast<State*>(scratch(static_cast<std::size_t>(width * chunks) * sizeof(State)));
  for_each_task(blocks * chunks, width * rows, [&](index_t task) {
    const index_t left = task % blocks * column_block, n = std::min(column_block, width - left);
    const index_t part = task / blocks, end = std::min(rows, (part + 1) * column_chunk);
    State* const state = states + part * width + left;
    std::fill_n(state, n, m.identity());
    const columns_loop<M, T> loop{m, state, 1, 0};
    alignas(64) std::array<T, column_block> buffer;
    for (index_t row = part * column_chunk; row < end;) {
      const T* const from = x + offset_of(row, r.reduced, r.reduced_strides);
      if (in_place) {  // all rows up to the end of the innermost axis at once
        const index_t run = std::min(end - row, r.reduced.end()[-1] - row % r.reduced.end()[-1]);
        run_simd(loop, from + left, r.reduced_strides.end()[-1], row, run, n);
        row += run;
      } else {
        run_simd(gather_block<T, T>{buffer.data(), from, &r.kept, &r.kept_strides}, left, n);
        run_simd(loop, static_cast<const T*>(buffer.data()), index_t{0}, row, index_t{1}, n);
        ++row;
      }
    }
  });
  for_each_task(blocks, width * chunks, [&](index_t b) {
    const index_t left = b * column_block, n = std::min(column_block, width - left);
    combine_tree(m, states + left, chunks, width, n);
    for (index_t k = left; k < left + n; ++k) y[k] = static_cast<Y>(m.finish(states[k]));
  });
}

}  // namespace detail

/// y[k] = finish(combine of lift(x[k, i], i) over all i), y dense in the order of the kept axes.
/// No positions reduce to finish(identity). Temporary memory comes from scratch(bytes).
template <class M, class T, class Y, class Scratch>
void reduce(const M& m, const Reduction& r, const T* x, Y* y, Scratch&& scratch) {
  const index_t width = r.kept.numel(), rows = r.reduced.numel();
  if (width == 0) return;
  if (rows == 0) {
    for_each_task(width, width, [&](index_t k) { y[k] = static_cast<Y>(m.finish(m.identity())); });
    return;
  }
  const auto magnitude = [](index_t stride) { return stride < 0 ? -stride : stride; };
  const bool columns =
      width > 1 && magnitude(r.kept_strides.back()) < magnitude(r.reduced_strides.back());
  if (columns)
    detail::reduce_columns(m, r, x, y, scratch);
  else
    detail::reduce_rows(m, r, x, y, scratch);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
