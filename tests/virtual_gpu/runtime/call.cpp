// SPDX-License-Identifier: MIT
// The beginning and the end of every runtime call; errors, and what they mean in words.
#include "runtime/call.h"

#include <cstdio>
#include <string_view>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

thread_local cudaError_t last = cudaSuccess;

struct ErrorText {
  cudaError_t error;
  const char* text;
};

/// Errors whose names do not say it all.
constexpr ErrorText texts[] = {
    {cudaSuccess, "no error"},
    {cudaErrorInvalidValue, "invalid argument"},
    {cudaErrorMemoryAllocation, "out of memory"},
    {cudaErrorInvalidConfiguration, "invalid configuration argument"},
    {cudaErrorNotReady, "device not ready"},
    {cudaErrorLaunchFailure, "unspecified launch failure"},
    {cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"},
    {cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "operation failed due to an error during capture"},
    {cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"},
};

/// An error that a function could return, for Options::fail_call.
cudaError_t plausible_error(std::string_view function) {
  const bool allocates = function.find("Malloc") != function.npos || function == "cudaHostAlloc";
  return allocates ? cudaErrorMemoryAllocation : cudaErrorUnknown;
}

}  // namespace

std::recursive_mutex& runtime_lock() {
  static std::recursive_mutex mutex;
  return mutex;
}

cudaError_t run_call(const char* name, After after, const std::function<void()>& body) {
  static u64 count = 0;
  static bool busy = false;
  const std::lock_guard lock(runtime_lock());
  if (busy) return last = cudaErrorNotPermitted;
  const unsigned long long number = ++count;
  if (options.trace) std::fprintf(stderr, "vgpu: call %llu %s\n", number, name);
  busy = true;
  cudaError_t error = cudaSuccess;
  try {
    if (number == options.fail_call) throw Failure{plausible_error(name)};
    if (after == After::refused) expect_no_failed_kernel();
    body();
  } catch (const Failure& failure) {
    error = last = failure.error;
    if (options.trace)
      std::fprintf(stderr, "vgpu: call %llu %s returns %s\n", number, name, error_name(error));
  }
  busy = false;
  return error;
}

}  // namespace vgpu

using namespace vgpu;

// These are no calls to be counted: they cannot fail.
extern "C" {

cudaError_t cudaPeekAtLastError() {
  const cudaError_t sticky = state().sticky;
  return sticky != cudaSuccess ? sticky : last;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last = cudaSuccess;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) { return error_name(error); }

const char* cudaGetErrorString(cudaError_t error) {
  for (const ErrorText& text : texts)
    if (text.error == error) return text.text;
  return error_name(error);
}

}  // extern "C"
