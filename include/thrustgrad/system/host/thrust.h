// SPDX-License-Identifier: MIT
// The names under which Thrust knows the host system: OpenMP.
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/system/omp/execution_policy.h>
#include <thrust/system/omp/pointer.h>

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// An address that knows its system, so that Thrust's algorithms run there.
template <class T> using pointer = thrust::omp::pointer<T>;

/// An execution policy with temporary memory from an allocator of bytes.
template <class Allocator> auto policy(const Allocator& allocator) {
  return thrust::omp::par(allocator);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
