// SPDX-License-Identifier: MIT
// What is refused, with which error: arguments, launches, captures.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "require.h"

__global__ void nothing() {}
__global__ void __launch_bounds__(64) narrow() {}
__global__ void with_shared(int* out) {
  extern __shared__ int shared[];
  shared[threadIdx.x] = 1;
  __syncthreads();
  if (out != nullptr) *out = shared[0];
}

void arguments() {
  void* memory = nullptr;
  int value = 0;
  GOOD(cudaMalloc(&memory, 256));
  if (std::getenv("VGPU_CHECK") == nullptr)  // which would report it
    REFUSED(cudaErrorInvalidValue, cudaFree(static_cast<char*>(memory) + 16));
  REFUSED(cudaErrorInvalidMemcpyDirection,
          cudaMemcpy(memory, memory, 4, static_cast<cudaMemcpyKind>(77)));
  REFUSED(cudaErrorInvalidDevice, cudaSetDevice(1000));
  REFUSED(cudaErrorInvalidDevice, cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 1000));
  GOOD(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 0));
  REQUIRE(value == 32);
  GOOD(cudaFree(memory));
  REQUIRE(std::strcmp(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue") == 0);
  REQUIRE(cudaGetErrorString(cudaErrorMemoryAllocation) != nullptr);
  REQUIRE(cudaPeekAtLastError() == cudaSuccess);
  REQUIRE(cudaMallocHost(nullptr, 1) != cudaSuccess && cudaPeekAtLastError() != cudaSuccess);
  REQUIRE(cudaGetLastError() != cudaSuccess && cudaGetLastError() == cudaSuccess);
}

void launches() {
  nothing<<<1, 1025>>>();
  REQUIRE(cudaGetLastError() == cudaErrorInvalidConfiguration);
  nothing<<<0, 1>>>();
  REQUIRE(cudaGetLastError() == cudaErrorInvalidConfiguration);
  nothing<<<dim3(1, 65536), 1>>>();
  REQUIRE(cudaGetLastError() == cudaErrorInvalidConfiguration);
  nothing<<<1, dim3(1, 1, 65)>>>();
  REQUIRE(cudaGetLastError() == cudaErrorInvalidConfiguration);
  narrow<<<1, 128>>>();
  REQUIRE(cudaGetLastError() != cudaSuccess);
  with_shared<<<1, 32, (48 << 10) + 4>>>(nullptr);
  REQUIRE(cudaGetLastError() == cudaErrorInvalidValue);
  GOOD(cudaFuncSetAttribute(with_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10));
  with_shared<<<1, 32, (48 << 10) + 4>>>(nullptr);
  GOOD(cudaGetLastError());
  REFUSED(cudaErrorInvalidValue,
          cudaFuncSetAttribute(with_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, 1 << 20));
  cudaFuncAttributes attributes{};
  GOOD(cudaFuncGetAttributes(&attributes, narrow));
  REQUIRE(attributes.maxThreadsPerBlock == 64 && attributes.ptxVersion == 80);
  int blocks = 0;
  GOOD(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, with_shared, 64, 40 << 10));
  REQUIRE(blocks >= 1 && blocks <= 6);
  REFUSED(cudaErrorInvalidDeviceFunction,
          cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&launches)));
  GOOD(cudaDeviceSynchronize());
}

/// Begins a capture, does something that is forbidden, and sees that the capture is lost.
template <class Forbidden>
void spoilt(cudaStream_t stream, cudaError_t expected, Forbidden&& forbidden) {
  cudaGraph_t graph = nullptr;
  GOOD(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  nothing<<<1, 1, 0, stream>>>();
  REFUSED(expected, forbidden());
  cudaStreamCaptureStatus status{};
  GOOD(cudaStreamIsCapturing(stream, &status));
  REQUIRE(status == cudaStreamCaptureStatusInvalidated);
  nothing<<<1, 1, 0, stream>>>();
  REQUIRE(cudaGetLastError() == cudaErrorStreamCaptureInvalidated);
  REFUSED(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
  REQUIRE(graph == nullptr);
}

void captures() {
  cudaStream_t stream = nullptr, other = nullptr, blocking = nullptr;
  cudaEvent_t event = nullptr, before = nullptr;
  cudaGraph_t graph = nullptr;
  void* memory = nullptr;
  GOOD(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  GOOD(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  GOOD(cudaStreamCreate(&blocking));
  GOOD(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  GOOD(cudaEventCreateWithFlags(&before, cudaEventDisableTiming));
  GOOD(cudaEventRecord(before, other));

  spoilt(stream, cudaErrorStreamCaptureUnsupported, [&] { return cudaMalloc(&memory, 16); });
  spoilt(stream, cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamSynchronize(stream); });
  spoilt(stream, cudaErrorStreamCaptureUnsupported, [] { return cudaDeviceSynchronize(); });
  spoilt(stream, cudaErrorStreamCaptureIsolation,
         [&] { return cudaStreamWaitEvent(stream, before); });
  spoilt(blocking, cudaErrorStreamCaptureImplicit, [&] {
    nothing<<<1, 1>>>();
    return cudaPeekAtLastError();
  });

  REFUSED(cudaErrorStreamCaptureUnsupported,
          cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal));
  REFUSED(cudaErrorIllegalState, cudaStreamEndCapture(stream, &graph));

  // Relaxed captures allow what is only unsafe.
  GOOD(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  GOOD(cudaMalloc(&memory, 16));
  REFUSED(cudaErrorIllegalState, cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  // A branch that does not come back.
  GOOD(cudaEventRecord(event, stream));
  GOOD(cudaStreamWaitEvent(other, event));
  nothing<<<1, 1, 0, other>>>();
  REFUSED(cudaErrorStreamCaptureUnmatched, cudaStreamEndCapture(other, &graph));
  REFUSED(cudaErrorStreamCaptureUnjoined, cudaStreamEndCapture(stream, &graph));
  GOOD(cudaFree(memory));

  // Another thread may allocate while this one captures for itself.
  GOOD(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  std::thread([&] {
    GOOD(cudaMalloc(&memory, 16));
    REFUSED(cudaErrorStreamCaptureWrongThread, cudaStreamEndCapture(stream, &graph));
  }).join();
  GOOD(cudaStreamEndCapture(stream, &graph));
  GOOD(cudaGraphDestroy(graph));
  GOOD(cudaFree(memory));

  for (const auto s : {stream, other, blocking}) GOOD(cudaStreamDestroy(s));
  for (const auto e : {event, before}) GOOD(cudaEventDestroy(e));
}

/// A fault of the host program is its own: it ends as it would without a device.
void host_fault() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    volatile int* const nowhere = nullptr;
    _exit(*nowhere);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main() {
  arguments();
  launches();
  captures();
  host_fault();
  std::printf("errors: good\n");
}
