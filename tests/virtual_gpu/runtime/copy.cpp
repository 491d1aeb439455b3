// SPDX-License-Identifier: MIT
// Copies and fills: the checks that come first, carrying them out, and the calls. Those without
// Async work in the default stream and wait for it, except where only device memory is involved.
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

struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  cudaMemcpyKind kind = cudaMemcpyDefault;
};

void check(const Copy& copy) {
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

void carry_out(const Copy& copy) {
  // Once the program has ended, its variables are gone.
  if (copy.bytes == 0 || (state().ending && is_pageable(copy.to))) return;
  // Live when the call was made, but is it now?
  if (options.check &&
      !(is_valid_range(copy.from, copy.bytes) && is_valid_range(copy.to, copy.bytes)))
    return;
  std::memmove(runtime_pointer(copy.to), runtime_pointer(copy.from), copy.bytes);
  const u64 target = reinterpret_cast<u64>(copy.to);
  if (is_pageable(copy.from))
    mark_initialised(target, copy.bytes);
  else
    copy_shadow(target, reinterpret_cast<u64>(copy.from), copy.bytes);
}

void submit_copy(Copy copy, const std::shared_ptr<Stream>& stream) {
  check(copy);
  std::shared_ptr<std::vector<u8>> staged;
  // Pageable memory may be changed as soon as the call returns: its bytes are read now.
  if (options.lazy && !stream->capture && is_pageable(copy.from)) {
    const auto* begin = static_cast<const u8*>(copy.from);
    staged = std::make_shared<std::vector<u8>>(begin, begin + copy.bytes);
    copy.from = staged->data();
  }
  submit(stream, {Operation::copy, [copy, staged] { carry_out(copy); }});
}

void submit_fill(void* to, int value, std::size_t bytes, const std::shared_ptr<Stream>& stream) {
  if (bytes != 0 && is_pageable(to)) {
    if (options.check) report_host("host memory", "memset of host memory at %p", to);
    throw Failure{cudaErrorInvalidValue};
  }
  expect(is_valid_range(to, bytes));
  submit(stream, {Operation::fill, [=] {
                    if (bytes == 0 || (options.check && !is_valid_range(to, bytes))) return;
                    std::memset(runtime_pointer(to), value, bytes);
                    mark_initialised(reinterpret_cast<u64>(to), bytes);
                  }});
}

/// Work in the default stream that the call waits for unless it only involves device memory.
template <class Submit> void in_default_stream(bool on_device, Submit&& submit_to) {
  const auto& stream = state().legacy;
  refuse_implicit_dependency(*stream);
  refuse_during_capture();
  submit_to(stream);
  if (on_device) return;
  run_stream(stream);
  expect_no_failed_kernel();
}

void copy_now(const Copy& copy) {
  in_default_stream(is_device_memory(copy.to) && is_device_memory(copy.from),
                    [&](const auto& stream) { submit_copy(copy, stream); });
}

/// A place within a variable.
void* in_symbol(const void* host, std::size_t offset, std::size_t bytes) {
  const Symbol& symbol = symbol_of(host);
  expect(offset <= symbol.size && bytes <= symbol.size - offset);
  return reinterpret_cast<void*>(symbol.address + offset);
}

}  // namespace
}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return call(__func__, [&] { copy_now({to, from, bytes, kind}); });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call(__func__, [&] { submit_copy({to, from, bytes, kind}, stream_of(stream)); });
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* from, size_t bytes, size_t offset,
                               cudaMemcpyKind kind) {
  return call(__func__, [&] { copy_now({in_symbol(symbol, offset, bytes), from, bytes, kind}); });
}

cudaError_t cudaMemcpyFromSymbol(void* to, const void* symbol, size_t bytes, size_t offset,
                                 cudaMemcpyKind kind) {
  return call(__func__, [&] { copy_now({to, in_symbol(symbol, offset, bytes), bytes, kind}); });
}

cudaError_t cudaGetSymbolAddress(void** pointer, const void* host) {
  return call(__func__, [&] { at(pointer) = in_symbol(host, 0, 0); });
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  return call(__func__, [&] {
    in_default_stream(is_device_memory(to),
                      [&](const auto& stream) { submit_fill(to, value, bytes, stream); });
  });
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] { submit_fill(to, value, bytes, stream_of(stream)); });
}

}  // extern "C"
