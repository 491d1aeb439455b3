// SPDX-License-Identifier: MIT
// The host system works at once and records nothing: a captured step (core/captured.h) is called
// like any other function.
#pragma once
#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

struct Graph {
  /// Whether work can be recorded and replayed.
  static constexpr bool replays = false;
};

/// Whether work is being recorded instead of done.
inline bool is_capturing() { return false; }

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
