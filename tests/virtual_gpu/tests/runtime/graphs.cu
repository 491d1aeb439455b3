// SPDX-License-Identifier: MIT
// Capture over two streams, replay, queries, update, memory of graphs.
#include "require.h"

__global__ void set(int* data, int value) { *data = value; }
__global__ void add(int* data, const int* other) { *data += *other; }

int read(const int* data) {
  int value = 0;
  GOOD(cudaMemcpy(&value, data, sizeof value, cudaMemcpyDeviceToHost));
  return value;
}

struct Streams {
  cudaStream_t main = nullptr, side = nullptr;
  cudaEvent_t fork = nullptr, join = nullptr;
  Streams() {
    GOOD(cudaStreamCreateWithFlags(&main, cudaStreamNonBlocking));
    GOOD(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
    GOOD(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    GOOD(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  }
  ~Streams() {
    GOOD(cudaStreamDestroy(main));
    GOOD(cudaStreamDestroy(side));
    GOOD(cudaEventDestroy(fork));
    GOOD(cudaEventDestroy(join));
  }
};

/// total += first + second, where the two are set in streams of their own.
cudaGraph_t capture_fork(const Streams& s, int* total, int* first, int* second, int value) {
  cudaGraph_t graph = nullptr;
  GOOD(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeGlobal));
  set<<<1, 1, 0, s.main>>>(first, 0);
  GOOD(cudaEventRecord(s.fork, s.main));
  GOOD(cudaStreamWaitEvent(s.side, s.fork));
  set<<<1, 1, 0, s.main>>>(first, value);
  set<<<1, 1, 0, s.side>>>(second, 10 * value);
  GOOD(cudaEventRecord(s.join, s.side));
  add<<<1, 1, 0, s.main>>>(total, first);
  GOOD(cudaStreamWaitEvent(s.main, s.join));
  add<<<1, 1, 0, s.main>>>(total, second);
  cudaStreamCaptureStatus status{};
  unsigned long long id = 0;
  cudaGraph_t being_made = nullptr;
  size_t count = 0;
  GOOD(cudaStreamGetCaptureInfo(s.side, &status, &id, &being_made, nullptr, nullptr, &count));
  REQUIRE(status == cudaStreamCaptureStatusActive && count == 1 && being_made != nullptr);
  GOOD(cudaStreamEndCapture(s.main, &graph));
  REQUIRE(graph == being_made);
  GOOD(cudaStreamIsCapturing(s.side, &status));
  REQUIRE(status == cudaStreamCaptureStatusNone);
  return graph;
}

size_t nodes_of(cudaGraph_t graph) {
  size_t count = 0;
  GOOD(cudaGraphGetNodes(graph, nullptr, &count));
  return count;
}

void replay_and_update(const Streams& s) {
  int *total = nullptr, *first = nullptr, *second = nullptr;
  GOOD(cudaMalloc(&total, 4));
  GOOD(cudaMalloc(&first, 4));
  GOOD(cudaMalloc(&second, 4));
  GOOD(cudaMemset(total, 0, 4));
  GOOD(cudaDeviceSynchronize());  // which streams that do not block need
  cudaGraph_t graph = capture_fork(s, total, first, second, 1);
  REQUIRE(read(total) == 0);

  REQUIRE(nodes_of(graph) == 5);

  cudaGraphExec_t exec = nullptr;
  GOOD(cudaGraphInstantiate(&exec, graph, 0));
  GOOD(cudaGraphUpload(exec, s.main));
  for (int round = 1; round <= 5; ++round) {
    GOOD(cudaGraphLaunch(exec, s.main));
    GOOD(cudaStreamSynchronize(s.main));
    REQUIRE(read(total) == 11 * round);
  }
  GOOD(cudaGraphDestroy(graph));  // the executable graph is a copy

  // The same shape with other parameters.
  cudaGraph_t other = capture_fork(s, total, first, second, 2);
  cudaGraphExecUpdateResultInfo info{};
  GOOD(cudaGraphLaunch(exec, s.main));  // keeps the old parameters
  GOOD(cudaGraphExecUpdate(exec, other, &info));
  REQUIRE(info.result == cudaGraphExecUpdateSuccess);
  GOOD(cudaGraphLaunch(exec, s.main));
  GOOD(cudaStreamSynchronize(s.main));
  REQUIRE(read(total) == 66 + 22);

  // Another shape.
  cudaGraph_t small = nullptr;
  GOOD(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeThreadLocal));
  set<<<1, 1, 0, s.main>>>(first, 1);
  GOOD(cudaStreamEndCapture(s.main, &small));
  REFUSED(cudaErrorGraphExecUpdateFailure, cudaGraphExecUpdate(exec, small, &info));
  REQUIRE(info.result == cudaGraphExecUpdateErrorTopologyChanged);
  GOOD(cudaGraphLaunch(exec, s.main));
  GOOD(cudaStreamSynchronize(s.main));
  REQUIRE(read(total) == 66 + 44);

  for (const auto g : {other, small}) GOOD(cudaGraphDestroy(g));
  GOOD(cudaGraphExecDestroy(exec));
  for (int* memory : {total, first, second}) GOOD(cudaFree(memory));
}

void memory_of_graphs(const Streams& s) {
  int *total = nullptr, *scratch = nullptr;
  GOOD(cudaMalloc(&total, 4));
  GOOD(cudaMemset(total, 0, 4));
  GOOD(cudaDeviceSynchronize());  // which streams that do not block need
  cudaGraph_t graph = nullptr;
  GOOD(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeGlobal));
  GOOD(cudaMallocAsync(&scratch, 4, s.main));
  set<<<1, 1, 0, s.main>>>(scratch, 3);
  add<<<1, 1, 0, s.main>>>(total, scratch);
  GOOD(cudaFreeAsync(scratch, s.main));
  GOOD(cudaStreamEndCapture(s.main, &graph));
  REQUIRE(nodes_of(graph) == 4);
  cudaGraphExec_t exec = nullptr;
  GOOD(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 3; ++i) GOOD(cudaGraphLaunch(exec, s.main));
  GOOD(cudaStreamSynchronize(s.main));
  REQUIRE(read(total) == 9);
  GOOD(cudaGraphExecDestroy(exec));
  GOOD(cudaGraphDestroy(graph));

  // Memory that outlives the launch is the program's to free, before the next one.
  GOOD(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeGlobal));
  GOOD(cudaMallocAsync(&scratch, 4, s.main));
  set<<<1, 1, 0, s.main>>>(scratch, 5);
  GOOD(cudaStreamEndCapture(s.main, &graph));
  GOOD(cudaGraphInstantiate(&exec, graph, 0));
  GOOD(cudaGraphLaunch(exec, s.main));
  REFUSED(cudaErrorInvalidValue, cudaGraphLaunch(exec, s.main));
  add<<<1, 1, 0, s.main>>>(total, scratch);
  GOOD(cudaFreeAsync(scratch, s.main));
  GOOD(cudaGraphLaunch(exec, s.main));
  GOOD(cudaStreamSynchronize(s.main));
  REQUIRE(read(total) == 14 && read(scratch) == 5);
  GOOD(cudaFree(scratch));
  GOOD(cudaGraphExecDestroy(exec));
  GOOD(cudaGraphDestroy(graph));
  GOOD(cudaFree(total));
}

int main() {
  {
    const Streams streams;
    replay_and_update(streams);
    memory_of_graphs(streams);
  }
  std::printf("graphs: good\n");
}
