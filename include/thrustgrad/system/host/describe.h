// SPDX-License-Identifier: MIT
// What the host system runs on, in words.
#pragma once
#include <omp.h>

#include <string>

#include "thrustgrad/system/host/simd.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// "2 threads, avx2".
inline std::string describe() {
  constexpr const char* levels[] = {"baseline", "avx2", "avx512"};
  return std::to_string(omp_get_max_threads()) + " threads, " + levels[static_cast<int>(isa())];
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
