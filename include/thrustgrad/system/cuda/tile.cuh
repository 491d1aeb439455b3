// SPDX-License-Identifier: MIT
// The innermost piece of a contraction: 64 rows of the left operand times 64 rows of the right one
// (the columns of the result), 16 positions of the depth at a time. Threads bring a step from
// global memory into registers, widened to the type of the sums, while they multiply the step
// before; then they lay it down in shared memory.
#pragma once
#include "thrustgrad/system/cuda/tile.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

/// Four neighbours, loaded and stored at once.
template <class C> struct alignas(16) Four { C at[4]; };

/// A step of one operand in shared memory: neighbouring rows lie side by side. Each depth begins 4
/// banks behind the one before, so that neither order of writing meets a bank twice.
template <class C> using Step = Four<C>[tile_depth][tile_size / 4 + 1];

/// One thread's share of an operand: the elements at two rows, 32 apart, and two depths, 8 apart.
/// The lanes of a warp stand side by side along the rows, or 8 along the depth and 4 along the
/// rows: the way in which the operand lies in memory.
template <class C, class T> class Share {
 public:
  /// offset[i] is that of row i of the tile.
  __device__ Share(const T* data, const index_t* offset, bool along_rows)
      : row_(along_rows ? threadIdx.x % 32 : threadIdx.x / 8),
        depth_(along_rows ? threadIdx.x / 32 : threadIdx.x % 8),
        from_{data + offset[row_], data + offset[row_ + 32]} {}

  /// offset[d] is that of depth d of the step; `depths` of them exist, the others count as zeros.
  __device__ void load(const index_t* offset, index_t depths) {
#pragma unroll
    for (unsigned k = 0; k < 2; ++k) {
      const unsigned d = depth_ + 8 * k;
#pragma unroll
      for (unsigned i = 0; i < 2; ++i)
        value_[k][i] = d < depths ? static_cast<C>(from_[i][offset[d]]) : C(0);
    }
  }

  __device__ void store(Step<C>& step) const {
#pragma unroll
    for (unsigned k = 0; k < 2; ++k) {
#pragma unroll
      for (unsigned i = 0; i < 2; ++i)
        step[depth_ + 8 * k][row_ / 4 + 8 * i].at[row_ % 4] = value_[k][i];
    }
  }

 private:
  unsigned row_, depth_;
  const T* from_[2];
  C value_[2][2];
};

/// One thread's 4 x 4 sums. The threads of a warp cover 16 rows by 32 columns, so that each operand
/// is read from shared memory without conflicts and the result written in whole sectors.
template <class C> class Sums {
 public:
  __device__ void multiply(const Step<C>& a, const Step<C>& b) {
#pragma unroll
    for (int d = 0; d < tile_depth; ++d) {
      const Four<C> left = a[d][row()], right = b[d][column()];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sum_[i].at[j] += left.at[i] * right.at[j];
      }
    }
  }

  /// Whether the result, of `rows` by `columns` from the tile's corner on, has any sum of this
  /// warp.
  __device__ bool has_results(index_t rows, index_t columns) const {
    return 4 * (row() & ~3u) < rows && 4 * (column() & ~7u) < columns;
  }

  /// Writes to the tile's place in a result with rows of `pitch` elements; `rows` and `columns` of
  /// them exist. `in_fours`: groups of four columns are whole and aligned.
  __device__ void write(C* y, index_t pitch, index_t rows, index_t columns, bool in_fours) const {
    const unsigned c = 4 * column();
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned r = 4 * row() + i;
      const index_t at = r * pitch + c;
      if (r >= rows || c >= columns) return;
      if (in_fours) {  // counted in fours, else the compiler does not know that they are aligned
        reinterpret_cast<Four<C>*>(y)[at / 4] = sum_[i];
        continue;
      }
#pragma unroll
      for (unsigned j = 0; j < 4; ++j)
        if (c + j < columns) y[at + j] = sum_[i].at[j];
    }
  }

 private:
  static __device__ unsigned row() { return threadIdx.x / 64 * 4 + threadIdx.x % 32 / 8; }
  static __device__ unsigned column() { return threadIdx.x / 32 % 2 * 8 + threadIdx.x % 8; }

  Four<C> sum_[4] = {};
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
