// SPDX-License-Identifier: MIT
// What every function of the runtime begins with: the lock, the count, failures on demand, the
// error that a failed kernel has left, and at its end the last error of the thread.
#pragma once
#include <cuda_runtime_api.h>

#include <functional>
#include <mutex>

#include "machine/types.h"

namespace vgpu {

/// Thrown within a runtime function: the error that it returns.
struct Failure {
  cudaError_t error;
};

inline void expect(bool condition, cudaError_t otherwise = cudaErrorInvalidValue) {
  if (!condition) throw Failure{otherwise};
}

/// Where the program wants a result.
template <class T> T& at(T* pointer) {
  expect(pointer != nullptr);
  return *pointer;
}

/// Host functions run with the lock held, and every call that they make is refused.
std::recursive_mutex& runtime_lock();

/// Made by stubs.py.
const char* error_name(int);

/// Runs the body of a runtime function: `return call(__func__, [&] { ... });`
cudaError_t call(const char* name, const std::function<void()>& body);
/// The same for functions that only look at the device: they work even after a kernel has failed.
cudaError_t query(const char* name, const std::function<void()>& body);

}  // namespace vgpu
