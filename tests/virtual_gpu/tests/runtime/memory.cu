// SPDX-License-Identifier: MIT
// Allocation, copies, fills, variables.
#include <numeric>
#include <vector>

#include "require.h"

__device__ int table[4] = {1, 2, 3, 4};
__constant__ int factor = 3;

__global__ void scale(int* data, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) data[i] = data[i] * factor + table[i % 4];
}

void copies() {
  constexpr int n = 1000;
  std::vector<int> host(n), back(n);
  std::iota(host.begin(), host.end(), 0);
  int *a = nullptr, *b = nullptr;
  GOOD(cudaMalloc(&a, n * sizeof(int)));
  GOOD(cudaMalloc(&b, n * sizeof(int)));
  GOOD(cudaMemcpy(a, host.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  scale<<<(n + 127) / 128, 128>>>(a, n);
  GOOD(cudaMemcpy(b, a, n * sizeof(int), cudaMemcpyDeviceToDevice));
  GOOD(cudaMemcpy(back.data(), b, n * sizeof(int), cudaMemcpyDefault));
  for (int i = 0; i < n; ++i) REQUIRE(back[i] == 3 * i + i % 4 + 1);
  GOOD(cudaMemset(b, 0x01, n * sizeof(int)));
  GOOD(cudaMemcpy(back.data(), b, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (const int value : back) REQUIRE(value == 0x01010101);
  GOOD(cudaMemcpy(b, a, 0, cudaMemcpyDeviceToDevice));
  REFUSED(cudaErrorInvalidValue, cudaMemcpy(nullptr, a, 4, cudaMemcpyDeviceToDevice));
  GOOD(cudaFree(a));
  GOOD(cudaFree(b));
  GOOD(cudaFree(nullptr));
}

void variables() {
  int host[4] = {}, three = 0;
  void* address = nullptr;
  GOOD(cudaMemcpyFromSymbol(host, table, sizeof host));
  REQUIRE(host[3] == 4);
  const int changed = 7;
  GOOD(cudaMemcpyToSymbol(table, &changed, sizeof changed, 4));
  GOOD(cudaGetSymbolAddress(&address, table));
  GOOD(cudaMemcpy(host, address, sizeof host, cudaMemcpyDeviceToHost));
  REQUIRE(host[0] == 1 && host[1] == 7);
  GOOD(cudaMemcpyFromSymbol(&three, factor, sizeof three));
  REQUIRE(three == 3);
  REFUSED(cudaErrorInvalidValue, cudaMemcpyToSymbol(table, &changed, sizeof changed, 16));
  REFUSED(cudaErrorInvalidSymbol, cudaGetSymbolAddress(&address, &three));
}

void shared_with_host() {
  int *pinned = nullptr, *managed = nullptr;
  GOOD(cudaMallocHost(&pinned, 64 * sizeof(int)));
  GOOD(cudaMallocManaged(&managed, 64 * sizeof(int)));
  for (int i = 0; i < 64; ++i) pinned[i] = managed[i] = i;
  scale<<<1, 64>>>(pinned, 64);
  scale<<<1, 64>>>(managed, 64);
  GOOD(cudaDeviceSynchronize());
  REQUIRE(pinned[5] == 3 * 5 + 7 && managed[6] == 3 * 6 + 3);

  GOOD(cudaFreeHost(pinned));
  GOOD(cudaFree(managed));
}

void limits() {
  size_t free = 0, total = 0, less = 0;
  GOOD(cudaMemGetInfo(&free, &total));
  REQUIRE(free <= total && free > 0);
  char* memory = nullptr;
  GOOD(cudaMalloc(&memory, size_t{64} << 20));
  GOOD(cudaMemGetInfo(&less, &total));
  REQUIRE(less <= free - (size_t{64} << 20));
  GOOD(cudaFree(memory));
  void* none = &free;
  REFUSED(cudaErrorMemoryAllocation, cudaMalloc(&none, total + (size_t{1} << 30)));
  GOOD(cudaMalloc(&none, 0));
  REQUIRE(none == nullptr);
}

int main() {
  copies();
  variables();
  shared_with_host();
  limits();
  std::printf("memory: good\n");
}
