// SPDX-License-Identifier: MIT
// Stream-ordered allocation: reuse in stream order, and attributes of the pool.
#include <cstdint>

#include "require.h"

__global__ void fill(int* data, int n, int value) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) data[i] = value;
}

std::uint64_t number(cudaMemPool_t pool, cudaMemPoolAttr attribute) {
  std::uint64_t value = 0;
  GOOD(cudaMemPoolGetAttribute(pool, attribute, &value));
  return value;
}

void in_stream_order(cudaStream_t stream) {
  constexpr int n = 1000;
  int host[n];
  // Each block may be used again for the next, whose work comes later.
  for (int round = 0; round < 5; ++round) {
    int* data = nullptr;
    GOOD(cudaMallocAsync(&data, sizeof host, stream));
    fill<<<8, 128, 0, stream>>>(data, n, round);
    GOOD(cudaMemcpyAsync(host, data, sizeof host, cudaMemcpyDeviceToHost, stream));
    GOOD(cudaFreeAsync(data, stream));
    GOOD(cudaStreamSynchronize(stream));
    for (const int value : host) REQUIRE(value == round);
  }
}

void attributes(cudaStream_t stream) {
  cudaMemPool_t pool = nullptr, current = nullptr;
  GOOD(cudaDeviceGetDefaultMemPool(&pool, 0));
  GOOD(cudaDeviceGetMemPool(&current, 0));
  REQUIRE(pool == current);
  GOOD(cudaMemPoolTrimTo(pool, 0));  // of what was freed before
  std::uint64_t all = UINT64_MAX;
  GOOD(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all));
  REQUIRE(number(pool, cudaMemPoolAttrReleaseThreshold) == all);

  constexpr std::size_t bytes = std::size_t{1} << 20;
  void *a = nullptr, *b = nullptr;
  GOOD(cudaMallocAsync(&a, bytes, stream));
  GOOD(cudaMallocFromPoolAsync(&b, bytes, pool, stream));
  REQUIRE(a != b);
  GOOD(cudaStreamSynchronize(stream));
  REQUIRE(number(pool, cudaMemPoolAttrUsedMemCurrent) == 2 * bytes);
  REQUIRE(number(pool, cudaMemPoolAttrReservedMemCurrent) >= 2 * bytes);
  GOOD(cudaFreeAsync(a, stream));
  GOOD(cudaStreamSynchronize(stream));
  REQUIRE(number(pool, cudaMemPoolAttrUsedMemCurrent) == bytes);
  REQUIRE(number(pool, cudaMemPoolAttrUsedMemHigh) == 2 * bytes);
  REQUIRE(number(pool, cudaMemPoolAttrReservedMemCurrent) >= 2 * bytes);  // held, by the threshold
  GOOD(cudaFree(b));
  GOOD(cudaMemPoolTrimTo(pool, 0));
  REQUIRE(number(pool, cudaMemPoolAttrUsedMemCurrent) == 0);
  REQUIRE(number(pool, cudaMemPoolAttrReservedMemCurrent) == 0);
  REQUIRE(number(pool, cudaMemPoolAttrReservedMemHigh) >= 2 * bytes);
}

int main() {
  cudaStream_t stream = nullptr;
  GOOD(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  in_stream_order(stream);
  in_stream_order(nullptr);
  attributes(stream);
  GOOD(cudaStreamDestroy(stream));
  std::printf("pools: good\n");
}
