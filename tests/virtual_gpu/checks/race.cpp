// SPDX-License-Identifier: MIT
// The records of words: what an access conflicts with, and how it is remembered.
#include "checks/race.h"

#include <algorithm>
#include <string>

#include "checks/report.h"

namespace vgpu {

namespace {

constexpr i64 agent_mask = static_cast<i64>(~Record{0} << agent_shift);
/// Bits that say whose a record is: equal in two records of one and the same lane.
constexpr i64 identity_mask = agent_mask | i64{3} << who_shift | i64{31} << lane_shift;
/// Bits in which two reads of all bytes by different lanes of a warp, since it last synchronised,
/// may differ; together they are reads of the same bytes.
constexpr i64 one_reader = i64{1} << who_shift, reader_mask = one_reader | i64{31} << lane_shift;

/// Whether a record was made by this very instruction, by a lane that stores the same value.
bool same_store(const Touch& t, int lane, Record r) {
  const Instruction& in = t.instruction;
  const int other = lane_of(r);
  if (t.access != Access::write || t.completes || who_of(r) == Who::unknown ||
      agent_of(r) != t.warp.watch->agent || time_of(r) != t.warp.watch->time)
    return false;
  // Lanes are looked at in order.
  if (other >= lane || !has(t.mask, other) || t.addresses[other] != t.addresses[lane]) return false;
  for (u32 k = 0; k < std::max<u32>(in.count, 1); ++k) {
    const u8* const values = t.warp.source<u8>(in.count > 0 ? in.extra[k] : in.b);
    if (std::memcmp(values + other * in.width, values + lane * in.width,
                    std::min(in.size, in.width)) != 0)
      return false;
  }
  return true;
}

void report_race(const Touch& t, u64 offset, int lane, Record r, const char* before) {
  const Warp& w = t.warp;
  std::string who = "another lane of the same warp";
  if (agent_of(r) != w.watch->agent) {
    const auto warp = (agent_of(r) - agent_of(global_region().old)) % w.block->warps.size();
    who = "warp " + std::to_string(warp) + " of block " +
          coordinates(block_of_agent(agent_of(r)), w.launch->grid);
  } else if (who_of(r) == Who::one) {
    who = "lane " + std::to_string(lane_of(r)) + " of the same warp";
  }
  report(t.warp, t.instruction, lane, "race", false,
         "%s after %s%s in %s memory at 0x%lx: %s did it, and nothing orders the two",
         t.completes ? "completion of a copy" : verb(t.access),
         strong_of(r) ? "atomic or volatile " : "", before, t.region->name(),
         t.region->shown(offset), who.c_str());
}

/// Whether a lane's access conflicts with a record and nothing orders them.
bool conflicts(const Touch& t, u64 word, int lane, Record r, u32 bytes) {
  if (r < t.region->old || (bytes_of(r) & bytes) == 0 || happened_before(t.warp, lane, r))
    return false;
  if (!strong_of(r)) return true;
  if (t.strong) return false;
  // If the warp has seen strong writes of a word they are before what it does next, even if nothing
  // else of the writer is (causality order includes what was observed).
  for (const Record read : {t.region->reads[word], t.region->earlier_reads[word]})
    if (agent_of(read) == t.warp.watch->agent && strong_of(read)) return false;
  return true;
}

Record record_of(const Touch& t, Who who, int lane, u32 bytes) {
  return make_record(t.warp.watch->agent, t.warp.watch->time, t.strong, who, lane, bytes);
}

/// A record for two accesses of the same agent, or the new one if they have nothing in common.
Record merged(Record before, Record now) {
  if (strong_of(before) != strong_of(now)) return now;
  if (((before ^ now) & identity_mask) == 0)
    return time_of(before) == time_of(now) ? now | bytes_of(before) : now;
  const bool same = bytes_of(before) == bytes_of(now) && who_of(before) != Who::unknown &&
                    who_of(now) != Who::unknown;
  // Two lanes. Keep the older time, so that what is said of both is true.
  return make_record(agent_of(now), std::min(time_of(before), time_of(now)), strong_of(now),
                     same ? Who::same_bytes : Who::unknown, lane_of(now),
                     bytes_of(before) | bytes_of(now));
}

/// Calls body(offset, bytes) for the words of [offset, offset + bytes), with a bit for each byte.
template <class Body> void for_words(u64 offset, u32 bytes, const Body& body) {
  for (const u64 end = offset + bytes; offset < end;) {
    const u32 begin = offset % 4;
    const u32 size = static_cast<u32>(std::min<u64>(end - offset, 4 - begin));
    body(offset, ((1u << size) - 1) << begin);
    offset += size;
  }
}

// Four records at a time: they are below 2^63, so that they can be compared as signed numbers.
Four load(const Record* from) {
  Four r;
  std::memcpy(&r, from, sizeof r);
  return r;
}
void store(Record* to, Four r) { std::memcpy(to, &r, sizeof r); }

/// Calls body(k, now) for every fourth word; `now` is what the access leaves there and in the next
/// three. Each lane has 2^shift bytes.
template <class Body> void by_four(u32 words, Record first, int shift, const Body& body) {
  for (u32 k = 0; k < words; k += 4) {
    const Four bytes = (Four{0, 1, 2, 3} + i64{k}) * 4;
    body(k, static_cast<i64>(first) + (bytes >> shift << lane_shift));
  }
}

/// What makes it plain that a record does not conflict with an access.
struct Past {
  i64 old, block_begin, block_end, own;
  i64 synced, lanes_synced;  // shifted to their place: times below are known
  i64 tolerated;             // the strong bit, if this access is strong: two never conflict

