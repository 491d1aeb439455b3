// SPDX-License-Identifier: MIT
// The innermost piece of a contraction: `rows` rows of the left operand times one packed panel of
// the right one, summed over the depth in registers. The left operand is read in place through a
// table of offsets, so no strided or overlapping view is ever copied.
#pragma once
#include <utility>

#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

/// C is the type of the sums; a panel has the width of two vector registers of `Bytes` bytes.
template <class C, int Bytes, int Rows> struct tile {
  static constexpr int rows = Rows;
  static constexpr int width = 2 * Bytes / int(sizeof(C));
  typedef C vector __attribute__((vector_size(Bytes), aligned(sizeof(C)), may_alias));

  /// y[i][j] (+)= sum over d of a[i][offset[d]] * panel[d][j] for the first `used_rows` rows and
  /// `used_columns` columns.
  static inline void multiply(index_t depth, const C* const* a, const index_t* offset,
                              const C* panel, C* y, index_t row_step, int used_rows,
                              int used_columns, bool add) {
    constexpr int half = width / 2;
    vector sum[Rows][2] = {};
    // The rows are spelled out for the compiler, which else may keep the sums in memory.
    const auto add_products = [&]<int... i>(std::integer_sequence<int, i...>, index_t at,
                                            const vector& left, const vector& right) {
      ((sum[i][0] += a[i][at] * left, sum[i][1] += a[i][at] * right), ...);
    };
    for (index_t d = 0; d < depth; ++d) {
      const auto left = *reinterpret_cast<const vector*>(panel + d * width);
      const auto right = *reinterpret_cast<const vector*>(panel + d * width + half);
      add_products(std::make_integer_sequence<int, Rows>{}, offset[d], left, right);
    }
    if (used_columns == width) {
      for (int i = 0; i < used_rows; ++i) {
        auto* const to = reinterpret_cast<vector*>(y + i * row_step);
        auto* const to_right = reinterpret_cast<vector*>(y + i * row_step + half);
        *to = add ? *to + sum[i][0] : sum[i][0];
        *to_right = add ? *to_right + sum[i][1] : sum[i][1];
      }
      return;
    }
    for (int i = 0; i < used_rows; ++i) {
      for (int j = 0; j < used_columns; ++j) {
        const C value = sum[i][j / half][j % half];
        C& to = y[i * row_step + j];
        to = add ? to + value : value;
      }
    }
  }
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
