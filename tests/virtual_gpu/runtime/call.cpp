// SPDX-License-Identifier: MIT
// The beginning and the end of every runtime call, and errors.
#include "runtime/call.h"

#include <cstdio>
#include <string_view>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

thread_local cudaError_t last = cudaSuccess;

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

cudaError_t query(const char* name, const std::function<void()>& body) {
  static u64 count = 0;
  static bool busy = false;
  const std::lock_guard lock(runtime_lock());
  if (busy) return last = cudaErrorNotPermitted;
  const u64 number = ++count;
  busy = true;
  cudaError_t error = cudaSuccess;
  try {
    if (number == options.fail_call) throw Failure{plausible_error(name)};
    body();
  } catch (const Failure& failure) {
    error = last = failure.error;
  }
  busy = false;
  if (options.trace)
    std::fprintf(stderr, "vgpu: call %lu %s: %s\n", number, name, error_name(error));
  return error;
}

cudaError_t call(const char* name, const std::function<void()>& body) {
  return query(name, [&] {
    expect_no_failed_kernel();
    body();
  });
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
const char* cudaGetErrorString(cudaError_t error) { return error_name(error); }

}  // extern "C"
