// SPDX-License-Identifier: MIT
// The tile of the cuda system: the piece of a contraction's result that one block of threads
// computes. What plans a contraction needs only its sizes; tile.cuh has the code.
#pragma once
#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

inline constexpr int tile_size = 64;      // rows and columns of a tile
inline constexpr int tile_depth = 16;     // depth of a step: what lies in shared memory at a time
inline constexpr int tile_threads = 256;  // of a block, 4 x 4 results each

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
