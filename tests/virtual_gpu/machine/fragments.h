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
  w.constants = frame->function->constants.data();
}

/// Sends some of the current fragment's lanes to another instruction of the same frame.
inline void split(Warp& w, Mask lanes, i32 pc) {
  w.others.push_back({pc, lanes, Waiting::no, 0, 0, w.frame});
  ++w.frame->users;
  w.active &= ~lanes;
  w.stop = true;
}

/// Leaves only these lanes in the current fragment; the rest go on at pc.
inline void keep_only(Warp& w, Mask lanes) {
  if (lanes != w.active) split(w, w.active & ~lanes, w.pc);
}

/// The current fragment waits; another one must be chosen.
inline Fragment& wait(Warp& w, i32 pc, Waiting why) {
  w.others.push_back({pc, w.active, why, 0, 0, w.frame});
  w.active = 0;
  w.stop = true;
  return w.others.back();
}

/// Removes others[i], whose lanes have joined a fragment on the same frame.
inline void forget(Warp& w, std::size_t i) {
  --w.others[i].frame->users;
  w.others[i] = w.others.back();
  w.others.pop_back();
}

/// A user has left the frame: gives it back if it was the last, and so on with its parents.
void leave(Warp&, Frame*);

/// A frame for a call from the current one.
Frame* new_frame(Warp&, Function&, const Instruction& call);

/// Lanes have exited or all of a warp has: who waited for them looks again.
void lanes_have_exited(Warp&);

/// A barrier of the block may be complete.
void check_barrier(Block&, int barrier);
/// All live lanes of the warp may have come to a barrier of the block.
void check_arrival(Warp&, int barrier);

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
