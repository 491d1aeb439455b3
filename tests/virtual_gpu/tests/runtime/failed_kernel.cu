// SPDX-License-Identifier: MIT
// After a kernel has failed, every call says so. Run with VGPU_SUPPRESS=trap@ since the trap is
// wanted.
#include "require.h"

__global__ void trap() { __trap(); }
__global__ void set(int* data) { *data = 1; }

int main() {
  int *memory = nullptr, *pinned = nullptr;
  GOOD(cudaMalloc(&memory, 4));
  GOOD(cudaMallocHost(&pinned, 4));
  *pinned = 0;
  trap<<<1, 1>>>();
  const cudaError_t error = cudaDeviceSynchronize();
  REQUIRE(error == cudaErrorLaunchFailure);
  void* more = nullptr;
  REQUIRE_ERROR(error, cudaMalloc(&more, 4));
  set<<<1, 1>>>(pinned);
  REQUIRE_ERROR(error, cudaGetLastError());
  REQUIRE_ERROR(error, cudaGetLastError());
  REQUIRE_ERROR(error, cudaStreamSynchronize(nullptr));
  REQUIRE_ERROR(error, cudaFree(memory));
  REQUIRE(*pinned == 0);
  std::printf("failed_kernel: good\n");
}