  explicit Past(const Touch& t)
      : old(static_cast<i64>(t.region->old)),
        block_begin(i64{t.warp.block->watch->first_agent} << agent_shift),
        block_end(block_begin + (static_cast<i64>(t.warp.block->warps.size()) << agent_shift)),
        own(i64{t.warp.watch->agent} << agent_shift),
        synced((i64{t.warp.watch->synced} + 1) << time_shift),
        lanes_synced((i64{t.warp.watch->lanes_synced} + 1) << time_shift),
        tolerated(t.strong ? i64{1} << strong_shift : 0) {}

  /// Of one record, or of a vector of them.
  template <class R> auto settled(R record, R now) const {
    const R time = record & 0xffffffff;
    return (record < old) | ((record >= block_begin) & (record < block_end) & (time < synced)) |
           (((record & agent_mask) == own) & (time < lanes_synced)) |
           (((record ^ now) & identity_mask) == 0) | ((record & tolerated) != 0);
  }
};

void check(const Touch& t, u64 offset, int lane, u32 bytes) {
  const u64 word = offset / 4;
  const Record write = t.region->writes[word], read = t.region->reads[word],
               earlier = t.region->earlier_reads[word];
  if (conflicts(t, word, lane, write, bytes) && !same_store(t, lane, write))
    report_race(t, offset, lane, write, "write");
  if (t.access == Access::read) return;
  if (conflicts(t, word, lane, read, bytes))
    report_race(t, offset, lane, read, "read");
  else if (conflicts(t, word, lane, earlier, bytes))
    report_race(t, offset, lane, earlier, "read");
}

/// A word that one lane accesses, or several of which all access these bytes.
inline void touch_word(const Touch& t, const Past& past, u64 offset, Mask who, u32 bytes) {
  const u64 word = offset / 4;
  Record &write = t.region->writes[word], &read = t.region->reads[word],
         &earlier = t.region->earlier_reads[word];
  const int lane = first_lane(who);
  const bool several = (who & (who - 1)) != 0, reads = t.access == Access::read;
  const Record now = record_of(t, several ? Who::same_bytes : Who::one, lane, bytes);
  const auto is_settled = [&](Record record) {
    const i64 r = static_cast<i64>(record);
    return r < past.old || past.settled(r, static_cast<i64>(now));
  };
  if (!is_settled(write) || (!reads && !(is_settled(read) && is_settled(earlier))))
    for_lanes(who, [&](int i) { check(t, offset, i, bytes); });
  if (!reads) {
    const bool join = agent_of(write) == agent_of(now) && time_of(write) == time_of(now);
    write = join ? merged(write, now) : now;
  } else if (agent_of(read) != agent_of(now)) {
    if (read >= t.region->old) earlier = read;
    read = now;
  } else if (read != now) {
    const bool join = time_of(read) == time_of(now) || !happened_before(t.warp, lane, read);
    read = join ? merged(read, now) : now;
  }
}

/// The lanes access whole words one behind the other, all bytes of each. False: something needs a
/// closer look, and nothing has changed.
template <bool is_read>
bool touch_run(const Touch& t, u64 word, u32 words, Record first, int shift) {
  Record* const writes = t.region->writes + word;
  Record* const reads = t.region->reads + word;
  Record* const earlier = t.region->earlier_reads + word;
  const Past past(t);
  Four recent{}, wrong{}, pushed{};
  by_four(words, first, shift, [&](u32 k, Four) {
    recent |= (load(writes + k) >= past.old) | (load(reads + k) >= past.old) |
              (load(earlier + k) >= past.old);
  });
  const u32 to_check = any(recent) ? words : 0;  // else nobody has been there
  by_four(to_check, first, shift, [&](u32 k, Four now) {
    const Four read = load(reads + k), differ = read ^ now;
    wrong |= ~past.settled(load(writes + k), now);
    if (is_read) {
      const Four other = (differ & agent_mask) != 0;
      wrong |= ~(other | ((differ & ~reader_mask) == 0) | past.settled(read, now));
      pushed |= other & (read >= past.old);
    } else {
      wrong |= ~(past.settled(read, now) & past.settled(load(earlier + k), now));
    }
  });
  if (any(wrong)) return false;
  const bool push = any(pushed);
  by_four(words, first, shift, [&](u32 k, Four now) {
    if (!is_read) return store(writes + k, now);
    const Four read = load(reads + k), differ = read ^ now;
    if (push) store(earlier + k, (differ & agent_mask) != 0 ? read : load(earlier + k));
    const Four joins = ((differ & ~reader_mask) == 0) & (differ != 0);
    store(reads + k, now | (joins & one_reader));
  });
  return true;
}

}  // namespace

void race_run(const Touch& t) {
  const int lane = first_lane(t.mask);
  const u64 offset = t.offset(lane);
  const u32 bytes = static_cast<u32>(std::popcount(t.mask)) * t.bytes;
  if (std::has_single_bit(t.bytes) && offset % 4 == 0 && bytes % 16 == 0) {
    const Record first = record_of(t, t.bytes < 4 ? Who::unknown : Who::one, lane, 15);
    const auto touch = t.access == Access::read ? touch_run<true> : touch_run<false>;
    if (touch(t, offset / 4, bytes / 4, first, std::countr_zero(t.bytes))) return;
  }
  race_lanes(t, t.mask);
}

void race_lanes(const Touch& t, Mask who, Mask same) {
  const Past past(t);
  for_lanes(who, [&](int i) {
    for_words(t.offset(i), t.bytes,
              [&](u64 word, u32 bytes) { touch_word(t, past, word, same | 1u << i, bytes); });
  });
}

void race_hazard(const Touch& t, int lane) {
  for_words(t.offset(lane), t.bytes, [&](u64 word, u32 bytes) { check(t, word, lane, bytes); });
}

}  // namespace vgpu
