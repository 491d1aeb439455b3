// SPDX-License-Identifier: MIT
// The state of a running kernel: launch, blocks, warps, and within a warp the fragments into which
// divergent branches have split it.
//
// A warp executes one fragment at a time: `pc`, `active` and `frame` are its state, the other
// fragments wait in `others`. The fragment with the lowest pc in the deepest frame goes first,
// which brings fragments together again where their paths meet.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "machine/types.h"
#include "ptx/program.h"

namespace vgpu {

struct Block;
struct Launch;
struct WarpWatch;   // checks/race.h: what the checks know of a warp
struct BlockWatch;  // and of a block

/// The activation of a function. Frames form a tree, because fragments of a warp may stand in
/// different calls.
struct Frame {
  Frame* parent = nullptr;
  Function* function = nullptr;
  u8* memory = nullptr;  // registers, call parameters, local memory
  i32 return_to = 0;
  int users = 0;  // fragments and frames that stand on it
  int depth = 0;
  const Instruction* call = nullptr;
  std::vector<CacheLine> own = {};  // what `memory` points to, unless that belongs to the block

  u8* call_area() const { return memory + function->register_bytes; }
};

enum class Waiting : u8 { no, for_lanes, at_warp_barrier, at_barrier };

struct Fragment {
  i32 pc = 0;
  Mask lanes = 0;
  Waiting waiting = Waiting::no;
  u32 awaited = 0;  // at a warp barrier: the lanes that it waits for; at one of the block: which
  Frame* frame = nullptr;
};

/// cp.async copies of one instruction that have not been completed.
struct PendingCopy {
  u64 to[lanes], from[lanes];  // host addresses
  u32 group[lanes];            // of each lane, counted from its first commit
  u8 bytes[lanes];             // read from the source; the rest is zero-filled
  Mask lanes_left;
  u8 size;
  const Instruction* instruction;
};

// clang-format off
/// Special registers with a value per lane, in Warp::special.
enum SpecialRegister { tid_x, tid_y, tid_z, ntid_x, ntid_y, ntid_z, ctaid_x, ctaid_y, ctaid_z,
                       nctaid_x, nctaid_y, nctaid_z, laneid, warpid, special_registers };
// clang-format on

struct Warp {
  u8* registers = nullptr;  // of the current frame
  const u8* constants = nullptr;
  i32 pc = 0;  // of the next instruction
  Mask active = 0;
  bool stop = false;  // set by a handler that has changed pc, active or frame beyond a jump
  Frame* frame = nullptr;
  Block* block = nullptr;
  Launch* launch = nullptr;
  Mask live = 0;             // lanes that have not exited
  Mask carry = 0;            // the condition code of add.cc and its like
  int id = 0;                // within the block
  bool random_next = false;  // the next fragment is drawn, not the lowest: see machine/schedule.cpp
  int turns = 0;             // turns that ended because the quota was used up
  std::vector<Fragment> others;
  std::vector<PendingCopy> copies;
  u32 copy_group[lanes] = {};
  Frame entry;
  WarpWatch* watch = nullptr;
  alignas(64) u32 special[special_registers][lanes];

  /// The lanes of a register.
  template <class T> T* reg(Place place) { return reinterpret_cast<T*>(registers + place); }
  /// The lanes of a source, register or constant.
  template <class T> const T* source(Place place) const {
    return reinterpret_cast<const T*>(place >= 0 ? registers + place : constants + ~place);
  }
  Mask& predicate(Place place) { return *reg<Mask>(place); }
  Mask predicate_source(Place place) const { return *source<Mask>(place); }
  void set_predicate(Place place, Mask value, Mask where) {
    Mask& p = predicate(place);
    p = (p & ~where) | (value & where);
  }
  /// The instruction being executed.
  const Instruction& current() const { return frame->function->code[static_cast<u32>(pc - 1)]; }
};

/// A named barrier of a block (bar.sync n).
struct Barrier {
  u32 arrived = 0, expected = 0;  // threads; expected 0: all that live
  u32 waiting = 0;                // warps, as bits
  bool all = true, any = false;   // bar.red: and, or, popc of the predicates
  u32 sum = 0;
};

struct Block {
  Launch* launch = nullptr;
  u32 x = 0, y = 0, z = 0;
  u64 index = 0;
  u8* shared = nullptr;  // host address of offset 0
  u32 shared_bytes = 0;  // with the reserved first KiB and the dynamic part
  std::vector<Warp> warps;
  std::unique_ptr<u8[]> memory;  // shared memory and the frames of the entry
  std::size_t memory_bytes = 0;
  Barrier barriers[16];
  u32 live_warps = 0;
  u64 random = 0;  // state of its generator
  BlockWatch* watch = nullptr;
  bool done() const { return live_warps == 0; }
};

struct Dim3 {
  u32 x = 1, y = 1, z = 1;
  u64 count() const { return u64{x} * y * z; }
};

struct Launch {
  Function* kernel = nullptr;
  Dim3 grid, block;
  u32 dynamic_shared = 0;
  std::vector<u8> parameters;  // parameter_bytes of them, and 64 more
  bool cooperative = false;
  u64 stream = 0;  // an identity, for reports

  // Set by run:
  u64 instructions = 0;
  u64 grid_workspace = 0;  // device address, for grid-wide synchronisation
  bool failed = false;     // a lane trapped or a report says that nothing more can be trusted
};

/// Runs a launch to its end. Launch::failed says how it ended; the error is reported.
void run(Launch&);

// ---- control flow, machine/control.cpp

/// For .sync instructions that need other lanes: whether all lanes that each lane's member mask
/// names and that still live have come. If not, the fragment waits, and the handler returns at
/// once; it will be called again with all of them.
bool all_arrived(Warp&, const Instruction&, Mask lanes, const u32* members);

/// Rows of the control instructions whose operands are not registers: bra, brx, call, ret, exit.
void branch(Warp&, const Instruction&, Mask);
void branch_indexed(Warp&, const Instruction&, Mask);  // target: branch table; a: index
void call(Warp&, const Instruction&, Mask);            // target: callee, or -1 and a: address
                                             // extra: results, arguments: counts, then offset, size
void return_from(Warp&, const Instruction&, Mask);
void exit_lanes(Warp&, const Instruction&, Mask);
/// vprintf, __assertfail: functions that the device's library would provide.
void call_builtin(Warp&, const Instruction&, Mask, const Function&);

}  // namespace vgpu
