// SPDX-License-Identifier: MIT
// Which warp and which fragment runs next. Warps take turns of Options::quota instructions, in
// order or, with a seed, in random order and for random lengths. Within a warp the fragment with
// the lowest pc in the deepest frame runs until it reaches the next one's pc, where they join; now
// and then another one is drawn, so that lanes that spin for others of their warp do not spin for
// ever.
#include <algorithm>
#include <atomic>
#include <climits>
#include <utility>

#include "checks/observe.h"
#include "checks/report.h"
#include "machine/fragments.h"

namespace vgpu {

namespace {

constexpr int turns_before_drawing = 128;
constexpr i64 longest_random_run = 512;

/// Lower goes first: deeper frames, then lower pc.
bool goes_before(const Fragment& a, const Fragment& b) {
  return a.frame->depth != b.frame->depth ? a.frame->depth > b.frame->depth : a.pc < b.pc;
}

/// Makes a ready fragment the current one, together with all that stand at the same place. False:
/// none is ready.
bool choose_fragment(Warp& w, bool draw, Progress& progress) {
  const std::size_t n = w.others.size();
  std::size_t best = n;
  const std::size_t start = draw && n > 0 ? progress.draw(n) : 0;
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t i = (start + k) % n;
    if (w.others[i].waiting != Waiting::no) continue;
    if (best == n || (!draw && goes_before(w.others[i], w.others[best]))) best = i;
  }
  if (best == n) return false;
  const Fragment chosen = w.others[best];
  w.pc = chosen.pc;
  enter(w, chosen.frame);
  w.active = take_others_at(w, chosen);
  ++w.frame->users;
  return true;
}

/// The pc at which the current fragment must let others go first or join it; INT_MAX: none.
i32 next_meeting(const Warp& w) {
  i32 pc = INT_MAX;
  for (const Fragment& other : w.others) {
    if (other.waiting != Waiting::no) continue;
    if (other.frame->depth > w.frame->depth) return -1;
    if (other.frame->depth == w.frame->depth && other.pc > w.pc) pc = std::min(pc, other.pc);
  }
  return pc;
}

/// Executes instructions of the current fragment; returns how many.
template <bool count> i64 execute(Warp& w, i64 most, i32 meeting, u64* executed) {
  const Instruction* const code = w.frame->function->code.data();
  w.stop = false;
  i64 left = most;
  while (left > 0 && w.pc < meeting) {
    const Instruction& in = code[w.pc++];
    --left;
    if constexpr (count) ++executed[&in - code];
    Mask mask = w.active;
    if (in.guard >= 0) {
      const Mask guard = w.predicate(in.guard);
      mask &= in.guard_negated ? ~guard : guard;
      if (mask == 0) continue;
    }
    in.run(w, in, mask);
    if (w.stop) [[unlikely]]
      break;
  }
  return most - left;
}

void take_turn(Warp& w, i64 quota, Progress& progress) {
  running = &w;
  bool draw = std::exchange(w.random_next, false);
  i64 left = quota;
  for (;;) {
    if (w.active != 0 && !w.others.empty())
      wait(w, w.pc, Waiting::no);  // it competes with the others
    if (w.active == 0 && !choose_fragment(w, draw, progress)) break;
    const i64 most = draw ? std::min(left, longest_random_run) : left;
    const i32 meeting = draw ? INT_MAX : next_meeting(w);
    Function& function = *w.frame->function;
    if (options.count) {
      auto& executed = progress.executed[&function];
      executed.resize(function.code.size());
      left -= execute<true>(w, most, meeting, executed.data());
    } else {
      left -= execute<false>(w, most, meeting, nullptr);
    }
    draw = false;
    if (w.live == 0 || w.launch->failed) break;
    if (left <= 0) {
      if (!w.others.empty() && (options.seed != 0 || ++w.turns >= turns_before_drawing)) {
        w.random_next = true;
        w.turns = 0;
      }
      break;
    }
  }
  running = nullptr;
  const u64 done = static_cast<u64>(quota - left);
  progress.instructions += done;
  // Other threads may run other blocks of the launch.
  const u64 all = std::atomic_ref(w.launch->instructions).fetch_add(done) + done;
  if (all > options.limit && !w.launch->failed && w.live != 0) {
    report(w, w.pc > 0 ? w.current() : w.frame->function->code[0], first_lane(w.live), "livelock",
           true, "more than %lu warp instructions in one launch", options.limit);
    w.launch->failed = true;
  }
}

bool is_ready(const Warp& w) {
  if (w.live == 0) return false;
  if (w.active != 0) return true;
  return std::any_of(w.others.begin(), w.others.end(),
                     [](const Fragment& f) { return f.waiting == Waiting::no; });
}

void set_up_warp(Warp& w, Block& block, int id, u8* frame) {
  Launch& launch = *block.launch;
  const u32 threads = static_cast<u32>(launch.block.count());
  const u32 left = threads - lanes * static_cast<u32>(id);
  w.id = id;
  w.block = &block;
  w.launch = &launch;
  w.live = w.active = left >= lanes ? all_lanes : (Mask{1} << left) - 1;
  w.pc = 0;
  w.turns = 0;
  w.stop = w.random_next = false;
  w.others.clear();
  w.copies.clear();
  std::fill(std::begin(w.copy_group), std::end(w.copy_group), 0);
  w.entry = {.function = launch.kernel, .memory = frame, .users = 1};
  enter(w, &w.entry);
}

/// In the order of SpecialRegister.
void fill_special_registers(Warp& w) {
  const Launch& launch = *w.launch;
  const Dim3 size = launch.block;
  for (u32 i = 0; i < lanes; ++i) {
    const u32 thread = lanes * static_cast<u32>(w.id) + i;
    const Dim3 values[] = {{thread % size.x, thread / size.x % size.y, thread / (size.x * size.y)},
                           size,
                           {w.block->x, w.block->y, w.block->z},
                           launch.grid,
                           {i, static_cast<u32>(w.id)}};
    for (int k = 0; k < special_registers; ++k) {
      const Dim3& value = values[k / 3];
      w.special[k][i] = k % 3 == 0 ? value.x : k % 3 == 1 ? value.y : value.z;
    }
  }
}

}  // namespace

