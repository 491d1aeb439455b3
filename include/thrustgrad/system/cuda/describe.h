// SPDX-License-Identifier: MIT
// What the cuda system runs on, in words.
#pragma once
#include <string>

#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// The name of the current device: "NVIDIA H100 80GB HBM3".
inline std::string describe() {
  int which = 0;
  cudaDeviceProp properties;
  check(cudaGetDevice(&which), "asking for the device");
  check(cudaGetDeviceProperties(&properties, which), "asking for the device's name");
  return properties.name;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
