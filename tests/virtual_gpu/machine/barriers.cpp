// SPDX-License-Identifier: MIT
// Waiting for other lanes of the warp and other warps of the block: .sync instructions,
// bar.warp.sync, bar.sync and its kin.
#include <algorithm>
#include <atomic>

#include "checks/observe.h"
#include "checks/report.h"
#include "instructions/families.h"
#include "instructions/select.h"
#include "machine/fragments.h"

namespace vgpu {

namespace {

void check_members(Warp& w, const Instruction& in, Mask mask, const u32* members) {
  for_lanes(mask, [&](int i) {
    if (!has(members[i], i))
      report(w, in, i, "sync mask", false, "lane %d is not in its own member mask %08x", i,
             members[i]);
  });
}

/// Releases the fragments at warp barriers whose lanes have all come or exited.
void check_warp_barriers(Warp& w) {
  Mask here = 0;
  for (const Fragment& f : w.others)
    if (f.waiting == Waiting::at_warp_barrier) here |= f.lanes;
  for (Fragment& f : w.others) {
    if (f.waiting != Waiting::at_warp_barrier || (f.awaited & w.live & ~here) != 0) continue;
    if (options.check) observe_warp_barrier(w, f.awaited & here);
    wake(f);
  }
}

void warp_barrier(Warp& w, const Instruction& in, Mask mask) {
  const u32* const members = w.source<u32>(in.a);
  const Mask needed = members[first_lane(mask)];
  if (options.check) check_members(w, in, mask, members);
  if ((needed & w.live & ~mask) == 0) {
    if (options.check) observe_warp_barrier(w, mask);
    return;
  }
  keep_only(w, mask);
  wait(w, w.pc, Waiting::at_warp_barrier, needed);
  check_warp_barriers(w);
}

enum BarrierKind : i32 { barrier_sync, barrier_arrive, barrier_and, barrier_or, barrier_popc };
constexpr std::string_view barrier_kinds[] = {"sync", "arrive", "red.and", "red.or", "red.popc"};

const Instruction& barrier_instruction(const Fragment& f) {
  return f.frame->function->code[static_cast<u32>(f.pc - 1)];
}

/// bar.red: every thread gets the reduction of all predicates.
void deliver(const Barrier& barrier, const Fragment& f) {
  const Instruction& in = barrier_instruction(f);
  if (in.target == barrier_popc) {
    u32* const d = reinterpret_cast<u32*>(f.frame->memory + in.d);
    for_lanes(f.lanes, [&](int i) { d[i] = barrier.sum; });
  } else if (in.target == barrier_and || in.target == barrier_or) {
    Mask& d = *reinterpret_cast<Mask*>(f.frame->memory + in.d);
    const bool value = in.target == barrier_and ? barrier.all : barrier.any;
    d = (d & ~f.lanes) | (value ? f.lanes : 0);
  }
}

/// A barrier of the block may be complete.
void check_barrier(Block& block, u32 id) {
  Barrier& barrier = block.barriers[id];
  const u32 expected = barrier.expected != 0 ? barrier.expected : block.live_warps * lanes;
  if (barrier.arrived < expected) return;
  if (options.check) observe_barrier(block, barrier.waiting);
  std::atomic_ref(block.launch->kernel->barriers).fetch_add(1, std::memory_order_relaxed);
  for (Warp& w : block.warps) {
    if ((barrier.waiting >> w.id & 1) == 0) continue;
    for (Fragment& f : w.others) {
      if (f.waiting != Waiting::at_barrier || f.awaited != id) continue;
      deliver(barrier, f);
      wake(f);
    }
  }
  barrier = Barrier{};
}

/// All live lanes of the warp may have come to a barrier of the block.
void check_arrival(Warp& w, u32 id) {
  Barrier& barrier = w.block->barriers[id];
  Mask here = 0;
  const Fragment* some = nullptr;
  bool mixed = false;
  for (const Fragment& f : w.others) {
    if (f.waiting != Waiting::at_barrier || f.awaited != id) continue;
    mixed |= some != nullptr && f.pc != some->pc;
    here |= f.lanes;
    some = &f;
  }
  if (some == nullptr || (here & w.live) != w.live || (barrier.waiting >> w.id & 1) != 0) return;
  const Instruction& in = barrier_instruction(*some);
  const bool is_aligned = in.flags == 0;  // all threads of a warp must execute the same one
  if (mixed && options.check && is_aligned) {
    Frame* const frame = w.frame;
    enter(w, some->frame);
    report(w, in, first_lane(some->lanes), "divergent barrier", false,
           "lanes of warp %d wait at different bar.sync instructions", w.id);
    enter(w, frame);
  }
  barrier.waiting |= 1u << w.id;
  barrier.arrived += lanes;
  check_barrier(*w.block, id);
}

void block_barrier(Warp& w, const Instruction& in, Mask mask) {
  const int lane = first_lane(mask);
  const u32 id = w.source<u32>(in.a)[lane];
  if (id > 15) {
    report(w, in, lane, "barrier number", true, "%u; there are 16", id);
    w.launch->failed = w.stop = true;
    return;
  }
  Barrier& barrier = w.block->barriers[id];
  const bool reduces = in.target >= barrier_and;
  if (in.sources > (reduces ? 2 : 1)) barrier.expected = w.source<u32>(in.b)[lane];
  if (reduces) {
    const Mask p = w.predicate_source(in.sources > 2 ? in.c : in.b) & mask;
    barrier.all &= p == mask;
    barrier.any |= p != 0;
    barrier.sum += static_cast<u32>(std::popcount(p));
  }
  if (in.target == barrier_arrive) {
    barrier.arrived += lanes;
    if (options.check) observe_arrival(w, static_cast<int>(id));
    check_barrier(*w.block, id);
    return;
  }
  keep_only(w, mask);
  wait(w, w.pc, Waiting::at_barrier, id);
  check_arrival(w, id);
}

void trap(Warp& w, const Instruction& in, Mask mask) {
  report(w, in, first_lane(mask), "trap", true, "the kernel stopped itself");
  w.launch->failed = w.stop = true;
}
void pause(Warp&, const Instruction&, Mask) {}  // other warps get their turn anyway

Handler select_barrier(const Opcode& op, Instruction& in) {
  if (is_form(op, 0, "+warp +sync")) return warp_barrier;
  const auto kind = std::find(std::begin(barrier_kinds), std::end(barrier_kinds),
                              form_of(op, "cta aligned pred u32"));
  if (kind == std::end(barrier_kinds)) return nullptr;
  in.target = static_cast<i32>(kind - barrier_kinds);
  in.flags = op.name == "barrier" && !op.has("aligned");
  return block_barrier;
}
Handler select_trap(const Opcode&, Instruction&) { return trap; }
Handler select_pause(const Opcode&, Instruction&) { return pause; }

constexpr Signature rows[] = {
    {"bar", "u32 ?u32", Class::sync, select_barrier},
    {"bar", "=T u32 pred", Class::sync, select_barrier},
    {"bar", "=T u32 u32 pred", Class::sync, select_barrier},
    {"barrier", "u32 ?u32", Class::sync, select_barrier},
    {"barrier", "=T u32 pred", Class::sync, select_barrier},
    {"barrier", "=T u32 u32 pred", Class::sync, select_barrier},
    {"trap", "", Class::control, select_trap},
    {"nanosleep", "u32", Class::sync, select_pause},
};

}  // namespace

bool all_arrived(Warp& w, const Instruction& in, Mask mask, const u32* members) {
  if (options.check) check_members(w, in, mask, members);
  if (mask == w.live) return true;
  Mask missing = 0;
  for_lanes(mask, [&](int i) { missing |= members[i] & w.live & ~mask; });
  if (missing == 0) return true;
  keep_only(w, mask);
  Fragment& f = wait(w, w.pc - 1, Waiting::for_lanes);
  if (f.lanes != mask) wake(f);  // those who waited here already and these try together
  return false;
}

void lanes_have_exited(Warp& w) {
  for (Fragment& f : w.others)
    if (f.waiting == Waiting::for_lanes) wake(f);
  check_warp_barriers(w);
  if (w.live != 0) {
    for (u32 id = 0; id < 16; ++id) check_arrival(w, id);
    return;
  }
  complete_copies(w, all_lanes, ~0u);
  --w.block->live_warps;
  for (u32 id = 0; id < 16; ++id)
    if (w.block->barriers[id].waiting != 0) check_barrier(*w.block, id);
}

std::span<const Signature> control_instructions() { return rows; }

}  // namespace vgpu
