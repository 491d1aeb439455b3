// SPDX-License-Identifier: MIT
// Effective addresses of memory operands, as loops of vectors.
#pragma once
#include "machine/warp.h"
#include "memory/device_memory.h"

namespace vgpu {

/// What find_addresses returns if the lanes' addresses are not evenly apart.
inline constexpr u64 scattered = ~u64{0};

/// The host addresses of all lanes for an instruction's first memory operand; those of lanes that
/// are off may be anything. Returns by how much each lane's address exceeds that of the lane
/// before.
inline u64 find_addresses(const Warp& w, const Instruction& in, u64* addresses) {
  const auto fill = [=](auto address) {
    const u64 begin = address(0), stride = address(1) - begin;
    u64 wrong = 0, expected = begin;
#pragma GCC ivdep
    for (int i = 0; i < lanes; ++i, expected += stride) {
      addresses[i] = address(i);
      wrong |= address(i) ^ expected;
    }
    return wrong == 0 ? stride : scattered;
  };
  const auto offset = static_cast<u64>(in.immediate);
  const u64* const base = w.source<u64>(in.a);
  const u32* const narrow_base = w.source<u32>(in.a);
  if (in.space == Space::shared) {  // offsets of 32 bits into the block's piece
    const u64 origin = reinterpret_cast<u64>(w.block->shared);
    const u32 added = static_cast<u32>(offset);
    if (in.form == AddressForm::narrow)
      return fill([=](int i) { return origin + (narrow_base[i] + added); });
    return fill([=](int i) { return origin + (static_cast<u32>(base[i]) + added); });
  }
  if (in.space == Space::param) {
    const u64 at = reinterpret_cast<u64>(w.launch->parameters.data()) + offset;
    return fill([=](int) { return at; });
  }
  if (in.space == Space::call) {  // in the frame, `target` bytes a lane
    const u64 at = reinterpret_cast<u64>(w.registers) + w.frame->function->register_bytes + offset;
    const auto bytes = static_cast<u64>(in.target);
    return fill([=](int i) { return at + bytes * static_cast<u64>(i); });
  }
  const u64 origin = distance + offset;  // what generic addresses stand for lies higher
  return fill([=](int i) { return origin + base[i]; });
}

/// Whether the address has the bits that the space needs: only shared memory has 32.
inline bool can_be_addressed(const Instruction& in) {
  return in.form == AddressForm::wide || in.space == Space::shared;
}

}  // namespace vgpu
