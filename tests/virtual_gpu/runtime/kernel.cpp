// SPDX-License-Identifier: MIT
// Launches: the checks that the real runtime makes, the parameters, the run; and what a program can
// ask about its kernels, and set.
#include "runtime/kernel.h"

#include <algorithm>
#include <cstring>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

/// Where and how large a launch is.
struct Configuration {
  dim3 grid, block;
  std::size_t shared = 0;
  cudaStream_t stream = nullptr;
};
thread_local Configuration pushed;  // by <<<...>>>, for the stub that it calls next

u64 count(dim3 size) { return u64{size.x} * size.y * size.z; }

bool fits(dim3 size, dim3 most) {
  return count(size) != 0 && size.x <= most.x && size.y <= most.y && size.z <= most.z;
}

/// Without the KiB that the system reserves.
std::size_t static_shared(const Function& function) { return function.shared_bytes - shared_begin; }

/// Blocks of a kernel that a multiprocessor holds at once.
std::size_t resident_blocks(const Function& function, u64 block_threads, std::size_t dynamic) {
  if (block_threads == 0 || block_threads > limits::threads) return 0;
  const u64 whole_warps = (block_threads + lanes - 1) / lanes * lanes;
  const std::size_t shared = static_shared(function) + dynamic + limits::shared_reserved;
  return std::min<std::size_t>({limits::blocks_per_multiprocessor,
                                limits::threads_per_multiprocessor / whole_warps,
                                limits::shared_per_multiprocessor / shared});
}

void check(const Function& function, const Configuration& c, bool cooperative) {
  const u64 threads = count(c.block);
  expect(fits(c.grid, limits::grid) && fits(c.block, limits::block) && threads <= limits::threads,
         cudaErrorInvalidConfiguration);
  expect(function.most_threads == 0 || threads <= function.most_threads);
  expect(c.shared <= function.dynamic_limit);
  expect(static_shared(function) + c.shared <= limits::shared_per_block);
  // All blocks of a cooperative launch must be on the device at once.
  const u64 at_once =
      resident_blocks(function, threads, c.shared) * static_cast<u64>(options.multiprocessors);
  expect(!cooperative || count(c.grid) <= at_once, cudaErrorCooperativeLaunchTooLarge);
}

// The machine keeps thread-local memory. When it is gone, the main thread still runs destructors of
// the program's objects.
thread_local bool thread_is_ending = false;
struct Sentinel {
  ~Sentinel() { thread_is_ending = true; }
};

void execute(Launch launch) {
  static thread_local const Sentinel sentinel;
  State& s = state();
  if (++s.launches == options.fail_launch)
    launch.failed = true;
  else if (thread_is_ending)
    std::thread([&] { run(launch); }).join();
  else
    run(launch);
  if (launch.failed) s.sticky = cudaErrorLaunchFailure;
}

void launch(const void* symbol, const Configuration& c, void* const* arguments, bool cooperative) {
  const auto stream = stream_of(c.stream);
  Function& function = kernel_of(symbol).function;
  check(function, c, cooperative);
  Launch launch;
  launch.kernel = &function;
  launch.grid = {c.grid.x, c.grid.y, c.grid.z};
  launch.block = {c.block.x, c.block.y, c.block.z};
  launch.dynamic_shared = static_cast<u32>(c.shared);
  launch.cooperative = cooperative;
  launch.stream = stream->id;
  launch.parameters.assign(function.parameter_bytes + 64, 0);
  expect(function.parameters.empty() || arguments != nullptr);
  for (const Parameter& parameter : function.parameters)
    std::memcpy(launch.parameters.data() + parameter.offset, *arguments++, parameter.size);
  const auto kind = cooperative ? Operation::cooperative_kernel : Operation::kernel;
  submit(stream, {kind, [launch = std::move(launch)] { execute(launch); }});
}

/// Reads an attribute of an extended launch.
void read_attribute(const cudaLaunchAttribute& attribute, bool& cooperative) {
  if (attribute.id == cudaLaunchAttributeCooperative)
    cooperative = attribute.val.cooperative != 0;
  else if (attribute.id != cudaLaunchAttributeProgrammaticStreamSerialization)  // allows an overlap
    unsupported("launch attribute %d", static_cast<int>(attribute.id));
}

void describe(cudaFuncAttributes& attributes, const Kernel& kernel) {
  const Function& function = kernel.function;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.sharedSizeBytes = static_shared(function);
  attributes.localSizeBytes = function.local_bytes;
  attributes.maxThreadsPerBlock =
      function.most_threads != 0 ? static_cast<int>(function.most_threads) : limits::threads;
  attributes.numRegs = limits::registers_per_thread;
  attributes.ptxVersion = kernel.target;
  attributes.binaryVersion = options.architecture;
  attributes.maxDynamicSharedSizeBytes = static_cast<int>(function.dynamic_limit);
}

void set_attribute(Function& function, cudaFuncAttribute attribute, int value) {
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout)
    return expect(value >= -1 && value <= 100);  // a hint
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
    unsupported("function attribute %d", static_cast<int>(attribute));
  expect(value >= 0 &&
         static_cast<std::size_t>(value) + static_shared(function) <= limits::shared_per_block);
  function.dynamic_limit = static_cast<u32>(value);
}

}  // namespace
}  // namespace vgpu

using namespace vgpu;

extern "C" {

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) {
  pushed = {grid, block, shared, stream};
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  *grid = pushed.grid;
  *block = pushed.block;
  *shared = pushed.shared;
  *static_cast<cudaStream_t*>(stream) = pushed.stream;
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void* symbol, dim3 grid, dim3 block, void** arguments,
                             size_t shared, cudaStream_t stream) {
  return call(__func__, [&] { launch(symbol, {grid, block, shared, stream}, arguments, false); });
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               size_t shared, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}

cudaError_t cudaLaunchCooperativeKernel(const void* symbol, dim3 grid, dim3 block, void** arguments,
                                        size_t shared, cudaStream_t stream) {
  return call(__func__, [&] { launch(symbol, {grid, block, shared, stream}, arguments, true); });
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* configuration, const void* symbol,
                                void** arguments) {
  return call(__func__, [&] {
    const cudaLaunchConfig_t& c = at(configuration);
    bool cooperative = false;
    for (unsigned i = 0; i < c.numAttrs; ++i) read_attribute(c.attrs[i], cooperative);
    launch(symbol, {c.gridDim, c.blockDim, c.dynamicSmemBytes, c.stream}, arguments, cooperative);
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* symbol) {
  return call(__func__, [&] { describe(at(attributes), kernel_of(symbol)); });
}

cudaError_t cudaFuncSetAttribute(const void* symbol, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&] { set_attribute(kernel_of(symbol).function, attribute, value); });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* symbol,
                                                                   int threads, size_t dynamic,
                                                                   unsigned flags) {
  return call(__func__, [&] {
    expect(threads > 0 && flags <= cudaOccupancyDisableCachingOverride);
    at(blocks) = static_cast<int>(
        resident_blocks(kernel_of(symbol).function, static_cast<u64>(threads), dynamic));
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* symbol,
                                                          int threads, size_t dynamic) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, symbol, threads, dynamic,
                                                                cudaOccupancyDefault);
}

}  // extern "C"
