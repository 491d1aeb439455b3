// SPDX-License-Identifier: MIT
// What happened before what: vector clocks, joined at barriers, and carried from one warp to
// another by release and acquire as the PTX memory model has them. A fence followed by a strong
// write releases what was known at the fence; a strong read followed by a fence acquires what the
// location has been used to release. Lanes of a warp release and acquire for the whole warp.
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "checks/race.h"
#include "memory/device_memory.h"

namespace vgpu {

namespace {

/// One launch is checked at a time.
struct LaunchWatch {
  u32 first_agent = 1, next_agent = 1;
  u32 warps = 1;             // of a block
  std::vector<u64> started;  // blocks, in the order in which they began: agents are numbered so
  Region global;
  std::vector<BlockWatch*> unused;
} current;

constexpr u64 global_words = all_memory_bytes / 4;
constexpr u64 global_record_bytes = 3 * global_words * sizeof(Record);

void place_records(Region& region, Record* records, u64 words) {
  region.writes = records;
  region.reads = records + words;
  region.earlier_reads = records + 2 * words;
}

void set_time(WarpWatch& watch, u32 time) { watch.time = std::min(time, most_time); }

void find_synced(const Block& block, WarpWatch& watch) {
  watch.synced = watch.lanes_synced;
  for (const WarpWatch& other : block.watch->warps)
    if (&other != &watch) watch.synced = std::min(watch.synced, watch.knows.now[other.agent]);
}

/// Everything that a warp knows, its own accesses up to now included.
VectorClock snapshot(const WarpWatch& watch) {
  VectorClock all = watch.knows.now;
  all.raise(watch.agent, watch.time);
  return all;
}

void sync_lanes(WarpWatch& watch, Mask mask, Mask with, u32 time) {
  for_lanes(mask, [&](int i) {
    watch.synced_with[i] |= with;
    watch.synced_at[i] = std::max(watch.synced_at[i], time);
  });
}

/// Lanes of a warp learn what has been released.
void acquire(Warp& w, Mask mask, const VectorClock& released) {
  if (released.empty()) return;
  WarpWatch& watch = *w.watch;
  watch.knows.now.join(released);
  find_synced(*w.block, watch);
  if (const u32 own = released[watch.agent])  // what its lanes have released themselves
    sync_lanes(watch, mask, all_lanes, own);
}

/// Calls body(word) for the words that the lanes access, once for neighbours at the same one.
template <class Body> void for_locations(const Touch& t, const Body& body) {
  u64 last = 0;
  for_lanes(t.mask, [&](int i) {
    const u64 location = t.addresses[i] & ~u64{3};
    if (location != last) body(location);
    last = location;
  });
}

}  // namespace

/// The times from `begin` on; they are this clock's alone now, and include those of [begin, end).
u32* VectorClock::own(u32 begin, u32 end) {
  if (!times_) {
    times_ = std::make_shared<Times>(Times{begin, std::vector<u32>(end - begin)});
  } else if (const u32 size = static_cast<u32>(times_->of.size());
             begin < times_->begin || end > times_->begin + size || times_.use_count() > 1) {
    const u32 first = std::min(begin, times_->begin), last = std::max(end, times_->begin + size);
    auto wider = std::make_shared<Times>(Times{first, std::vector<u32>(last - first)});
    std::copy(times_->of.begin(), times_->of.end(), wider->of.begin() + (times_->begin - first));
    times_ = std::move(wider);
  }
  return times_->of.data() + (begin - times_->begin);
}

void VectorClock::raise(u32 agent, u32 time) {
  if ((*this)[agent] < time) *own(agent, agent + 1) = time;
}

bool VectorClock::is_within(const VectorClock& other) const {
  if (!times_ || times_ == other.times_) return true;
  if (!other.times_ || times_->begin < other.times_->begin) return false;
  const u32 shift = times_->begin - other.times_->begin;
  if (shift + times_->of.size() > other.times_->of.size()) return false;
  return std::equal(times_->of.begin(), times_->of.end(), other.times_->of.begin() + shift,
                    [](u32 mine, u32 its) { return mine <= its; });
}

void VectorClock::join(const VectorClock& other) {
  if (other.is_within(*this)) return;
  if (is_within(other)) {
    times_ = other.times_;
    return;
  }
  const Times& its = *other.times_;
  u32* const mine = own(its.begin, its.begin + static_cast<u32>(its.of.size()));
  for (std::size_t k = 0; k < its.of.size(); ++k) mine[k] = std::max(mine[k], its.of[k]);
}

void Knowledge::join(const Knowledge& other) {
  now.join(other.now);
  fenced.join(other.fenced);
  block_fenced.join(other.block_fenced);
  heard.join(other.heard);
}

Region& global_region() { return current.global; }

u64 block_of_agent(u32 agent) {
  return current.started[(agent - current.first_agent) / current.warps];
}

bool happened_before(const Warp& w, int lane, Record r) {
  const WarpWatch& watch = *w.watch;
  const u32 time = time_of(r);
  if (agent_of(r) != watch.agent) return time <= watch.knows.now[agent_of(r)];
  if (time <= watch.lanes_synced || time >= most_time || who_of(r) == Who::unknown) return true;
  if (who_of(r) == Who::same_bytes) return time <= watch.synced_at[lane];  // another was among them
  const int other = lane_of(r);
  return other == lane || (has(watch.synced_with[lane], other) && time <= watch.synced_at[lane]);
}

void synchronise_access(const Touch& t) {
  Warp& w = t.warp;
  Knowledge& knows = w.watch->knows;
  Releases& locations = t.region->releases;
  const u8 order = t.instruction.order;
  if (t.access != Access::write && !locations.empty()) {
    VectorClock heard;
    for_locations(t, [&](u64 location) {
      const auto found = locations.find(location);
      if (found == locations.end()) return;
      heard.join(found->second.device);
      if (found->second.block_index == w.block->index) heard.join(found->second.block);
    });
    if ((order & Order::acquires) != 0)
      acquire(w, t.mask, heard);
    else
      knows.heard.join(heard);
  }
  if (t.access == Access::read) return;
  if ((order & Order::releases) != 0) {
    knows.fenced = knows.block_fenced = snapshot(*w.watch);
    set_time(*w.watch, w.watch->time + 1);
  }
  if (knows.block_fenced.empty() && (t.access == Access::atomic || locations.empty())) return;
  for_locations(t, [&](u64 location) {
    Release& release = locations[location];
    if (t.access == Access::write || release.block_index != w.block->index) release.block = {};
    if (t.access == Access::write) release.device = {};  // an atomic goes on with the chain
    release.device.join(knows.fenced);
    release.block.join(knows.block_fenced);
    release.block_index = w.block->index;
  });
}

void observe_fence(Warp& w, const Instruction& in, Mask mask) {
  if (!w.watch) return;
  Knowledge& knows = w.watch->knows;
  acquire(w, mask, knows.heard);
  knows.heard = {};
  knows.block_fenced = snapshot(*w.watch);
  const bool in_block_only =
      w.frame->function->module->line_text(in.line).find(".cta") != std::string_view::npos;
  if (!in_block_only) knows.fenced = knows.block_fenced;
  set_time(*w.watch, w.watch->time + 1);
}

void observe_barrier(Block& block, u32 warps) {
  if (!block.watch || warps == 0) return;
  Knowledge together;
  for (int id = 0; id < 16; ++id)  // what bar.arrive has left where all of these warps wait
    if (block.barriers[id].waiting == warps)
      together.join(std::exchange(block.watch->arrivals[id], {}));
  u32 latest = 0;
  for_lanes(warps, [&](int k) {
    const WarpWatch& watch = block.watch->warps[static_cast<u32>(k)];
    together.join(watch.knows);
    latest = std::max(latest, watch.time);
  });
  for_lanes(warps, [&](int k) {
    together.now.raise(block.watch->warps[static_cast<u32>(k)].agent, latest);
  });
  for_lanes(warps, [&](int k) {
    WarpWatch& watch = block.watch->warps[static_cast<u32>(k)];
    watch.knows = together;
    watch.lanes_synced = latest;
    set_time(watch, latest + 1);
    find_synced(block, watch);
  });
}

void observe_arrival(Warp& w, int barrier) {
  if (!w.watch) return;
  Knowledge& arrival = w.block->watch->arrivals[barrier];
  arrival.join(w.watch->knows);
  arrival.now.raise(w.watch->agent, w.watch->time);
  set_time(*w.watch, w.watch->time + 1);
}

void observe_warp_barrier(Warp& w, Mask mask) {
  if (!w.watch) return;
  WarpWatch& watch = *w.watch;
  if ((w.live & ~mask) == 0)
    watch.lanes_synced = watch.time;
  else
    sync_lanes(watch, mask, mask, watch.time);
  set_time(watch, watch.time + 1);
}

void observe_launch(Launch& launch) {
  if (!current.global.writes)
    place_records(current.global, static_cast<Record*>(reserve(global_record_bytes)), global_words);
  current.global.base = arena_begin + distance;
  current.global.shadow = shadow_begin;
  current.warps = static_cast<u32>((launch.block.count() + lanes - 1) / lanes);
  const u64 agents = launch.grid.count() * current.warps;
  if (agents > no_agent_from / 2) unsupported("checks of a launch with %lu warps", agents);
  if (current.next_agent + agents >= no_agent_from) {  // all numbers begin again
    madvise(current.global.writes, global_record_bytes, MADV_DONTNEED);
    current.unused.clear();
    current.next_agent = 1;
  }
  current.first_agent = current.next_agent;
  current.global.old = Record{current.first_agent} << agent_shift;
  current.started.clear();
  current.next_agent += static_cast<u32>(agents);
}

void observe_launch_end(Launch&) { current.global.releases.clear(); }

void observe_block(Block& block) {
  if (current.unused.empty()) current.unused.push_back(new BlockWatch);
  BlockWatch& watch = *(block.watch = current.unused.back());
  current.unused.pop_back();
  watch.first_agent =
      current.first_agent + static_cast<u32>(current.started.size()) * current.warps;
  current.started.push_back(block.index);
  watch.shadow.assign(block.shared_bytes, 0);
  if (block.shared_bytes > shared_begin)
    std::fill(watch.shadow.begin() + shared_begin, watch.shadow.end(), u8{addressable});
  const std::size_t words = (block.shared_bytes + 3) / 4;
  if (watch.records.size() < 3 * words) watch.records.resize(3 * words);
  watch.shared.base = reinterpret_cast<u64>(block.shared);
  watch.shared.shadow = watch.shadow.data();
  place_records(watch.shared, watch.records.data(), words);
  watch.shared.old = Record{watch.first_agent} << agent_shift;
  watch.shared.is_shared = true;
  watch.shared.releases.clear();
  for (Knowledge& arrival : watch.arrivals) arrival = {};
  watch.warps.assign(block.warps.size(), {});
  for (std::size_t k = 0; k < block.warps.size(); ++k) {
    watch.warps[k].agent = watch.first_agent + static_cast<u32>(k);
    block.warps[k].watch = &watch.warps[k];
  }
}

void observe_block_end(Block& block) {
  current.unused.push_back(std::exchange(block.watch, nullptr));
  for (Warp& w : block.warps) w.watch = nullptr;
}

}  // namespace vgpu
