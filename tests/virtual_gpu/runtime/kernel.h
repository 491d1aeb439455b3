// SPDX-License-Identifier: MIT
// The kernels that the program has registered, and what a device of compute capability 8.0 holds.
#pragma once
#include <cuda_runtime_api.h>

#include "ptx/program.h"

namespace vgpu {

struct Kernel {
  Function& function;
  int target;  // the architecture that the PTX was compiled for, times 10
};

/// A kernel, by its host function or by the handle that __cudaGetKernel gave; its module is loaded
/// and its body translated.
Kernel kernel_of(const void* symbol);

namespace limits {

inline constexpr int threads = 1024;
inline constexpr dim3 block{1024, 1024, 64}, grid{2147483647, 65535, 65535};
inline constexpr int threads_per_multiprocessor = 2048, blocks_per_multiprocessor = 32;
inline constexpr int registers = 65536;          // of a multiprocessor, and of a block
inline constexpr int registers_per_thread = 32;  // only ptxas would know; what 2048 threads leave
inline constexpr int shared_per_block = 163 << 10, shared_per_multiprocessor = 164 << 10;
inline constexpr int shared_by_default = 48 << 10, shared_reserved = 1 << 10;

}  // namespace limits
}  // namespace vgpu
