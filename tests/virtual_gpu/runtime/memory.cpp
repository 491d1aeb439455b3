// SPDX-License-Identifier: MIT
// Allocation and freeing, at once and in stream order, and the attributes of the memory pool.
#include <algorithm>
#include <cstring>
#include <map>

#include "checks/report.h"
#include "machine/options.h"
#include "memory/device_memory.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

struct MemoryBlock {
  enum Kind : u8 { device, pinned, pool } kind = device;
  u64 size = 0;
};
std::map<u64, MemoryBlock> blocks;  // what the program has allocated and not freed, by address

/// The default memory pool, which is the only one. It only counts: what is freed goes back to the
/// device when its stream gets there, and is not given out again before.
struct Pool {
  u64 threshold = 0;
  u64 used = 0, used_high = 0, reserved = 0, reserved_high = 0;
} pool;
const auto pool_handle = reinterpret_cast<cudaMemPool_t>(u64{0x55} << 56);
constexpr u64 pool_granularity = 512;

void* pointer_to(u64 address) { return reinterpret_cast<void*>(address); }

void trim(u64 keep) { pool.reserved = std::max(pool.used, std::min(pool.reserved, keep)); }

void count_used(u64 bytes) {
  pool.used += bytes;
  pool.used_high = std::max(pool.used_high, pool.used);
  pool.reserved = std::max(pool.reserved, pool.used);
  pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
}

u64 allocate_device(std::size_t bytes) {
  u64 address = allocate(bytes);
  if (address == 0) {
    run_all();  // frees that still wait in a queue
    address = allocate(bytes);
  }
  expect(address != 0, cudaErrorMemoryAllocation);
  return address;
}

void allocate_now(void** pointer, std::size_t bytes) {
  refuse_during_capture();
  at(pointer) = nullptr;
  if (bytes == 0) return;
  const u64 address = allocate_device(bytes);
  blocks[address] = {MemoryBlock::device, bytes};
  *pointer = pointer_to(address);
}

void allocate_host(void** pointer, std::size_t bytes, MemoryKind kind) {
  refuse_during_capture();
  at(pointer) = nullptr;
  if (bytes == 0) return;
  const u64 address = allocate_shared_with_host(bytes, kind);
  expect(address != 0, cudaErrorMemoryAllocation);
  // Managed memory is freed as device memory is.
  blocks[address] = {kind == MemoryKind::pinned ? MemoryBlock::pinned : MemoryBlock::device, bytes};
  *pointer = pointer_to(address);
}

void allocate_async(void** pointer, std::size_t bytes, const std::shared_ptr<Stream>& stream) {
  if (stream->capture) unsupported("cudaMallocAsync in a stream that is being captured");
  at(pointer) = nullptr;
  if (bytes == 0) return;
  refuse_implicit_dependency(*stream);
  const u64 address = allocate_device(bytes);
  const u64 size = (bytes + pool_granularity - 1) / pool_granularity * pool_granularity;
  blocks[address] = {MemoryBlock::pool, size};
  count_used(size);
  if (options.check && options.lazy) {
    std::memset(shadow_of(address), 0, bytes);  // until the stream gets there
    enqueue(stream, [=] {
      constexpr int fresh_byte = 0xcd;
      std::memset(shadow_of(address), addressable, bytes);
      std::memset(host_address(address), fresh_byte, bytes);
    });
  }
  *pointer = pointer_to(address);
}

/// Takes a block off the list of those that can be freed.
u64 forget_block(const char* function, const void* pointer,
                 std::initializer_list<MemoryBlock::Kind> kinds) {
  const auto found = blocks.find(reinterpret_cast<u64>(pointer));
  if (found == blocks.end() ||
      std::find(kinds.begin(), kinds.end(), found->second.kind) == kinds.end()) {
    if (options.check)
      report_host("invalid free", "%s of %p, where no live allocation of that kind begins",
                  function, pointer);
    throw Failure{cudaErrorInvalidValue};
  }
  const auto [address, block] = *found;
  if (block.kind == MemoryBlock::pool) pool.used -= block.size;
  blocks.erase(found);
  return address;
}

