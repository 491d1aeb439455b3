// SPDX-License-Identifier: MIT
// Capture over two streams, replay, update, a graph that launches a graph.
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
  GOOD(cudaStreamIsCapturing(s.side, &status));
  REQUIRE(status == cudaStreamCaptureStatusActive);
  GOOD(cudaStreamEndCapture(s.main, &graph));
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

void graph_in_graph(const Streams& s) {
  int *total = nullptr, *one = nullptr;
  GOOD(cudaMalloc(&total, 4));
  GOOD(cudaMalloc(&one, 4));
  GOOD(cudaMemset(total, 0, 4));
  GOOD(cudaDeviceSynchronize());  // which streams that do not block need
  cudaGraph_t inner = nullptr, outer = nullptr;
  cudaGraphExec_t inner_exec = nullptr, outer_exec = nullptr;
  GOOD(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeGlobal));
  set<<<1, 1, 0, s.main>>>(one, 1);
  add<<<1, 1, 0, s.main>>>(total, one);
  GOOD(cudaStreamEndCapture(s.main, &inner));
  GOOD(cudaGraphInstantiate(&inner_exec, inner, 0));
  GOOD(cudaStreamBeginCapture(s.main, cudaStreamCaptureModeGlobal));
  for (int i = 0; i < 3; ++i) GOOD(cudaGraphLaunch(inner_exec, s.main));
  GOOD(cudaStreamEndCapture(s.main, &outer));
  REQUIRE(nodes_of(outer) == 3);
  GOOD(cudaGraphInstantiate(&outer_exec, outer, 0));
  GOOD(cudaGraphLaunch(outer_exec, s.main));
  GOOD(cudaStreamSynchronize(s.main));
  REQUIRE(read(total) == 3);
  for (const auto g : {inner, outer}) GOOD(cudaGraphDestroy(g));
  for (const auto e : {inner_exec, outer_exec}) GOOD(cudaGraphExecDestroy(e));
  for (int* memory : {total, one}) GOOD(cudaFree(memory));
}

int main() {
  {
    const Streams streams;
    replay_and_update(streams);
    graph_in_graph(streams);
  }
  std::printf("graphs: good\n");
}
