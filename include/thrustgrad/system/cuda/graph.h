// SPDX-License-Identifier: MIT
// Graphs: the work of a function, recorded from the stream once, to be launched again and again as
// one piece.
#pragma once
#include <memory>
#include <type_traits>
#include <utility>

#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

class Graph {
 public:
  /// Whether work can be recorded and replayed.
  static constexpr bool replays = true;

  /// Records what f enqueues; nothing of it runs. It takes the place of an earlier recording.
  /// Throws what f throws, and an Error if f did what cannot be recorded; the earlier recording
  /// stays then, and the stream works as before.
  template <class F> void record(const F& f) {
    const cudaStream_t recorded = stream();
    // Thread-local: a call of this thread that is no work of the stream, a cudaMalloc for instance,
    // is reported instead of being left out of every replay; other threads are not disturbed.
    check(cudaStreamBeginCapture(recorded, cudaStreamCaptureModeThreadLocal),
          "beginning to record a graph");
    try {
      f();
    } catch (...) {
      static_cast<void>(end(recorded));
      static_cast<void>(cudaGetLastError());  // nobody shall find the recording's errors later
      throw;
    }
    const auto [status, graph] = end(recorded);
    check(status, "recording a graph");
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, graph.get(), 0), "building a graph");
    executable_.reset(executable);
  }

  /// Runs what was recorded, behind all work so far.
  void launch() {
    check(cudaGraphLaunch(executable_.get(), stream()), "launching a graph");
    check_launch();
  }

 private:
  struct Destroy {
    void operator()(cudaGraph_t graph) const { static_cast<void>(cudaGraphDestroy(graph)); }
    // A launch that still runs is completed.
    void operator()(cudaGraphExec_t graph) const { static_cast<void>(cudaGraphExecDestroy(graph)); }
  };
  template <class Handle> using Unique = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy>;

  static std::pair<cudaError_t, Unique<cudaGraph_t>> end(cudaStream_t recorded) {
    cudaGraph_t graph = nullptr;
    const cudaError_t status = cudaStreamEndCapture(recorded, &graph);
    // If the call itself came to nothing, the stream would go on recording.
    if (status != cudaSuccess) static_cast<void>(cudaStreamEndCapture(recorded, &graph));
    return {status, Unique<cudaGraph_t>(graph)};
  }

  Unique<cudaGraphExec_t> executable_;
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
