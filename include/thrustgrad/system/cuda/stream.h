// SPDX-License-Identifier: MIT
// The stream on which all work of the cuda system runs, the check of every runtime call, and graphs
// recorded from that stream.
#pragma once
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdlib>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// Whether work is done when a call returns, so that looking at a result costs no wait.
inline constexpr bool synchronous = false;

/// Throws Error("op: what failed: ...") for every status but success.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) [[likely]]
    return;
  // Errors that do not stick are forgotten, else the next launch would report them again.
  static_cast<void>(cudaGetLastError());
  const bool no_device = status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver ||
                         status == cudaErrorStubLibrary || status == cudaErrorDevicesUnavailable;
  fail(thrustgrad::detail::current_op == nullptr ? "cuda" : thrustgrad::detail::current_op, what,
       " failed: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")",
       no_device ? "; this program was built for NVIDIA GPUs: check nvidia-smi, or build it with "
                   "-DTHRUSTGRAD_SYSTEM=THRUSTGRAD_SYSTEM_HOST for the CPU"
                 : "");
}

namespace detail {

struct CurrentStream {
  std::atomic<cudaStream_t> stream{nullptr};

  static CurrentStream& instance() {
    static CurrentStream& current = *new CurrentStream;  // tensors may outlive main
    return current;
  }

 private:
  // It waits for the legacy default stream and that one for it: a user's kernel that was launched
  // without naming a stream sees finished tensors.
  CurrentStream() {
    cudaStream_t own = nullptr;
    check(cudaStreamCreateWithFlags(&own, cudaStreamDefault), "creating a stream");
    stream = own;
  }
};

}  // namespace detail

/// The stream of all work of the library, one for the process.
inline cudaStream_t stream() { return detail::CurrentStream::instance().stream; }

/// Makes all later work run on `next`, behind the work so far; returns the stream before. A stream
/// of the caller must not be destroyed while it is the current one. Not during a capture.
inline cudaStream_t set_stream(cudaStream_t next) {
  const cudaStream_t before = stream();
  if (next == before) return before;
  // Cached blocks of memory may still be in use on the old stream.
  cudaEvent_t behind = nullptr;
  check(cudaEventCreateWithFlags(&behind, cudaEventDisableTiming), "creating an event");
  cudaError_t status = cudaEventRecord(behind, before);
  if (status == cudaSuccess) status = cudaStreamWaitEvent(next, behind, 0);
  static_cast<void>(cudaEventDestroy(behind));
  check(status, "changing the stream");
  detail::CurrentStream::instance().stream = next;
  return before;
}

/// Whether the stream's work is being recorded instead of done.
inline bool is_capturing() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream(), &status), "asking for the state of the stream");
  return status != cudaStreamCaptureStatusNone;
}

/// Whether THRUSTGRAD_SYNCHRONIZE=1 stands in the environment: each operation waits for its
/// kernels, so that their errors are reported by the operation that launched them.
inline bool waits_for_kernels() {
  static const bool wait = [] {
    const char* const variable = std::getenv("THRUSTGRAD_SYNCHRONIZE");
    return variable != nullptr && *variable != '\0' && *variable != '0';
  }();
  return wait && !is_capturing();
}

/// Behind each launch: throws if it failed.
inline void check_launch(cudaError_t status = cudaGetLastError()) {
  check(status, "a kernel launch");
  if (waits_for_kernels()) check(cudaStreamSynchronize(stream()), "a kernel");
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
