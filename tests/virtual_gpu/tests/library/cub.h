// SPDX-License-Identifier: MIT
// Calls a CUB device algorithm twice, as CUB wants it: for the size of its scratch memory, then in
// earnest.
#pragma once
#include "device_array.h"

template <class Algorithm> void run_cub(Algorithm algorithm) {
  std::size_t bytes = 0;
  REQUIRE_CUDA(algorithm(nullptr, bytes));
  DeviceArray<unsigned char> scratch(bytes);
  REQUIRE_CUDA(algorithm(scratch.data(), bytes));
  REQUIRE_CUDA(cudaDeviceSynchronize());
}
