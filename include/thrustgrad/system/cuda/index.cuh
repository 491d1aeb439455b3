// SPDX-License-Identifier: MIT
// Positions and offsets in device code. All are 64 bits wide, but a division of that width costs as
// much as some dozens of additions, so numbers that fit into 32 bits are divided as such.
#pragma once
#include <algorithm>
#include <cstdint>

#include "thrustgrad/config.h"
#include "thrustgrad/core/shape.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

struct Quotient {
  index_t value, rest;
};

/// a / b for a >= 0, b > 0.
__device__ inline Quotient divide(index_t a, index_t b) {
  if (static_cast<std::uint64_t>(a | b) >> 32 == 0) {
    const auto narrow_a = static_cast<std::uint32_t>(a), narrow_b = static_cast<std::uint32_t>(b);
    const std::uint32_t value = narrow_a / narrow_b;
    return {value, narrow_a - value * narrow_b};
  }
  const index_t value = a / b;
  return {value, a - value * b};
}

/// A list of axes as kernels take it: outermost first, with their strides in elements.
struct Axes {
  int rank = 0;
  index_t sizes[Shape::max_rank] = {}, strides[Shape::max_rank] = {};

  Axes() = default;
  Axes(const Shape& of_sizes, const Shape& of_strides) : rank(of_sizes.rank()) {
    std::copy(of_sizes.begin(), of_sizes.end(), sizes);
    std::copy(of_strides.begin(), of_strides.end(), strides);
  }

  /// The offset of a position in row-major order.
  __device__ index_t offset(index_t position) const {
    if (rank == 1) return position * strides[0];
    index_t sum = 0;
    for (int axis = rank - 1; axis > 0; --axis) {
      const Quotient q = divide(position, sizes[axis]);
      sum += q.rest * strides[axis];
      position = q.value;
    }
    return sum + position * strides[0];  // 0 if there are no axes
  }
};

inline constexpr int threads = 256;  // of a block, in all kernels that do not say otherwise

/// Blocks for n threads. A grid has at most 2^31 - 1 blocks along x.
inline unsigned blocks_for(index_t n) { return static_cast<unsigned>((n + threads - 1) / threads); }

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
