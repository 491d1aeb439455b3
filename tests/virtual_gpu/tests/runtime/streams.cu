// SPDX-License-Identifier: MIT
// Streams, events, host functions, and how the default stream orders others.
#include <atomic>

#include "require.h"

__global__ void add(int* data, int value) { atomicAdd(data, value); }
__global__ void twice(int* data) { *data *= 2; }

int read(const int* data) {
  int value = 0;
  GOOD(cudaMemcpy(&value, data, sizeof value, cudaMemcpyDeviceToHost));
  return value;
}

void ordered_by_events(int* data) {
  cudaStream_t a = nullptr, b = nullptr;
  GOOD(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
  GOOD(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
  cudaEvent_t forth = nullptr, back = nullptr;
  GOOD(cudaEventCreateWithFlags(&forth, cudaEventDisableTiming));
  GOOD(cudaEventCreateWithFlags(&back, cudaEventDisableTiming));
  GOOD(cudaMemsetAsync(data, 0, sizeof(int), a));
  int expected = 0;
  for (int i = 1; i <= 10; ++i) {
    // The events are recorded again and again; a wait means the latest record when it was made.
    add<<<1, 1, 0, a>>>(data, i);
    GOOD(cudaEventRecord(forth, a));
    GOOD(cudaStreamWaitEvent(b, forth));
    twice<<<1, 1, 0, b>>>(data);
    GOOD(cudaEventRecord(back, b));
    GOOD(cudaStreamWaitEvent(a, back));
    expected = (expected + i) * 2;
  }
  GOOD(cudaEventSynchronize(back));
  GOOD(cudaEventQuery(back));
  REQUIRE(read(data) == expected);
  GOOD(cudaStreamDestroy(a));
  GOOD(cudaStreamDestroy(b));
  GOOD(cudaEventDestroy(forth));
  GOOD(cudaEventDestroy(back));
}

void default_stream(int* data) {
  cudaStream_t stream = nullptr;
  GOOD(cudaStreamCreate(&stream));
  GOOD(cudaMemsetAsync(data, 0, sizeof(int), stream));
  add<<<1, 1>>>(data, 5);            // after the memset
  twice<<<1, 1, 0, stream>>>(data);  // after the addition
  add<<<1, 1, 0, nullptr>>>(data, 1);
  REQUIRE(read(data) == 11);
  GOOD(cudaStreamDestroy(stream));
}

void times(int* data) {
  cudaEvent_t begin = nullptr, end = nullptr, bare = nullptr;
  GOOD(cudaEventCreate(&begin));
  GOOD(cudaEventCreate(&end));
  GOOD(cudaEventCreateWithFlags(&bare, cudaEventDisableTiming));
  float milliseconds = -1;
  REFUSED(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, begin, end));
  GOOD(cudaEventRecord(begin));
  add<<<100, 128>>>(data, 1);
  GOOD(cudaEventRecord(end));
  GOOD(cudaEventRecord(bare));
  GOOD(cudaEventSynchronize(end));
  GOOD(cudaEventElapsedTime(&milliseconds, begin, end));
  REQUIRE(milliseconds > 0);
  REFUSED(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, begin, bare));
  GOOD(cudaEventDestroy(begin));
  GOOD(cudaEventDestroy(end));
  GOOD(cudaEventDestroy(bare));
}

struct Message {
  std::atomic<int> step = 0;
  cudaError_t refused = cudaSuccess;
};

void host_functions() {
  cudaStream_t a = nullptr;
  GOOD(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
  Message message;
  const auto first = [](void* data) {
    auto& m = *static_cast<Message*>(data);
    int device = 0;
    m.refused = cudaGetDevice(&device);
    m.step = 1;
  };
  const auto second = [](void* data) { ++static_cast<Message*>(data)->step; };
  GOOD(cudaLaunchHostFunc(a, first, &message));
  GOOD(cudaLaunchHostFunc(a, second, &message));
  GOOD(cudaStreamSynchronize(a));
  REQUIRE(message.step == 2 && message.refused == cudaErrorNotPermitted);

  GOOD(cudaStreamDestroy(a));
}

void polling(int* data) {
  cudaStream_t stream = nullptr;
  GOOD(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  cudaEvent_t event = nullptr;
  GOOD(cudaEventCreate(&event));
  GOOD(cudaEventQuery(event));  // never recorded
  for (int i = 0; i < 5; ++i) add<<<1, 1, 0, stream>>>(data, 1);
  GOOD(cudaEventRecord(event, stream));
  cudaError_t error;
  while ((error = cudaEventQuery(event)) == cudaErrorNotReady) {
  }
  GOOD(error);
  while ((error = cudaStreamQuery(stream)) == cudaErrorNotReady) {
  }
  GOOD(error);
  cudaGetLastError();
  GOOD(cudaStreamDestroy(stream));
  GOOD(cudaEventDestroy(event));
}

int main() {
  int* data = nullptr;
  GOOD(cudaMalloc(&data, sizeof(int)));
  GOOD(cudaMemset(data, 0, sizeof(int)));
  GOOD(cudaDeviceSynchronize());  // which streams that do not block need
  ordered_by_events(data);
  default_stream(data);
  times(data);
  host_functions();
  polling(data);
  GOOD(cudaFree(data));
  std::printf("streams: good\n");
}
