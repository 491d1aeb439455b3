// SPDX-License-Identifier: MIT
// What these programs check with. They must pass on a real GPU as well.
#pragma once
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define REQUIRE(...)                                                          \
  do {                                                                        \
    if (!(__VA_ARGS__)) {                                                     \
      std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
      std::exit(1);                                                           \
    }                                                                         \
  } while (false)

/// The error that an expression must return.
#define REQUIRE_ERROR(expected, ...)                                                       \
  do {                                                                                     \
    const cudaError_t error_ = (__VA_ARGS__);                                              \
    if (error_ != (expected)) {                                                            \
      std::printf("%s:%d: %s, not %s: %s\n", __FILE__, __LINE__, cudaGetErrorName(error_), \
                  cudaGetErrorName(expected), #__VA_ARGS__);                               \
      std::exit(1);                                                                        \
    }                                                                                      \
  } while (false)

#define GOOD(...) REQUIRE_ERROR(cudaSuccess, __VA_ARGS__)

/// A checked error, which is then forgotten.
#define REFUSED(expected, ...)                 \
  do {                                         \
    REQUIRE_ERROR(expected, __VA_ARGS__);      \
    REQUIRE(cudaGetLastError() == (expected)); \
  } while (false)
