// SPDX-License-Identifier: MIT
// Copies and fills: the checks that come first, carrying them out, and the calls; and what a
// program can ask about an address. Calls without Async work in the default stream and wait for it,
// except where only device memory is involved.
#include <cstring>

#include "checks/report.h"
#include "machine/options.h"
#include "memory/device_memory.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

bool is_device_memory(const void* pointer) { return in_arena(reinterpret_cast<u64>(pointer)); }
/// Whether the device cannot reach it by itself.
bool is_pageable(const void* pointer) { return !in_memory(reinterpret_cast<u64>(pointer)); }

/// Whether a pointer cannot lie on the side that the direction of a copy names.
bool contradicts(const void* pointer, bool device) {
  return device ? is_pageable(pointer) : is_device_memory(pointer);
}

void check(const CopyOperation& copy) {
  if (copy.bytes == 0) return;
  expect(copy.to != nullptr && copy.from != nullptr);
  const cudaMemcpyKind kind = copy.kind;
  expect(kind >= cudaMemcpyHostToHost && kind <= cudaMemcpyDefault,
         cudaErrorInvalidMemcpyDirection);
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault &&
      (contradicts(copy.to, to_device) || contradicts(copy.from, from_device))) {
    if (options.check)
      report_host("wrong direction", "copy from %p to %p, which its direction contradicts",
                  copy.from, copy.to);
    throw Failure{cudaErrorInvalidValue};
  }
  expect(is_valid_range(copy.from, copy.bytes) && is_valid_range(copy.to, copy.bytes));
}

void check(const FillOperation& fill) {
  if (fill.bytes == 0) return;
  if (is_pageable(fill.to)) {
    if (options.check) report_host("host memory", "memset of host memory at %p", fill.to);
    throw Failure{cudaErrorInvalidValue};
  }
  expect(is_valid_range(fill.to, fill.bytes));
}

void execute(const CopyOperation& copy) {
  if (copy.bytes == 0) return;
  // Once the program has ended, its variables are gone.
  if (state().ending && is_pageable(copy.to)) return;
  const void* const from = copy.staged ? copy.staged->data() : copy.from;
  // Live when the call was made, but is it now?
  if (options.check && !(is_valid_range(from, copy.bytes) && is_valid_range(copy.to, copy.bytes)))
    return;
  std::memmove(runtime_pointer(copy.to), runtime_pointer(from), copy.bytes);
  const u64 target = reinterpret_cast<u64>(copy.to);
  if (is_pageable(from))
    mark_initialised(target, copy.bytes);
  else
    copy_shadow(target, reinterpret_cast<u64>(from), copy.bytes);
}

void execute(const FillOperation& fill) {
  if (fill.bytes == 0 || (options.check && !is_valid_range(fill.to, fill.bytes))) return;
  std::memset(runtime_pointer(fill.to), fill.value, fill.bytes);
  mark_initialised(reinterpret_cast<u64>(fill.to), fill.bytes);
}

void execute(const HostOperation& host) { host.function(host.data); }
void execute(const std::shared_ptr<const Graph>& graph) { execute(*graph); }

void copy_async(CopyOperation copy, cudaStream_t handle) {
  const auto stream = stream_of(handle);
  check(copy);
  // Pageable memory may be changed as soon as the call returns: its bytes are read now.
  if (options.lazy && !stream->capture && is_pageable(copy.from)) {
    const auto* begin = static_cast<const u8*>(copy.from);
    copy.staged = std::make_shared<std::vector<u8>>(begin, begin + copy.bytes);
  }
  submit(stream, std::move(copy));
}

template <class Kind> void do_and_wait(Kind operation, bool on_device) {
  const auto& stream = state().legacy;
  refuse_implicit_dependency(*stream);
  refuse_during_capture();
  check(operation);
  submit(stream, std::move(operation));
  if (on_device) return;
  run_stream(stream);
  expect_no_failed_kernel();
}

void copy_and_wait(const CopyOperation& copy) {
  do_and_wait(copy, is_device_memory(copy.to) && is_device_memory(copy.from));
}

/// A place within a variable.
void* in_symbol(const void* host, std::size_t offset, std::size_t bytes) {
  const Symbol& symbol = symbol_of(host);
  expect(offset <= symbol.size && bytes <= symbol.size - offset);
  return reinterpret_cast<void*>(symbol.address + offset);
}

void describe(cudaPointerAttributes& attributes, const void* pointer) {
  const u64 number = reinterpret_cast<u64>(pointer);
  std::memset(&attributes, 0, sizeof attributes);
  void* const address = const_cast<void*>(pointer);
  const Allocation* found = find_allocation(number);
  if (found == nullptr || found->freed || number - found->address >= found->size) {
    attributes.type = cudaMemoryTypeUnregistered;
    attributes.device = cudaInvalidDeviceId;
    if (!in_memory(number)) attributes.hostPointer = address;
    return;
  }
  attributes.devicePointer = address;
  if (found->kind != MemoryKind::device) attributes.hostPointer = address;
  attributes.type = found->kind == MemoryKind::device   ? cudaMemoryTypeDevice
                    : found->kind == MemoryKind::pinned ? cudaMemoryTypeHost
                                                        : cudaMemoryTypeManaged;
}

}  // namespace

void execute(Operation& operation) {
  if (state().sticky == cudaSuccess) std::visit([](auto& one) { execute(one); }, operation);
}

}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return call(__func__, copy_and_wait, CopyOperation{to, from, bytes, kind, {}});
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call(__func__, copy_async, CopyOperation{to, from, bytes, kind, {}}, stream);
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* from, size_t bytes, size_t offset,
                               cudaMemcpyKind kind) {
  return call(__func__, [&] {
    copy_and_wait({in_symbol(symbol, offset, bytes), from, bytes, kind, {}});
  });
}

cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* from, size_t bytes,
                                    size_t offset, cudaMemcpyKind kind, cudaStream_t stream) {
  return call(__func__, [&] {
    copy_async({in_symbol(symbol, offset, bytes), from, bytes, kind, {}}, stream);
  });
}

cudaError_t cudaMemcpyFromSymbol(void* to, const void* symbol, size_t bytes, size_t offset,
                                 cudaMemcpyKind kind) {
  return call(__func__, [&] {
    copy_and_wait({to, in_symbol(symbol, offset, bytes), bytes, kind, {}});
  });
}

cudaError_t cudaMemcpyFromSymbolAsync(void* to, const void* symbol, size_t bytes, size_t offset,
                                      cudaMemcpyKind kind, cudaStream_t stream) {
  return call(__func__, [&] {
    copy_async({to, in_symbol(symbol, offset, bytes), bytes, kind, {}}, stream);
  });
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  return call(__func__, [&] {
    do_and_wait(FillOperation{to, static_cast<u8>(value), bytes}, is_device_memory(to));
  });
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] {
    const FillOperation fill{to, static_cast<u8>(value), bytes};
    check(fill);
    submit(stream_of(stream), fill);
  });
}

cudaError_t cudaGetSymbolAddress(void** pointer, const void* host) {
  return call(__func__, [&] { at(pointer) = in_symbol(host, 0, 0); });
}

cudaError_t cudaGetSymbolSize(size_t* size, const void* host) {
  return call(__func__, [&] { at(size) = symbol_of(host).size; });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return call(__func__, [&] { describe(at(attributes), pointer); });
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call(__func__, [&] {
    at(total) = options.memory;
    at(free) = options.memory - std::min<size_t>(bytes_in_use(), options.memory);
  });
}

}  // extern "C"
