// SPDX-License-Identifier: MIT
// Memory of the cuda system: the driver's stream-ordered pool. Callers go through core/pool.h,
// which caches blocks.
#pragma once
#include "thrustgrad/system/cuda/fault.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// A stream that is never captured. Memory that is allocated on a captured stream would exist only
/// while the graph runs, and a training step keeps its results.
inline cudaStream_t allocation_stream() {
  static const cudaStream_t own = [] {
    cudaStream_t created = nullptr;
    check(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking), "creating a stream");
    return created;
  }();
  return own;
}

/// Allows this thread what a capture forbids by default: to allocate, and to wait for other
/// streams.
class Relaxed {
 public:
  Relaxed() { check(cudaThreadExchangeStreamCaptureMode(&mode_), "entering relaxed capture mode"); }
  ~Relaxed() { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }
  Relaxed(const Relaxed&) = delete;
  Relaxed& operator=(const Relaxed&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace detail

/// A block of at least `bytes` bytes, aligned for every vector type; null if there is none.
inline void* allocate(std::size_t bytes) {
  void* block = nullptr;
  cudaError_t status;
  if (is_capturing()) {
    const detail::Relaxed relaxed;
    const cudaStream_t aside = detail::allocation_stream();
    status = cudaMallocAsync(&block, bytes, aside);
    if (status == cudaSuccess) check(cudaStreamSynchronize(aside), "allocating memory");
  } else {
    status = cudaMallocAsync(&block, bytes, stream());
  }
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // the caller reports it, if it cannot help
    return nullptr;
  }
  check(status, "allocating memory");
  return block;
}

/// Gives a block back, behind all work so far. Not during a capture.
inline void deallocate(void* block) { check(cudaFreeAsync(block, stream()), "freeing memory"); }

/// Returns what the driver's pool keeps unused to the device, for other programs and streams.
inline void trim() {
  int which = 0;
  cudaMemPool_t pool = nullptr;
  check(cudaGetDevice(&which), "asking for the device");
  check(cudaDeviceGetDefaultMemPool(&pool, which), "asking for the memory pool");
  check(cudaMemPoolTrimTo(pool, 0), "trimming the memory pool");
}

/// Bytes that no program uses.
inline std::size_t free_bytes() {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return free;
}

/// Copies between any two places, host or device, behind all work so far, and waits for it.
inline void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  require(!is_capturing(),
          thrustgrad::detail::current_op == nullptr ? "copy" : thrustgrad::detail::current_op,
          "copies between host and device while a step is captured; only work of the device can be "
          "replayed");
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream()), "a copy");
  synchronize();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
