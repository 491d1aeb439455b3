// SPDX-License-Identifier: MIT
// What is decided when a program is compiled: the device system, the derivative order, and the
// names that follow from them. The only macros of the library stand here.
//
//   THRUSTGRAD_SYSTEM            THRUSTGRAD_SYSTEM_HOST or THRUSTGRAD_SYSTEM_CUDA; default: cuda
//   under
//                                nvcc, host otherwise
//   THRUSTGRAD_DERIVATIVE_ORDER  how often a pointwise functor can be differentiated (default 1)
#pragma once
#include <cstdint>

#include "thrustgrad/version.h"

#define THRUSTGRAD_SYSTEM_HOST 1
#define THRUSTGRAD_SYSTEM_CUDA 2

#ifndef THRUSTGRAD_SYSTEM
#ifdef __CUDACC__
#define THRUSTGRAD_SYSTEM THRUSTGRAD_SYSTEM_CUDA
#else
#define THRUSTGRAD_SYSTEM THRUSTGRAD_SYSTEM_HOST
#endif
#endif

#ifndef THRUSTGRAD_DERIVATIVE_ORDER
#define THRUSTGRAD_DERIVATIVE_ORDER 1
#endif

// Without the CUDA runtime's headers Thrust's default device system does not compile. The library
// names its systems at every call and does not depend on the default.
#if !defined(THRUST_DEVICE_SYSTEM) && !__has_include(<cuda_runtime_api.h>)
#define THRUST_DEVICE_SYSTEM THRUST_DEVICE_SYSTEM_OMP
#endif

// Marks what device code may call: scalar functions and the call operators of functors. They are
// always inlined: a loop with a call in it is not vectorised.
#ifdef __CUDACC__
#define THRUSTGRAD_FN __host__ __device__ __forceinline__ constexpr
#else
#define THRUSTGRAD_FN __attribute__((always_inline)) constexpr
#endif

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_HOST
#define THRUSTGRAD_SYSTEM_NAME host
#else
#define THRUSTGRAD_SYSTEM_NAME cuda
#endif

// Objects built for another version, system or derivative order get other symbols, so that they can
// be linked into one program (Thrust does the same).
#define THRUSTGRAD_ABI                                                                            \
  THRUSTGRAD_ABI_JOIN(THRUSTGRAD_VERSION_MAJOR, THRUSTGRAD_VERSION_MINOR, THRUSTGRAD_SYSTEM_NAME, \
                      THRUSTGRAD_DERIVATIVE_ORDER)
#define THRUSTGRAD_ABI_JOIN(major, minor, system, order) \
  THRUSTGRAD_ABI_PASTE(major, minor, system, order)
#define THRUSTGRAD_ABI_PASTE(major, minor, system, order) \
  v##major##_##minor##_##system##_order##order

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Sizes, strides, offsets and loop counters: signed and 64 bits wide everywhere.
using index_t = std::int64_t;

/// How often a pointwise functor can be differentiated; a higher derivative throws.
inline constexpr int derivative_order = THRUSTGRAD_DERIVATIVE_ORDER;

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
