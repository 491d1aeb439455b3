// SPDX-License-Identifier: MIT
// Allocation and freeing, at once and in stream order, and the attributes of the memory pool.
#include <algorithm>
#include <cstring>

#include "checks/report.h"
#include "machine/options.h"
#include "memory/device_memory.h"
#include "runtime/state.h"

namespace vgpu {

std::map<u64, MemoryBlock>& memory_blocks() {
  static std::map<u64, MemoryBlock> table;
  return table;
}

namespace {

constexpr u64 granularity = 512;
const auto pool_handle = reinterpret_cast<cudaMemPool_t>(u64{0x55} << 56);

/// The default memory pool, which is the only one. It only counts: what is freed goes back to the
/// device when its stream gets there, and is not given out again before.
struct Pool {
  u64 threshold = 0;
  u64 used = 0, used_high = 0, reserved = 0, reserved_high = 0;
};

Pool& pool() {
  static Pool p;
  return p;
}

void* pointer_to(u64 address) { return reinterpret_cast<void*>(address); }
u64 number(const void* pointer) { return reinterpret_cast<u64>(pointer); }

void trim(u64 keep) { pool().reserved = std::max(pool().used, std::min(pool().reserved, keep)); }

u64 allocate_device(MemoryBlock::Kind kind, std::size_t bytes) {
  u64 address = allocate(bytes);
  if (address == 0) {
    run_all();  // frees that still wait in a queue
    address = allocate(bytes);
  }
  expect(address != 0, cudaErrorMemoryAllocation);
  memory_blocks()[address] = {kind, bytes};
  return address;
}

void allocate_host(void** pointer, std::size_t bytes, MemoryKind kind) {
  refuse_during_capture();
  at(pointer) = nullptr;
  if (bytes == 0) return;
  const u64 address = allocate_shared_with_host(bytes, kind);
  expect(address != 0, cudaErrorMemoryAllocation);
  // Managed memory is freed as device memory is.
  const auto freed_as = kind == MemoryKind::pinned ? MemoryBlock::pinned : MemoryBlock::device;
  memory_blocks()[address] = {freed_as, bytes};
  *pointer = pointer_to(address);
}

/// Finds a block that can be freed.
std::map<u64, MemoryBlock>::iterator find_block(const char* function, const void* pointer,
                                                std::initializer_list<MemoryBlock::Kind> kinds) {
  const auto found = memory_blocks().find(number(pointer));
  if (found != memory_blocks().end() && !found->second.free &&
      std::find(kinds.begin(), kinds.end(), found->second.kind) != kinds.end())
    return found;
  if (options.check)
    report_host("invalid free", "%s of %p, where no live allocation of that kind begins", function,
                pointer);
  throw Failure{cudaErrorInvalidValue};
}

/// Frees at once, when all work has been done.
void free_now(const char* function, const void* pointer,
              std::initializer_list<MemoryBlock::Kind> kinds) {
  if (pointer == nullptr) return;
  refuse_during_capture();
  run_all();
  const auto found = find_block(function, pointer, kinds);
  MemoryBlock& block = found->second;
  if (block.kind == MemoryBlock::graph) {
    block.free = true;
    execute(FreeOperation{found->first, true});
  } else {
    if (block.kind == MemoryBlock::pool) pool().used -= block.size;
    release(found->first);
    memory_blocks().erase(found);
  }
  expect_no_failed_kernel();
}

void count_used(u64 bytes) {
  Pool& p = pool();
  p.used += bytes;
  p.used_high = std::max(p.used_high, p.used);
  p.reserved = std::max(p.reserved, p.used);
  p.reserved_high = std::max(p.reserved_high, p.reserved);
}

u64 allocate_from_pool(std::size_t bytes) {
  const u64 address = allocate_device(MemoryBlock::pool, bytes);
  u64& size = memory_blocks()[address].size;
  size = (bytes + granularity - 1) / granularity * granularity;
  count_used(size);
  return address;
}

void allocate_async(void** pointer, std::size_t bytes, cudaStream_t handle) {
  const auto stream = stream_of(handle);
  at(pointer) = nullptr;
  if (bytes == 0) return;
  u64 address = 0;
  if (stream->capture) {
    // Reserved now, usable from its node to the node that frees it. The graph owns it.
    expect(!stream->capture->invalid, cudaErrorStreamCaptureInvalidated);
    address = allocate_device(MemoryBlock::graph, bytes);
    memory_blocks()[address].free = true;
    stream->capture->graph->memory.push_back(address);
    add_to_capture(*stream, AllocateOperation{address, bytes});
  } else {
    refuse_implicit_dependency(*stream);
    address = allocate_from_pool(bytes);
    if (options.check && options.lazy) {
      std::memset(shadow_of(address), 0, bytes);  // until the stream gets there
      enqueue(stream, AllocateOperation{address, bytes});
    }
  }
  *pointer = pointer_to(address);
}

void free_async(void* pointer, cudaStream_t handle) {
  const auto stream = stream_of(handle);
  if (pointer == nullptr) return;
  const u64 address = number(pointer);
  if (stream->capture) {
    // Only what a graph has allocated can be freed by it.
    const auto found = memory_blocks().find(address);
    expect(found != memory_blocks().end() && found->second.kind == MemoryBlock::graph);
    return add_to_capture(*stream, FreeOperation{address, true});
  }
  const auto found = find_block("cudaFreeAsync", pointer, {MemoryBlock::pool, MemoryBlock::graph});
  MemoryBlock& block = found->second;
  refuse_implicit_dependency(*stream);
  block.free = true;
  if (block.kind == MemoryBlock::graph) return submit(stream, FreeOperation{address, true});
  pool().used -= block.size;
  memory_blocks().erase(found);
  enqueue(stream, FreeOperation{address, false});
}

void give_pool(cudaMemPool_t* handle, int device) {
  expect(device == 0, cudaErrorInvalidDevice);
  at(handle) = pool_handle;
}

Pool& pool_of(cudaMemPool_t handle) {
  expect(handle == pool_handle);
  return pool();
}

u64& number_of(Pool& p, cudaMemPoolAttr attribute) {
  if (attribute == cudaMemPoolAttrReleaseThreshold) return p.threshold;
  if (attribute == cudaMemPoolAttrReservedMemCurrent) return p.reserved;
  if (attribute == cudaMemPoolAttrReservedMemHigh) return p.reserved_high;
  if (attribute == cudaMemPoolAttrUsedMemCurrent) return p.used;
  if (attribute == cudaMemPoolAttrUsedMemHigh) return p.used_high;
  unsupported("memory pool attribute %d", static_cast<int>(attribute));
}

}  // namespace

std::size_t live_blocks() {
  const auto is_live = [](const auto& entry) {
    const MemoryBlock& block = entry.second;
    return !block.free && (block.kind == MemoryBlock::device || block.kind == MemoryBlock::pool);
  };
  return static_cast<std::size_t>(
      std::count_if(memory_blocks().begin(), memory_blocks().end(), is_live));
}

Graph::~Graph() {
  for (const u64 address : memory) {
    memory_blocks().erase(address);
    release(address);
  }
}

void execute(const AllocateOperation& memory) {
  if (!options.check) return;
  constexpr int fresh_byte = 0xcd;
  std::memset(shadow_of(memory.address), addressable, memory.bytes);
  std::memset(host_address(memory.address), fresh_byte, memory.bytes);
}

void execute(const FreeOperation& memory) {
  const Allocation* const allocation = find_allocation(memory.address);
  if (!memory.of_graph)
    release(memory.address);
  else if (options.check && allocation != nullptr)
    std::memset(shadow_of(memory.address), 0, allocation->size);
}

void trim_pool() { trim(pool().threshold); }

}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  return call(__func__, [&] {
    refuse_during_capture();
    at(pointer) = nullptr;
    if (bytes != 0) *pointer = pointer_to(allocate_device(MemoryBlock::device, bytes));
  });
}

cudaError_t cudaFree(void* pointer) {
  return call(__func__, [&] {
    free_now("cudaFree", pointer, {MemoryBlock::device, MemoryBlock::pool, MemoryBlock::graph});
  });
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return call(__func__, allocate_host, pointer, bytes, MemoryKind::pinned);
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
  return call(__func__, allocate_async, pointer, bytes, stream);
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return call(__func__, free_async, pointer, stream);
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* handle, int device) {
  return call(__func__, give_pool, handle, device);
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* handle, int device) {
  return call(__func__, give_pool, handle, device);
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

}  // extern "C"
