// SPDX-License-Identifier: MIT
// What is checked of every access to memory: that it lies in an allocation, in the block's shared
// memory or in the lane's own local memory, that it is aligned, that what is read has been written,
// that no copy into it is on its way; then races. Usually all 32 lanes access one piece of memory,
// which is looked at as a whole.
#include <algorithm>
#include <array>
#include <string>

#include "checks/race.h"
#include "checks/report.h"

namespace vgpu {

namespace {

using std::to_string;

/// Reports an access, shown as being at `address`, and says what is wrong with it.
void complain(const Touch& t, int lane, u64 address, const char* kind, bool fatal,
              const std::string& what) {
  report(t.warp, t.instruction, lane, kind, fatal, "%s of %u bytes at 0x%lx%s", verb(t.access),
         t.bytes, address, what.c_str());
}

std::string described(const Allocation& a) {
  char place[32];
  std::snprintf(place, sizeof place, " at 0x%lx", a.address);
  return "an allocation of " + to_string(a.size) + " bytes" + place;
}

/// An access to global memory that is not addressable.
void report_global(const Touch& t, int lane, u64 address) {
  const Allocation* const found = find_allocation(address);
  const u64 end = found ? found->address + found->size : 0;
  const Allocation* const next = find_allocation((address + 256) & ~u64{255});
  const bool is_freed = found && found->freed && address < end;
  std::string what = ", where nothing is allocated";
  if (is_freed)
    what = ", inside a freed one: " + described(*found);
  else if (found && address + t.bytes > end)
    what = " ends " + to_string(address + t.bytes - end) + " bytes past " + described(*found);
  else if (next && !next->freed && next->address > address)
    what = " begins " + to_string(next->address - address) + " bytes before " + described(*next);
  complain(t, lane, address, is_freed ? "use after free" : "out of bounds", true, what);
}

/// One lane's access, looked at byte by byte. False: it must not go ahead.
bool check_bytes(const Touch& t, int lane) {
  const u64 offset = t.offset(lane), address = t.region->shown(offset);
  u8* const shadow = t.region->shadow + offset;
  u8 all = 0xff, any = 0;
  for (u32 k = 0; k < t.bytes; ++k) all &= shadow[k], any |= shadow[k];
  if ((all & addressable) == 0) {
    report_global(t, lane, address);
    return false;
  }
  const std::string place = std::string(" of ") + t.region->name() + " memory";
  u8 assumed = t.access == Access::read ? 0 : initialised;
  if ((any & pending) != 0) {
    complain(t, lane, address, "copy not waited for", false,
             place + ", into which a cp.async is copying");
    assumed = initialised;
  } else if (t.access != Access::write &&
             ((t.bytes > 4 ? any : all) & initialised) == 0) {  // structs are copied with padding
    complain(t, lane, address, "uninitialised read", false,
             place + ", " + ((any & initialised) != 0 ? "not all" : "none") +
                 " of which have been written");
    assumed = initialised;
  }
  for (u32 k = 0; k < t.bytes; ++k) shadow[k] = static_cast<u8>((shadow[k] & ~pending) | assumed);
  return true;
}

constexpr u8 well = addressable | initialised;

constexpr auto all_well = [] {
  std::array<u8, lanes * 16> bytes{};
  for (u8& byte : bytes) byte = well;
  return bytes;
}();

/// Whether what is written may be, without a report; marks it.
bool may_write(u8* shadow, u64 bytes) {
  u8 wrong = 0;
  for (u64 k = 0; k < bytes; ++k) wrong |= static_cast<u8>((shadow[k] | initialised) ^ well);
  if (wrong == 0) std::memset(shadow, well, bytes);
  return wrong == 0;
}

/// Whether a piece of memory allows the access without a report.
inline bool check_piece(const Touch& t, u64 offset, u64 bytes) {
  u8* const shadow = t.region->shadow + offset;
  return (bytes == 4 ? std::memcmp(shadow, &all_well, 4) == 0
                     : std::memcmp(shadow, &all_well, bytes) == 0) ||
         (t.access == Access::write && may_write(shadow, bytes));
}

/// The lanes' addresses as a whole.
struct Extent {
  u64 lowest, highest, bits;  // bits: those that are set in any
  bool is_run;                // lanes beside each other access consecutive pieces

