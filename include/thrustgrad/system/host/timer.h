// SPDX-License-Identifier: MIT
// Wall-clock time of the work between start and stop.
#pragma once
#include <chrono>

#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// Seconds from construction, or from the last start().
class Timer {
 public:
  void start() { begin_ = clock::now(); }
  double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }

 private:
  using clock = std::chrono::steady_clock;
  clock::time_point begin_ = clock::now();
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
