// SPDX-License-Identifier: MIT
// A little of everything, with an exception for every error: under VGPU_FAIL_CALL=n it must end
// orderly with exit status 3 for each of its calls, and with 0 beyond them. See faults.py.
#include <memory>
#include <stdexcept>

#include "require.h"

__global__ void set(int* data, int value) { data[threadIdx.x] = value; }

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

/// Destructors cannot throw: an error of theirs is noted.
bool failed_in_destructor = false;
void note(cudaError_t error) {
  if (error != cudaSuccess) failed_in_destructor = true;
}

struct Stream {
  cudaStream_t handle = nullptr;
  Stream() { check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking)); }
  ~Stream() { note(cudaStreamDestroy(handle)); }
};

struct Event {
  cudaEvent_t handle = nullptr;
  Event() { check(cudaEventCreate(&handle)); }
  ~Event() { note(cudaEventDestroy(handle)); }
};

struct Memory {
  int* data = nullptr;
  cudaStream_t stream;
  explicit Memory(cudaStream_t s) : stream(s) {
    check(s != nullptr ? cudaMallocAsync(&data, 128, s) : cudaMalloc(&data, 128));
  }
  ~Memory() { note(stream != nullptr ? cudaFreeAsync(data, stream) : cudaFree(data)); }
};

struct Graph {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ~Graph() {
    if (exec != nullptr) note(cudaGraphExecDestroy(exec));
    if (graph != nullptr) note(cudaGraphDestroy(graph));
  }
};

void work() {
  int host[32] = {};
  Stream a, b;
  Event event;
  Memory first(nullptr), second(a.handle);
  set<<<1, 32, 0, a.handle>>>(first.data, 1);
  check(cudaGetLastError());
  check(cudaEventRecord(event.handle, a.handle));
  check(cudaStreamWaitEvent(b.handle, event.handle));
  check(cudaMemcpyAsync(second.data, first.data, 128, cudaMemcpyDeviceToDevice, b.handle));
  check(cudaStreamSynchronize(b.handle));
  check(cudaMemcpy(host, second.data, 128, cudaMemcpyDeviceToHost));
  REQUIRE(host[31] == 1);
  Graph graph;
  check(cudaStreamBeginCapture(a.handle, cudaStreamCaptureModeThreadLocal));
  set<<<1, 32, 0, a.handle>>>(first.data, 2);
  const cudaError_t launched = cudaGetLastError();
  check(cudaStreamEndCapture(a.handle, &graph.graph));
  check(launched);
  check(cudaGraphInstantiate(&graph.exec, graph.graph, 0));
  check(cudaGraphLaunch(graph.exec, a.handle));
  check(cudaStreamSynchronize(a.handle));
  check(cudaMemcpy(host, first.data, 128, cudaMemcpyDeviceToHost));
  REQUIRE(host[31] == 2);
}

int main() {
  try {
    work();
  } catch (const std::runtime_error& error) {
    std::printf("faults: %s\n", error.what());
    return 3;
  }
  std::printf("faults: %s\n", failed_in_destructor ? "a destructor failed" : "good");
  return failed_in_destructor ? 3 : 0;
}
