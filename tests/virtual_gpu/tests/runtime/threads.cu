// SPDX-License-Identifier: MIT
// Several threads use the runtime at once, each with a stream of its own, and one for all.
#include <atomic>
#include <thread>
#include <vector>

#include "require.h"

__global__ void add(int* data, int value) { atomicAdd(data, value); }

constexpr int rounds = 40, threads = 4;

void work(int number, int* total, cudaStream_t common) {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  GOOD(cudaStreamCreateWithFlags(&stream,
                                 number % 2 == 0 ? cudaStreamDefault : cudaStreamNonBlocking));
  GOOD(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  std::atomic<int> calls = 0;
  for (int i = 0; i < rounds; ++i) {
    int *scratch = nullptr, result = 0;
    GOOD(cudaMallocAsync(&scratch, sizeof(int), stream));
    GOOD(cudaMemsetAsync(scratch, 0, sizeof(int), stream));
    add<<<1, 32, 0, stream>>>(scratch, i);
    GOOD(cudaGetLastError());
    GOOD(cudaLaunchHostFunc(
        stream, [](void* counter) { ++*static_cast<std::atomic<int>*>(counter); }, &calls));
    GOOD(cudaEventRecord(event, stream));
    GOOD(cudaStreamWaitEvent(common, event));
    add<<<1, 1, 0, common>>>(total, 1);
    GOOD(cudaMemcpyAsync(&result, scratch, sizeof(int), cudaMemcpyDeviceToHost, stream));
    GOOD(cudaFreeAsync(scratch, stream));
    GOOD(cudaStreamSynchronize(stream));
    REQUIRE(result == 32 * i && calls == i + 1);
    // Errors belong to the thread that made them.
    if (i % threads == number) REQUIRE(cudaSetDevice(-1) == cudaErrorInvalidDevice);
    REQUIRE(cudaGetLastError() == (i % threads == number ? cudaErrorInvalidDevice : cudaSuccess));
  }
  GOOD(cudaStreamDestroy(stream));
  GOOD(cudaEventDestroy(event));
}

int main() {
  int *total = nullptr, result = 0;
  cudaStream_t common = nullptr;
  GOOD(cudaMalloc(&total, sizeof(int)));
  GOOD(cudaMemset(total, 0, sizeof(int)));
  GOOD(cudaDeviceSynchronize());
  GOOD(cudaStreamCreateWithFlags(&common, cudaStreamNonBlocking));
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back(work, i, total, common);
  for (std::thread& thread : all) thread.join();
  GOOD(cudaStreamSynchronize(common));
  GOOD(cudaMemcpy(&result, total, sizeof(int), cudaMemcpyDeviceToHost));
  REQUIRE(result == rounds * threads);
  GOOD(cudaStreamDestroy(common));
  GOOD(cudaFree(total));
  std::printf("threads: good\n");
}
