// SPDX-License-Identifier: MIT
// The device: what it is called, how large it is, what it can do.
#include <cstdio>
#include <cstring>

#include "machine/options.h"
#include "runtime/kernel.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

constexpr int cache_bytes = 40 << 20;

void expect_device(int device) { expect(device == 0, cudaErrorInvalidDevice); }

int value_of(cudaDeviceAttr which) {
  expect(which >= cudaDevAttrMaxThreadsPerBlock && which < cudaDevAttrMax);
  struct Attribute {
    cudaDeviceAttr name;
    int value;
  };
  // clang-format off
  static const Attribute attributes[] = {
      {cudaDevAttrMultiProcessorCount, options.multiprocessors},
      {cudaDevAttrComputeCapabilityMajor, options.architecture / 10},
      {cudaDevAttrComputeCapabilityMinor, options.architecture % 10},
      {cudaDevAttrMaxThreadsPerBlock, limits::threads},
      {cudaDevAttrMaxBlockDimX, limits::block.x}, {cudaDevAttrMaxGridDimX, limits::grid.x},
      {cudaDevAttrMaxBlockDimY, limits::block.y}, {cudaDevAttrMaxGridDimY, limits::grid.y},
      {cudaDevAttrMaxBlockDimZ, limits::block.z}, {cudaDevAttrMaxGridDimZ, limits::grid.z},
      {cudaDevAttrMaxSharedMemoryPerBlock, limits::shared_by_default},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, limits::shared_per_block},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor, limits::shared_per_multiprocessor},
      {cudaDevAttrReservedSharedMemoryPerBlock, limits::shared_reserved},
      {cudaDevAttrMaxRegistersPerBlock, limits::registers},
      {cudaDevAttrMaxRegistersPerMultiprocessor, limits::registers},
      {cudaDevAttrMaxThreadsPerMultiProcessor, limits::threads_per_multiprocessor},
      {cudaDevAttrMaxBlocksPerMultiprocessor, limits::blocks_per_multiprocessor},
      {cudaDevAttrWarpSize, lanes}, {cudaDevAttrL2CacheSize, cache_bytes},
      {cudaDevAttrConcurrentKernels, 1}, {cudaDevAttrUnifiedAddressing, 1},
      {cudaDevAttrManagedMemory, 1}, {cudaDevAttrCooperativeLaunch, 1},
      {cudaDevAttrMemoryPoolsSupported, 1}, {cudaDevAttrClusterLaunch, 0},
  };
  // clang-format on
  for (const Attribute& attribute : attributes)
    if (attribute.name == which) return attribute.value;
  unsupported("device attribute %d", static_cast<int>(which));
}

void describe(cudaDeviceProp& p) {
  std::memset(static_cast<void*>(&p), 0, sizeof p);
  std::snprintf(p.name, sizeof p.name, "Virtual GPU (sm_%d)", options.architecture);
  p.major = options.architecture / 10;
  p.minor = options.architecture % 10;
  p.multiProcessorCount = options.multiprocessors;
  p.totalGlobalMem = options.memory;
  p.l2CacheSize = cache_bytes;
  p.sharedMemPerBlock = limits::shared_by_default;
  p.sharedMemPerBlockOptin = limits::shared_per_block;
  p.sharedMemPerMultiprocessor = limits::shared_per_multiprocessor;
  p.reservedSharedMemPerBlock = limits::shared_reserved;
  p.regsPerBlock = p.regsPerMultiprocessor = limits::registers;
  p.warpSize = lanes;
  p.maxThreadsPerBlock = limits::threads;
  p.maxThreadsPerMultiProcessor = limits::threads_per_multiprocessor;
  p.maxBlocksPerMultiProcessor = limits::blocks_per_multiprocessor;
  std::memcpy(p.maxThreadsDim, &limits::block, sizeof p.maxThreadsDim);
  std::memcpy(p.maxGridSize, &limits::grid, sizeof p.maxGridSize);
  p.concurrentKernels = p.unifiedAddressing = p.managedMemory = 1;
  p.cooperativeLaunch = p.memoryPoolsSupported = 1;
}

}  // namespace
}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return query(__func__, [&] { at(count) = 1; });
}
cudaError_t cudaGetDevice(int* device) {
  return query(__func__, [&] { at(device) = 0; });
}
cudaError_t cudaSetDevice(int device) {
  return call(__func__, [&] { expect_device(device); });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return query(__func__, [&] {
    expect_device(device);
    describe(at(properties));
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
  return query(__func__, [&] {
    expect_device(device);
    at(value) = value_of(which);
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return query(__func__, [&] { at(version) = CUDART_VERSION; });
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return query(__func__, [&] { at(version) = CUDART_VERSION; });
}

}  // extern "C"
