// SPDX-License-Identifier: MIT
// Branches, calls and exits.
#include <algorithm>

#include "checks/observe.h"
#include "checks/report.h"
#include "instructions/families.h"
#include "machine/fragments.h"
#include "memory/device_memory.h"

namespace vgpu {

namespace {

/// The lanes of a mask whose value equals that of its first lane.
template <class T> Mask equal_to_first(const T* values, Mask mask) {
  const T first = values[first_lane(mask)];
  Mask equal = 0;
  for_lanes(mask, [&](int i) { equal |= static_cast<Mask>(values[i] == first) << i; });
  return equal;
}

/// Ends the launch: the current fragment does not go on.
void abandon(Warp& w) { w.launch->failed = w.stop = true; }

/// Frames that are not in use, kept for their memory.
thread_local std::vector<std::unique_ptr<Frame>> unused_frames;

constexpr int deepest_call = 2000;

/// A call's results and arguments: where each lies in the caller's call area.
struct CallOperands {
  std::span<const Place> results, arguments;  // offset, size, offset, size, ...
  explicit CallOperands(const Instruction& in)
      : results(in.extra + 2, 2 * static_cast<u32>(in.extra[0])),
        arguments(in.extra + 2 + 2 * in.extra[0], 2 * static_cast<u32>(in.extra[1])) {}
};

/// The callee of a call through a register, for the lanes that name the same one; the others try
/// again after them.
Function* indirect_callee(Warp& w, const Instruction& in, Mask& mask) {
  const u64* const address = w.source<u64>(in.a);
  const Mask group = equal_to_first(address, mask);
  Function* const callee = function_at(address[first_lane(mask)]);
  if (callee == nullptr) {
    report(w, in, first_lane(mask), "indirect call", true, "0x%lx is not the address of a function",
           address[first_lane(mask)]);
    abandon(w);
    return nullptr;
  }
  parse(*callee);
  if (group != mask) split(w, mask & ~group, w.pc - 1);
  mask = group;
  return callee;
}

/// A frame for a call from the current one.
Frame* new_frame(Warp& w, Function& callee, const Instruction& call) {
  if (unused_frames.empty()) unused_frames.push_back(std::make_unique<Frame>());
  Frame* const frame = unused_frames.back().release();
  unused_frames.pop_back();
  const std::size_t room = callee.frame_bytes() / sizeof(CacheLine);
  if (frame->own.size() < room) frame->own = std::vector<CacheLine>(room);
  frame->parent = w.frame;
  frame->function = &callee;
  frame->memory = frame->own.data()->bytes;
  frame->return_to = w.pc;
  frame->users = 1;
  frame->depth = w.frame->depth + 1;
  frame->call = &call;
  return frame;
}

}  // namespace

void branch(Warp& w, const Instruction& in, Mask mask) {
  if (mask == w.active)
    w.pc = in.target;
  else
    split(w, mask, in.target);
}

void branch_indexed(Warp& w, const Instruction& in, Mask mask) {
  const u32* const index = w.source<u32>(in.a);
  const auto& table = w.frame->function->branch_tables[static_cast<u32>(in.target)];
  while (mask != 0) {
    const Mask group = equal_to_first(index, mask);
    const u32 entry = index[first_lane(mask)];
    mask &= ~group;
    if (entry >= table.size()) {
      report(w, in, first_lane(group), "branch table", true, "entry %u of %zu", entry,
             table.size());
      return abandon(w);
    }
    if (group == w.active)
      w.pc = table[entry];
    else
      split(w, group, table[entry]);
  }
}

void exit_lanes(Warp& w, const Instruction&, Mask mask) {
  w.live &= ~mask;
  w.active &= ~mask;
  const bool gone = w.active == 0;
  w.stop |= gone;
  lanes_have_exited(w);
  if (gone) leave(w, w.frame);
}

void leave(Warp& w, Frame* frame) {
  while (--frame->users == 0 && frame != &w.entry) {
    unused_frames.emplace_back(frame);
    frame = frame->parent;
  }
}

void call(Warp& w, const Instruction& in, Mask mask) {
  Function* const callee = in.target >= 0 ? w.frame->function->callees[static_cast<u32>(in.target)]
                                          : indirect_callee(w, in, mask);
  if (callee == nullptr) return;
  if (callee->is_external) return call_builtin(w, in, mask, *callee);
  if (w.frame->depth >= deepest_call) {
    report(w, in, first_lane(mask), "stack overflow", true, "calls are nested %d deep",
           w.frame->depth);
    return abandon(w);
  }
  const CallOperands operands(in);
  if (operands.arguments.size() != 2 * callee->parameters.size())
    unsupported("call of %s with %zu arguments", callee->name.c_str(),
                operands.arguments.size() / 2);
  keep_only(w, mask);
  Frame* const frame = new_frame(w, *callee, in);
  for (std::size_t i = 0; i < callee->parameters.size(); ++i) {
    const Parameter& parameter = callee->parameters[i];
    std::memcpy(frame->call_area() + parameter.offset,
                w.frame->call_area() + operands.arguments[2 * i],
                std::size_t{lanes} * parameter.size);
  }
  // The fragment moves to the new frame, which takes its place as a user of the old one.
  enter(w, frame);
  w.pc = 0;
  w.stop = true;
}

void return_from(Warp& w, const Instruction&, Mask mask) {
  keep_only(w, mask);
  Frame* const frame = w.frame;
  Frame* const caller = frame->parent;
  const CallOperands operands(*frame->call);
  for (std::size_t i = 0; i < frame->function->results.size() && 2 * i < operands.results.size();
       ++i) {
    const Parameter& result = frame->function->results[i];
    u8* const to = caller->call_area() + operands.results[2 * i];
    const u8* const from = frame->call_area() + result.offset;
    for_lanes(mask, [&](int lane) {
      std::memcpy(to + static_cast<u32>(lane) * result.size,
                  from + static_cast<u32>(lane) * result.size, result.size);
    });
  }
  ++caller->users;
  w.pc = frame->return_to;
  enter(w, caller);
  w.stop = true;
  leave(w, frame);
}

}  // namespace vgpu
