// SPDX-License-Identifier: MIT
// How a warp's fragments split, wait and change frames. Each fragment, the current one included, is
// a user of the frame on which it stands; a frame is a user of its parent.
#pragma once
#include "machine/warp.h"

namespace vgpu {

/// Makes a frame the current one.
inline void enter(Warp& w, Frame* frame) {
  w.frame = frame;
  w.registers = frame->memory;
  w.constants = reinterpret_cast<const u8*>(frame->function->constants.data());
}

/// Sends some of the current fragment's lanes to another instruction of the same frame.
inline void split(Warp& w, Mask lanes, i32 pc) {
  w.others.push_back({pc, lanes, Waiting::no, 0, w.frame});
  ++w.frame->users;
  w.active &= ~lanes;
  w.stop = true;
}

/// Leaves only these lanes in the current fragment; the rest go on at pc.
inline void keep_only(Warp& w, Mask lanes) {
  if (lanes != w.active) split(w, w.active & ~lanes, w.pc);
}

/// Removes the other fragments that stand at the place of this one and wait for the same; returns
/// their lanes.
inline Mask take_others_at(Warp& w, const Fragment& place) {
  Mask lanes = 0;
  std::erase_if(w.others, [&](const Fragment& f) {
    if (f.pc != place.pc || f.frame != place.frame || f.waiting != place.waiting ||
        f.awaited != place.awaited)
      return false;
    lanes |= f.lanes;
    --f.frame->users;
    return true;
  });
  return lanes;
}

/// The current fragment waits, as one with those that wait at the same place for the same; another
/// one must be chosen.
inline Fragment& wait(Warp& w, i32 pc, Waiting why, u32 awaited = 0) {
  Fragment f{pc, w.active, why, awaited, w.frame};
  f.lanes |= take_others_at(w, f);
  w.active = 0;
  w.stop = true;
  return w.others.emplace_back(f);
}

inline void wake(Fragment& f) {
  f.waiting = Waiting::no;
  f.awaited = 0;
}

/// A user has left the frame: gives it back if it was the last, and so on with its parents.
void leave(Warp&, Frame*);

/// Lanes have exited or all of a warp has: who waited for them looks again.
void lanes_have_exited(Warp&);

/// Runs warps of the block for one turn each. False: none could run.
struct Progress {
  u64 random = 1;
  u64 instructions = 0;
  std::unordered_map<Function*, std::vector<u64>> executed;  // under Options::count

  u64 draw(u64 bound) {  // Knuth's linear congruential generator; its high bits are good enough
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (random >> 33) % bound;
  }
};
bool take_turns(Block&, Progress&);

/// Prepares a block of the launch to be run.
void set_up(Block&, Launch&, u64 index);

}  // namespace vgpu
