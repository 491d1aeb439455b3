// SPDX-License-Identifier: MIT
// How loops describe their operands to a device system: addresses with strides over the loop.
#pragma once
#include "thrustgrad/core/shape.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// An operand of a strided loop: where its first element lies, and its strides over the loop.
template <class T> struct Strided {
  T* data;
  Shape strides;
};

/// A strided array with its axes parted: one result for each position of `kept`, from all positions
/// of `reduced`. Both lists of axes are in memory order and merged.
struct Reduction {
  Shape kept, kept_strides;
  Shape reduced, reduced_strides;
};

/// An operand of a contraction: its strides along the axes of the batch, its own ones and those of
/// the depth.
template <class T> struct Factor {
  const T* data;
  Shape batch, own, depth;
};

/// The axes of a contraction: batch, rows (the left operand's own), columns (the right one's), and
/// depth. Each list has at least one axis; neighbours are merged where all operands allow it.
struct Extents {
  Shape batch, m, n, k;
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