/// Frees at once, when all work has been done.
void free_now(const char* function, const void* pointer,
              std::initializer_list<MemoryBlock::Kind> kinds) {
  if (pointer == nullptr) return;
  refuse_during_capture();
  run_all();
  release(forget_block(function, pointer, kinds));
  expect_no_failed_kernel();
}

void free_async(void* pointer, const std::shared_ptr<Stream>& stream) {
  if (pointer == nullptr) return;
  expect(!stream->capture);  // a graph frees only what it has allocated, and none allocates here
  refuse_implicit_dependency(*stream);
  const u64 address = forget_block("cudaFreeAsync", pointer, {MemoryBlock::pool});
  enqueue(stream, [address] { release(address); });
}

void give_pool(cudaMemPool_t* handle, int device) {
  expect(device == 0, cudaErrorInvalidDevice);
  at(handle) = pool_handle;
}

Pool& pool_of(cudaMemPool_t handle) {
  expect(handle == pool_handle);
  return pool;
}

u64 number_of(const Pool& p, cudaMemPoolAttr attribute) {
  if (attribute == cudaMemPoolAttrReleaseThreshold) return p.threshold;
  if (attribute == cudaMemPoolAttrReservedMemCurrent) return p.reserved;
  if (attribute == cudaMemPoolAttrReservedMemHigh) return p.reserved_high;
  if (attribute == cudaMemPoolAttrUsedMemCurrent) return p.used;
  if (attribute == cudaMemPoolAttrUsedMemHigh) return p.used_high;
  unsupported("memory pool attribute %d", static_cast<int>(attribute));
}

}  // namespace

std::size_t live_allocations() {
  return static_cast<std::size_t>(
      std::count_if(blocks.begin(), blocks.end(),
                    [](const auto& entry) { return entry.second.kind != MemoryBlock::pinned; }));
}

void trim_pool() { trim(pool.threshold); }

}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  return call(__func__, [&] { allocate_now(pointer, bytes); });
}

cudaError_t cudaFree(void* pointer) {
  return call(__func__, [&] {
    free_now("cudaFree", pointer, {MemoryBlock::device, MemoryBlock::pool});
  });
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return call(__func__, [&] { allocate_host(pointer, bytes, MemoryKind::pinned); });
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return call(__func__, [&] {
    constexpr unsigned known =
        cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    expect((flags & ~known) == 0);
    allocate_host(pointer, bytes, MemoryKind::pinned);
  });
}

cudaError_t cudaFreeHost(void* pointer) {
  return call(__func__, [&] { free_now("cudaFreeHost", pointer, {MemoryBlock::pinned}); });
}

cudaError_t cudaMallocManaged(void** pointer, size_t bytes, unsigned flags) {
  return call(__func__, [&] {
    expect(bytes != 0 && (flags == cudaMemAttachGlobal || flags == cudaMemAttachHost));
    allocate_host(pointer, bytes, MemoryKind::managed);
  });
}

cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] { allocate_async(pointer, bytes, stream_of(stream)); });
}

cudaError_t cudaMallocFromPoolAsync(void** pointer, size_t bytes, cudaMemPool_t handle,
                                    cudaStream_t stream) {
  return call(__func__, [&] {
    pool_of(handle);
    allocate_async(pointer, bytes, stream_of(stream));
  });
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return call(__func__, [&] { free_async(pointer, stream_of(stream)); });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* handle, int device) {
  return call(__func__, [&] { give_pool(handle, device); });
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* handle, int device) {
  return call(__func__, [&] { give_pool(handle, device); });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t handle, size_t keep) {
  return call(__func__, [&] {
    pool_of(handle);
    trim(keep);
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t handle, cudaMemPoolAttr attribute, void* value) {
  return call(__func__, [&] {
    if (attribute != cudaMemPoolAttrReleaseThreshold)
      unsupported("setting memory pool attribute %d", static_cast<int>(attribute));
    pool_of(handle).threshold = at(static_cast<const u64*>(value));
  });
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t handle, cudaMemPoolAttr attribute, void* value) {
  return call(__func__,
              [&] { at(static_cast<u64*>(value)) = number_of(pool_of(handle), attribute); });
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call(__func__, [&] {
    at(total) = options.memory;
    at(free) = options.memory - std::min<size_t>(bytes_in_use(), options.memory);
  });
}

}  // extern "C"
