// SPDX-License-Identifier: MIT
// cp.async: copies from global to shared memory that complete when they are waited for. The device
// may do them at any time before; by default they are done as late as possible, so that a program
// that reads too early gets old data. With Options::late_copies off they are done at once.
#include <algorithm>

#include "checks/observe.h"
#include "instructions/addresses.h"
#include "instructions/families.h"
#include "instructions/select.h"
#include "memory/device_memory.h"

namespace vgpu {
namespace {

/// What is missing to the size is filled with zeros.
void copy_lanes(const PendingCopy& copy, Mask mask) {
  for_lanes(mask, [&](int i) {
    u8* const to = reinterpret_cast<u8*>(copy.to[i]);
    const u8* const from = reinterpret_cast<const u8*>(copy.from[i]);
    std::memcpy(to, from, copy.bytes[i]);
    std::memset(to + copy.bytes[i], 0, copy.size - copy.bytes[i]);
  });
}

void copy_async(Warp& w, const Instruction& in, Mask mask) {
  PendingCopy& copy = w.copies.emplace_back();
  copy.size = in.size;
  copy.instruction = &in;
  std::copy_n(w.copy_group, lanes, copy.group);
  find_addresses(w, in, copy.to);
  const u64* const from = w.source<u64>(in.b);
  const u32* const given = in.sources == 0 ? nullptr : w.source<u32>(in.c);
  for (int i = 0; i < lanes; ++i) {
    copy.from[i] = distance + from[i] + static_cast<u64>(i64{in.offset2});
    copy.bytes[i] = given == nullptr ? in.size : static_cast<u8>(std::min<u32>(given[i], in.size));
  }
  if (options.observe) mask = observe_copy(w, in, mask, copy.to, copy.from, copy.bytes);
  copy.lanes_left = mask;
  if (options.late_copies) return;
  copy_lanes(copy, mask);
  if (!options.check) w.copies.pop_back();
}

void commit(Warp& w, const Instruction&, Mask mask) {
  for_lanes(mask, [&](int i) { ++w.copy_group[i]; });
}

void wait(Warp& w, const Instruction& in, Mask mask) {
  complete_copies(w, mask, static_cast<u32>(in.immediate));
}

/// Lanes whose copy is older than the groups to be kept.
Mask old_enough(const PendingCopy& copy, const u32* group, u32 keep) {
  if (keep == keep_nothing) return all_lanes;
  Mask old = 0;
  for (int i = 0; i < lanes; ++i) old |= static_cast<Mask>(copy.group[i] + keep < group[i]) << i;
  return old;
}

Handler select_copy(const Opcode& opcode, Instruction& in) {
  const auto form = form_of(opcode, "shared shared::cta global L2::64B L2::128B L2::256B");
  in.size = static_cast<u8>(in.target);
  if (form == "async.ca" && (in.target == 4 || in.target == 8 || in.target == 16))
    return copy_async;
  return form == "async.cg" && in.target == 16 ? copy_async : nullptr;
}

Handler select_group(const Opcode& opcode, Instruction& in) {
  const auto form = form_of(opcode);
  if (form == "async.commit_group") return commit;
  if (form == "async.wait_all") in.immediate = keep_nothing;
  const bool waits = form == "async.wait_all" || form == "async.wait_group";
  return waits && in.immediate >= 0 ? wait : nullptr;
}

constexpr Signature table[] = {
    {"cp", "[a] [a] # ?b32", Class::copy_async, select_copy},
    {"cp", "?#", Class::copy_async, select_group},
};

}  // namespace

void complete_copies(Warp& w, Mask mask, u32 keep) {
  for (PendingCopy& copy : w.copies) {
    const Mask done = copy.lanes_left & mask & old_enough(copy, w.copy_group, keep);
    if (options.late_copies) copy_lanes(copy, done);
    if (options.check && done != 0) observe_copy_done(w, copy, done);
    copy.lanes_left &= ~done;
  }
  std::erase_if(w.copies, [](const PendingCopy& copy) { return copy.lanes_left == 0; });
}

std::span<const Signature> copy_async_instructions() { return table; }

}  // namespace vgpu
