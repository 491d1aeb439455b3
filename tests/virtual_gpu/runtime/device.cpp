// SPDX-License-Identifier: MIT
// The device: what it is called, how large it is, what it can do.
#include <cstdio>
#include <cstring>
#include <map>

#include "machine/options.h"
#include "runtime/kernel.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

constexpr int bus_bits = 5120, clock = 1410000, memory_clock = 1215000, cache_bytes = 40 << 20;
constexpr int constant_bytes = 64 << 10, copy_engines = 3;

struct Attribute {
  cudaDeviceAttr which;
  int value;
};

// clang-format off
constexpr Attribute attributes[] = {
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
    {cudaDevAttrTotalConstantMemory, constant_bytes}, {cudaDevAttrWarpSize, lanes},
    {cudaDevAttrL2CacheSize, cache_bytes}, {cudaDevAttrClockRate, clock},
    {cudaDevAttrMemoryClockRate, memory_clock}, {cudaDevAttrGlobalMemoryBusWidth, bus_bits},
    {cudaDevAttrAsyncEngineCount, copy_engines},
    {cudaDevAttrGpuOverlap, 1}, {cudaDevAttrCanMapHostMemory, 1}, {cudaDevAttrConcurrentKernels, 1},
    {cudaDevAttrUnifiedAddressing, 1}, {cudaDevAttrStreamPrioritiesSupported, 1},
    {cudaDevAttrManagedMemory, 1}, {cudaDevAttrGlobalL1CacheSupported, 1},
    {cudaDevAttrLocalL1CacheSupported, 1}, {cudaDevAttrComputePreemptionSupported, 1},
    {cudaDevAttrCooperativeLaunch, 1}, {cudaDevAttrMemoryPoolsSupported, 1},
    // What it cannot do, or has not.
    {cudaDevAttrComputeMode, 0}, {cudaDevAttrIntegrated, 0}, {cudaDevAttrEccEnabled, 0},
    {cudaDevAttrPciBusId, 0}, {cudaDevAttrPciDeviceId, 0}, {cudaDevAttrPciDomainId, 0},
    {cudaDevAttrHostNativeAtomicSupported, 0}, {cudaDevAttrPageableMemoryAccess, 0},
    {cudaDevAttrConcurrentManagedAccess, 0}, {cudaDevAttrClusterLaunch, 0},
};
// clang-format on

void expect_device(int device) { expect(device == 0, cudaErrorInvalidDevice); }

int value_of(cudaDeviceAttr which) {
  expect(which >= cudaDevAttrMaxThreadsPerBlock && which < cudaDevAttrMax);
  if (which == cudaDevAttrMultiProcessorCount) return options.multiprocessors;
  if (which == cudaDevAttrComputeCapabilityMajor) return options.architecture / 10;
  if (which == cudaDevAttrComputeCapabilityMinor) return options.architecture % 10;
  for (const Attribute& attribute : attributes)
    if (attribute.which == which) return attribute.value;
  unsupported("device attribute %d", static_cast<int>(which));
}

void describe(cudaDeviceProp* properties, int device) {
  expect_device(device);
  cudaDeviceProp& p = at(properties);
  std::memset(static_cast<void*>(&p), 0, sizeof p);
  std::snprintf(p.name, sizeof p.name, "Virtual GPU (sm_%d)", options.architecture);
  p.totalGlobalMem = options.memory;
  p.sharedMemPerBlock = limits::shared_by_default;
  p.sharedMemPerBlockOptin = limits::shared_per_block;
  p.sharedMemPerMultiprocessor = limits::shared_per_multiprocessor;
  p.reservedSharedMemPerBlock = limits::shared_reserved;
  p.regsPerBlock = p.regsPerMultiprocessor = limits::registers;
  p.warpSize = lanes;
  p.maxThreadsPerBlock = limits::threads;
  std::memcpy(p.maxThreadsDim, &limits::block, sizeof p.maxThreadsDim);
  std::memcpy(p.maxGridSize, &limits::grid, sizeof p.maxGridSize);
  p.maxThreadsPerMultiProcessor = limits::threads_per_multiprocessor;
  p.maxBlocksPerMultiProcessor = limits::blocks_per_multiprocessor;
  p.multiProcessorCount = options.multiprocessors;
  p.totalConstMem = constant_bytes;
  p.major = options.architecture / 10;
  p.minor = options.architecture % 10;
  p.l2CacheSize = cache_bytes;
  p.memoryBusWidth = bus_bits;
  p.asyncEngineCount = copy_engines;
  p.canMapHostMemory = p.concurrentKernels = p.unifiedAddressing = p.managedMemory = 1;
  p.streamPrioritiesSupported = p.globalL1CacheSupported = p.localL1CacheSupported = 1;
  p.computePreemptionSupported = p.cooperativeLaunch = p.memoryPoolsSupported = 1;
}

std::size_t& limit_of(cudaLimit which) {
  static std::map<cudaLimit, std::size_t> table{{cudaLimitStackSize, 1 << 10},
                                                {cudaLimitPrintfFifoSize, 1 << 20},
                                                {cudaLimitMallocHeapSize, 8 << 20},
                                                {cudaLimitMaxL2FetchGranularity, 64},
                                                {cudaLimitPersistingL2CacheSize, 0}};
  expect(table.count(which) != 0, cudaErrorUnsupportedLimit);
  return table[which];
}

unsigned device_flags = cudaDeviceScheduleAuto;

}  // namespace
}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) { return query(__func__, give, count, 1); }
cudaError_t cudaGetDevice(int* device) { return query(__func__, give, device, 0); }
cudaError_t cudaSetDevice(int device) { return call(__func__, expect_device, device); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return query(__func__, describe, properties, device);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
  return query(__func__, [&] {
    expect_device(device);
    at(value) = value_of(which);
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return query(__func__, give, version, CUDART_VERSION);
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return query(__func__, give, version, CUDART_VERSION);
}

cudaError_t cudaDeviceReset() {
  // After a failure a program may only leave, or begin again from here. Its memory is not taken
  // away.
  return query(__func__, [] {
    refuse_if_anything_captures();
    run_all();
    state().sticky = cudaSuccess;
  });
}

cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value) {
  return call(__func__, [&] { limit_of(limit) = value; });
}

cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit) {
  return call(__func__, [&] { at(value) = limit_of(limit); });
}

cudaError_t cudaSetDeviceFlags(unsigned flags) {
  return call(__func__, give, &device_flags, flags);
}
cudaError_t cudaGetDeviceFlags(unsigned* flags) {
  return call(__func__, give, flags, device_flags);
}

}  // extern "C"