bool take_turns(Block& block, Progress& progress) {
  const u32 n = static_cast<u32>(block.warps.size());
  u32 order[lanes];
  for (u32 i = 0; i < n; ++i) order[i] = i;
  if (options.seed != 0)
    for (u32 i = n; i > 1; --i) std::swap(order[i - 1], order[progress.draw(i)]);
  bool any = false;
  for (u32 i = 0; i < n && !block.launch->failed; ++i) {
    Warp& w = block.warps[order[i]];
    if (!is_ready(w)) continue;
    any = true;
    take_turn(w, static_cast<i64>(options.seed != 0 ? 1 + progress.draw(400) : options.quota),
              progress);
  }
  return any;
}

void set_up(Block& block, Launch& launch, u64 index) {
  Function& kernel = *launch.kernel;
  const bool same_launch = block.launch == &launch;
  block.launch = &launch;
  block.index = index;
  block.x = static_cast<u32>(index % launch.grid.x);
  block.y = static_cast<u32>(index / launch.grid.x % launch.grid.y);
  block.z = static_cast<u32>(index / (u64{launch.grid.x} * launch.grid.y));
  block.shared_bytes = launch.dynamic_shared == 0
                           ? std::max(kernel.shared_bytes, shared_begin)
                           : round_up(kernel.shared_bytes, 128) + launch.dynamic_shared;
  const u32 shared_room = round_up(block.shared_bytes + 1024, 1024);  // for reads past its end
  const u32 warps = static_cast<u32>((launch.block.count() + lanes - 1) / lanes);
  const u64 bytes = shared_room + u64{warps} * kernel.frame_bytes() + 1024;
  if (block.memory_bytes < bytes) {
    block.memory = std::make_unique_for_overwrite<u8[]>(bytes);
    block.memory_bytes = bytes;
  }
  u8* const memory =
      reinterpret_cast<u8*>(round_up(reinterpret_cast<u64>(block.memory.get()), 1024));
  block.shared = memory;
  if (options.check) std::memset(memory, 0xcb, shared_room);
  if (block.warps.size() != warps) block.warps = std::vector<Warp>(warps);
  std::fill(std::begin(block.barriers), std::end(block.barriers), Barrier{});
  block.live_warps = warps;
  for (u32 i = 0; i < warps; ++i) {
    Warp& w = block.warps[i];
    set_up_warp(w, block, static_cast<int>(i),
                memory + shared_room + u64{i} * kernel.frame_bytes());
    if (!same_launch) fill_special_registers(w);
    std::fill_n(w.special[ctaid_x], lanes, block.x);
    std::fill_n(w.special[ctaid_y], lanes, block.y);
    std::fill_n(w.special[ctaid_z], lanes, block.z);
  }
  if (options.check) observe_block(block);
}

}  // namespace vgpu
