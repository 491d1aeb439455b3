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

/// Whether a function still works after a kernel has failed: those do that only look at the device.
enum class After : bool { refused, works };

/// Made by stubs.py.
const char* error_name(int);

cudaError_t run_call(const char* name, After, const std::function<void()>& body);

/// Runs the body of a runtime function: `return call(__func__, function, arguments...);`
template <class Body, class... Arguments>
cudaError_t call(const char* name, Body&& body, Arguments&&... arguments) {
  return run_call(name, After::refused, [&] { body(arguments...); });
}

/// The same for functions that only look at the device.
template <class Body, class... Arguments>
cudaError_t query(const char* name, Body&& body, Arguments&&... arguments) {
  return run_call(name, After::works, [&] { body(arguments...); });
}

/// A body that has nothing to do but to give the program a value.
inline constexpr auto give = [](auto* where, const auto& value) { at(where) = value; };

}  // namespace vgpu
