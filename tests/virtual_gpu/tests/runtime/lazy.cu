// SPDX-License-Identifier: MIT
// A producer on one stream and a consumer on another; `lazy none` leaves out the event between
// them. Says whether the consumer saw what was produced: exit status 0 or 1. With VGPU_LAZY=1 the
// missing event always shows.
#include <string_view>

#include "require.h"

__global__ void produce(int* data, int value) { data[threadIdx.x] = value; }
__global__ void consume(const int* data, int* result) {
  result[threadIdx.x] = data[threadIdx.x] + 1;
}

int main(int, char** arguments) {
  const bool with_event = arguments[1] == nullptr || std::string_view(arguments[1]) != "none";
  int *data = nullptr, *result = nullptr, host[32];
  GOOD(cudaMalloc(&data, sizeof host));
  GOOD(cudaMalloc(&result, sizeof host));
  GOOD(cudaMemset(data, 0, sizeof host));
  GOOD(cudaMemset(result, 0, sizeof host));
  GOOD(cudaDeviceSynchronize());
  cudaStream_t producer = nullptr, consumer = nullptr;
  GOOD(cudaStreamCreateWithFlags(&producer, cudaStreamNonBlocking));
  GOOD(cudaStreamCreateWithFlags(&consumer, cudaStreamNonBlocking));
  cudaEvent_t event = nullptr;
  GOOD(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));

  produce<<<1, 32, 0, producer>>>(data, 41);
  if (with_event) {
    GOOD(cudaEventRecord(event, producer));
    GOOD(cudaStreamWaitEvent(consumer, event));
  }
  produce<<<1, 32, 0, producer>>>(data, 41);  // behind the record: it need not have run
  consume<<<1, 32, 0, consumer>>>(data, result);
  GOOD(cudaMemcpyAsync(host, result, sizeof host, cudaMemcpyDeviceToHost, consumer));
  GOOD(cudaStreamSynchronize(consumer));
  bool right = true;
  for (const int value : host) right = right && value == 42;

  // What pageable memory held when the call was made is copied.
  int source = 7, copied = 0;
  GOOD(cudaMemcpyAsync(data, &source, sizeof source, cudaMemcpyHostToDevice, producer));
  source = 8;
  GOOD(cudaStreamSynchronize(producer));
  GOOD(cudaMemcpy(&copied, data, sizeof copied, cudaMemcpyDeviceToHost));
  REQUIRE(copied == 7);
  std::printf("lazy: the consumer was %s\n", right ? "right" : "wrong");
  GOOD(cudaEventDestroy(event));
  GOOD(cudaStreamDestroy(producer));
  GOOD(cudaStreamDestroy(consumer));
  GOOD(cudaFree(data));
  GOOD(cudaFree(result));
  return right ? 0 : 1;
}
