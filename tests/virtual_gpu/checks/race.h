// SPDX-License-Identifier: MIT
// Data races, found by happens-before: a record of the last write and of the last two reads for
// each word of shared and global memory, and a vector clock for each warp.
//
// A warp instance is an agent with a number of its own; numbers grow, so records of earlier
// launches (and, for shared memory, of earlier blocks) need no clearing: they are smaller than
// `old`. The time of a warp advances when it synchronises. An access of agent a at time t happened
// before now if the warp that asks knows that a has come to t: through barriers, or through a
// release and an acquire.
#pragma once
#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "checks/observe.h"
#include "memory/device_memory.h"

namespace vgpu {

/// agent:32 time:20 strong:1 who:2 lane:5 bytes:4
using Record = u64;

/// Whose access a record is: one lane's; several lanes' to the same bytes; or several lanes' of
/// which it is not known who accessed which byte.
enum class Who : u8 { one = 0, same_bytes = 1, unknown = 2 };

inline constexpr int agent_shift = 32, time_shift = 12, strong_shift = 11, who_shift = 9,
                     lane_shift = 4;
inline constexpr u32 most_time = (1u << 20) - 1;
inline constexpr u32 no_agent_from = 0x7fff0000;  // records are compared as signed numbers too

inline Record make_record(u32 agent, u32 time, bool strong, Who who, int lane, u32 bytes) {
  return Record{agent} << agent_shift | time << time_shift | u32{strong} << strong_shift |
         static_cast<u32>(who) << who_shift | static_cast<u32>(lane) << lane_shift | bytes;
}
inline u32 agent_of(Record r) { return static_cast<u32>(r >> agent_shift); }
inline u32 time_of(Record r) { return static_cast<u32>(r) >> time_shift; }
inline bool strong_of(Record r) { return r >> strong_shift & 1; }
inline Who who_of(Record r) { return static_cast<Who>(r >> who_shift & 3); }
inline int lane_of(Record r) { return static_cast<int>(r >> lane_shift & 31); }
inline u32 bytes_of(Record r) { return r & 15; }

/// How far agents are known to have come. Copies share their memory until one of them changes.
class VectorClock {
 public:
  u32 operator[](u32 agent) const {
    return times_ && agent - times_->begin < times_->of.size() ? times_->of[agent - times_->begin]
                                                               : 0;
  }
  bool empty() const { return !times_; }
  void raise(u32 agent, u32 time);
  void join(const VectorClock& other);

 private:
  struct Times {
    u32 begin;  // the first agent of whom something is known
    std::vector<u32> of;
  };
  bool is_within(const VectorClock& other) const;
  u32* own(u32 begin, u32 end);
  std::shared_ptr<Times> times_;
};

/// What a warp knows of other warps, or hands on to them.
struct Knowledge {
  VectorClock now;
  VectorClock fenced;        // what it knew at its last fence
  VectorClock block_fenced;  // at its last fence of any scope
  VectorClock heard;         // read by strong loads; a fence makes it known
  void join(const Knowledge& other);
};

struct WarpWatch {
  u32 agent = 0;
  u32 time = 1;          // of accesses that it makes now
  u32 lanes_synced = 0;  // all lanes know of each other's accesses up to this time
  u32 synced = 0;        // it and all other warps of the block are known up to this time
  Knowledge knows;
  // Beyond that a lane knows of those of a mask up to a time.
  Mask synced_with[lanes] = {};
  u32 synced_at[lanes] = {};
};

/// What a location of memory has been used to release.
struct Release {
  VectorClock device, block;  // block: by fences that hold within the block only
  u64 block_index = 0;
};
using Releases = std::unordered_map<u64, Release>;  // by host address

/// Shared memory of a block, or global memory. Offsets count from `base`.
struct Region {
  u64 base = 0;  // host address
  u8* shadow = nullptr;
  Record *writes = nullptr, *reads = nullptr, *earlier_reads = nullptr;
  Record old = 0;  // records below it are of no interest
  bool is_shared = false;
  Releases releases;
  const char* name() const { return is_shared ? "shared" : "global"; }
  /// The address in the memory space, as reports show it.
  u64 shown(u64 offset) const { return is_shared ? offset : base + offset - distance; }
};

struct BlockWatch {
  u32 first_agent = 0;
  std::vector<u8> shadow;       // addressable, initialised, pending
  std::vector<Record> records;  // writes, reads, earlier reads
  Region shared;
  std::vector<WarpWatch> warps;
  Knowledge arrivals[16];  // of bar.arrive, by barrier
};

/// Shadow bit of shared memory: the destination of a cp.async that has not been waited for.
inline constexpr u8 pending = 4;

/// Global memory, as the present launch sees it.
Region& global_region();
u64 block_of_agent(u32 agent);

/// An access to memory; `bytes` is the size of each lane's.
struct Touch {
  Warp& warp;
  const Instruction& instruction;
  Access access;
  bool strong;
  Mask mask;
  const u64* addresses;  // host
  u32 bytes;
  Region* region = nullptr;  // that of all lanes
  bool completes = false;    // the end of a cp.async
  u64 offset(int lane) const { return addresses[lane] - region->base; }
};

const char* verb(Access);

using Four = i64 __attribute__((vector_size(32)));
inline bool any(Four f) { return (f[0] | f[1] | f[2] | f[3]) != 0; }

// The search for races.
void race_run(const Touch&);                             // neighbours access consecutive pieces
void race_lanes(const Touch&, Mask who, Mask same = 0);  // `same`: as the one lane, these do too
void race_hazard(const Touch&, int lane);                // reports, but remembers nothing

/// Whether what a record says happened before what a lane of a warp does now.
bool happened_before(const Warp&, int lane, Record);
/// Release and acquire by strong accesses and atomics.
void synchronise_access(const Touch&);

}  // namespace vgpu