  explicit Extent(const Touch& t) {
    const int first = first_lane(t.mask);
    const i64 begin = static_cast<i64>(t.addresses[first]), bytes = t.bytes;
    const Four lane_mask = Four{} + i64{t.mask};
    Four index{0, 1, 2, 3}, in_run = (index - first) * bytes, all{}, least{}, most{}, differ{};
    for (int k = 0; k < lanes; k += 4, index += 4, in_run += 4 * bytes) {
      Four ahead;
      std::memcpy(&ahead, t.addresses + k, sizeof ahead);
      const Four counts = -(lane_mask >> index & 1);
      ahead = (ahead - begin) & counts;
      all |= ahead;
      least = ahead < least ? ahead : least;
      most = ahead > most ? ahead : most;
      differ |= (ahead ^ in_run) & counts;
    }
    lowest = static_cast<u64>(begin + std::min({least[0], least[1], least[2], least[3]}));
    highest = static_cast<u64>(begin + std::max({most[0], most[1], most[2], most[3]}));
    bits = static_cast<u64>(begin | all[0] | all[1] | all[2] | all[3]);
    is_run = !any(differ) && t.mask >> first == all_lanes >> (lanes - std::popcount(t.mask));
  }
};

/// All lanes lie in one region of memory, and are aligned.
Mask check_region(const Touch& t, const Extent& extent) {
  const u64 first = t.offset(first_lane(t.mask));
  Mask good = t.mask;
  if (extent.lowest == extent.highest && t.access != Access::write &&
      check_piece(t, first, t.bytes)) {
    race_lanes(t, t.mask & (0 - t.mask), t.mask);
  } else if (extent.is_run && check_piece(t, first, extent.highest - extent.lowest + t.bytes)) {
    race_run(t);
  } else {
    for_lanes(t.mask, [&](int i) {
      if (!check_piece(t, t.offset(i), t.bytes) && !check_bytes(t, i)) good &= ~(1u << i);
    });
    race_lanes(t, good);
  }
  if (t.strong) synchronise_access(t);
  return good;
}

/// Whether one lane's access that is in no region is to local memory, or to call parameters, or
/// reads the kernel's parameters.
bool check_elsewhere(const Touch& t, int lane) {
  const Warp& w = t.warp;
  const u64 address = t.addresses[lane], device = address - distance;
  const u64 shared = address - reinterpret_cast<u64>(w.block->shared);
  const u32 alignment = t.bytes & (0 - t.bytes);
  const bool is_source = t.instruction.cls == Class::copy_async && t.access == Access::read;
  const Space space = is_source ? Space::global : t.instruction.space;
  const bool is_shared = space == Space::shared || shared < w.block->shared_bytes;
  const auto fail = [&](u64 shown, const char* kind, const std::string& what) {
    complain(t, lane, shown, kind, true, what);
    return false;
  };
  if (address % alignment != 0)
    return fail(is_shared ? shared : device, "misaligned",
                ", which is no multiple of " + to_string(alignment));
  if (is_shared)
    return fail(static_cast<u32>(shared), "out of bounds",
                " of shared memory; the block has the bytes " + to_string(shared_begin) + " to " +
                    to_string(w.block->shared_bytes));
  for (const Frame* frame = w.frame; frame; frame = frame->parent) {
    const Function& function = *frame->function;
    const u64 begin = reinterpret_cast<u64>(frame->memory);
    if (address - begin >= function.frame_bytes()) continue;
    const u64 calls = begin + function.register_bytes;
    const u64 locals = calls + u64{lanes} * function.call_bytes;
    const u64 mine = locals + static_cast<u64>(lane) * function.local_bytes;
    if (address >= calls && address + t.bytes <= locals) return true;
    if (address >= mine && address + t.bytes <= mine + function.local_bytes) return true;
    return fail(address - mine, "out of bounds",
                " of the lane's local memory, which has " + to_string(function.local_bytes));
  }
  const u64 offset = address - reinterpret_cast<u64>(w.launch->parameters.data());
  const u32 size = w.launch->kernel->parameter_bytes;
  if (offset < size) {
    if (offset + t.bytes <= size && t.access == Access::read) return true;
    return fail(offset, "out of bounds",
                " of the kernel's parameters, which have " + to_string(size));
  }
  if (space == Space::local) return fail(device, "out of bounds", ", outside of local memory");
  if (device + 4096 < 8192) return fail(device, "null pointer", "");
  return fail(device, "not device memory",
              ", which is no address of a kernel's memory: a pointer of the host?");
}

/// Whether all lanes access their own local memory in the current frame.
bool is_own_local(const Touch& t) {
  const Function& function = *t.warp.frame->function;
  const u64 locals = reinterpret_cast<u64>(t.warp.frame->memory) + function.register_bytes +
                     u64{lanes} * function.call_bytes;
  const u64 size = function.local_bytes;
  bool good = size >= t.bytes;
  for_lanes(t.mask, [&](int i) {
    good &= t.addresses[i] - (locals + static_cast<u64>(i) * size) <= size - t.bytes;
  });
  return good;
}

/// The lanes that may go ahead.
Mask check_access(Touch& t) {
  if (t.mask == 0) return 0;
  const Extent extent(t);
  const u64 mask_of_alignment = (t.bytes & (0 - t.bytes)) - 1;
  if ((extent.bits & mask_of_alignment) == 0) {
    const Block& block = *t.warp.block;
    const u64 shared = reinterpret_cast<u64>(block.shared), end = extent.highest + t.bytes;
    if (extent.lowest >= shared + shared_begin && end <= shared + block.shared_bytes)
      t.region = &block.watch->shared;
    else if (in_memory(extent.lowest - distance) && in_memory(end - 1 - distance) && shadow_begin)
      t.region = &global_region();
    if (t.region) return check_region(t, extent);
    if (is_own_local(t)) return t.mask;
  }
  if ((t.mask & (t.mask - 1)) == 0) return check_elsewhere(t, first_lane(t.mask)) ? t.mask : 0;
  Mask good = 0;  // the lanes access several kinds of memory
  for_lanes(t.mask, [&](int i) {
    Touch one = t;
    one.mask = 1u << i;
    good |= check_access(one);
  });
  return good;
}

/// A cp.async of one lane: its bytes become pending, if they lie in the block's shared memory.
bool begin_copy(const Touch& t, int lane) {
  const u64 offset = t.offset(lane);
  if (offset % t.bytes != 0 || offset < shared_begin ||
      offset + t.bytes > t.warp.block->shared_bytes)
    return check_elsewhere(t, lane);
  u8* const shadow = t.region->shadow + offset;
  if ((shadow[0] & pending) != 0)
    complain(t, lane, offset, "copy not waited for", false,
             " of shared memory, into which another one is copying");
  race_hazard(t, lane);
  for (u32 k = 0; k < t.bytes; ++k) shadow[k] |= pending;
  return true;
}

}  // namespace

const char* verb(Access access) {
  return access == Access::read ? "read" : access == Access::write ? "write" : "atomic operation";
}

Mask observe_access(Warp& w, const Instruction& in, Mask mask, const u64* addresses, u32 bytes,
                    Access access) {
  if (options.count) count_access(w, in, mask, addresses, bytes);
  if (!options.check) return mask;
  const bool strong = access == Access::atomic || in.order != weak;
  Touch touch{w, in, access, strong, mask, addresses, bytes};
  return check_access(touch);
}

// From its issue on until it is waited for nobody may access a copy's destination. Its end counts
// as a write by the warp that waited.
Mask observe_copy(Warp& w, const Instruction& in, Mask mask, const u64* to, const u64* from,
                  const u8* count) {
  if (options.count) {
    Mask reading = 0;
    for_lanes(mask, [&](int i) { reading |= static_cast<Mask>(count[i] != 0) << i; });
    count_access(w, in, reading, from, in.size);
    count_access(w, in, mask, to, in.size);
  }
  if (!options.check) return mask;
  Mask good = 0;
  for (Mask left = mask; left != 0;) {  // lanes that read as many bytes as each other
    const u8 bytes = count[first_lane(left)];
    Mask same = 0;
    for_lanes(left, [&](int i) { same |= static_cast<Mask>(count[i] == bytes) << i; });
    Touch source{w, in, Access::read, false, same, from, bytes};
    good |= bytes == 0 ? same : check_access(source);
    left &= ~same;
  }
  const Touch touch{w, in, Access::write, false, good, to, in.size, &w.block->watch->shared};
  for_lanes(good, [&](int i) {
    if (!begin_copy(touch, i)) good &= ~(1u << i);
  });
  return good;
}

void observe_copy_done(Warp& w, const PendingCopy& copy, Mask mask) {
  if (!w.watch) return;
  Touch touch{w,    *copy.instruction, Access::write, false,
              mask, copy.to,           copy.size,     &w.block->watch->shared};
  touch.completes = true;
  for_lanes(mask, [&](int i) {
    const u64 offset = touch.offset(i);
    if (offset + copy.size > w.block->shared_bytes) return;
    std::memset(touch.region->shadow + offset, well, copy.size);
    race_lanes(touch, 1u << i);
  });
}

void observe_shuffle(Warp& w, const Instruction& in, Mask mask, const int* from) {
  for_lanes(mask, [&](int i) {
    if (!has(mask, from[i] & 31))
      report(w, in, i, "absent lane", false, "lane %d reads lane %d, which takes no part", i,
             from[i]);
  });
}

}  // namespace vgpu
