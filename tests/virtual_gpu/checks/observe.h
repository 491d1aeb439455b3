// SPDX-License-Identifier: MIT
// What the machine tells the checks and counters. Each observing function is called only where
// Options::observe (accesses) or Options::check (all others) is set.
#pragma once
#include <cstdio>

#include "machine/options.h"
#include "machine/warp.h"

namespace vgpu {

enum class Access : u8 { read, write, atomic };

/// An access of `bytes` bytes at each lane's host address. Returns the lanes that may go ahead:
/// those of which a report says that the access is invalid are left out.
Mask observe_access(Warp&, const Instruction&, Mask, const u64* addresses, u32 bytes, Access);

/// The same, at no cost when nobody looks.
inline Mask observed(Warp& w, const Instruction& in, Mask mask, const u64* addresses, u32 bytes,
                     Access access) {
  if (!options.observe) [[likely]]
    return mask;
  return observe_access(w, in, mask, addresses, bytes, access);
}

// cp.async: lane i copies count[i] bytes from from[i] and fills up to in.size bytes at to[i].
Mask observe_copy(Warp&, const Instruction&, Mask, const u64* to, const u64* from, const u8* count);
void observe_copy_done(Warp&, const PendingCopy&, Mask);

/// shfl.sync: a lane that takes part reads lane from[i]; if that one does not, the value is
/// undefined.
void observe_shuffle(Warp&, const Instruction&, Mask, const int* from);

// Synchronisation.
void observe_barrier(Block&, u32 warps);   // these warps have met at a barrier
void observe_arrival(Warp&, int barrier);  // bar.arrive: it is ordered before those who sync
void observe_warp_barrier(Warp&, Mask);    // these lanes have met (bar.warp.sync)
void observe_fence(Warp&, const Instruction&, Mask);  // membar, fence

// Counters by kernel and by instruction (checks/counters.cpp).

/// Adds a memory access to the counters of its instruction: lanes, and distinct sectors of 32 bytes
/// or wavefronts of shared memory, each against the fewest that its bytes need.
void count_access(Warp&, const Instruction&, Mask, const u64* addresses, u32 bytes);
/// A multiplication of the tensor cores. One of whose operands A and B all elements are zero is
/// work for nothing, as that on padding is.
void count_product(Warp&, const Instruction&, bool has_zero_operand);
/// A launch has ended.
void count_launch(const Launch&);
void print_counters(std::FILE*);
void write_counters_json(std::FILE*);

// Life of a launch.
void observe_launch(Launch&);
void observe_launch_end(Launch&);
void observe_block(Block&);  // its warps are set up
void observe_block_end(Block&);

}  // namespace vgpu
