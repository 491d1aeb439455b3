// SPDX-License-Identifier: MIT
// The names under which Thrust knows the cuda system, on the library's stream.
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/system/cuda/execution_policy.h>
#include <thrust/system/cuda/pointer.h>

#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// An address that knows its system, so that Thrust's algorithms run there.
template <class T> using pointer = thrust::cuda::pointer<T>;

/// An execution policy with temporary memory from an allocator of bytes. Algorithms wait only where
/// their result is needed on the host.
template <class Allocator> auto policy(const Allocator& allocator) {
  return thrust::cuda::par_nosync(allocator).on(stream());
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
