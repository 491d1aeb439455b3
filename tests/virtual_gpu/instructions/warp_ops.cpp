// SPDX-License-Identifier: MIT
// What the lanes of a warp do together: shfl, vote, match, redux, activemask. The .sync forms wait
// for the lanes that the member mask names; of these, `mask` has those that execute together now.
#include "checks/observe.h"
#include "instructions/families.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

// ---- shfl

enum class Shuffle : u8 { up, down, butterfly, index };

/// The lane that lane i reads, and whether it lies in i's segment. c is the operand of the same
/// name: bits 0-4 the clamp, bits 8-12 the mask of the lane bits that all lanes of a segment share.
template <Shuffle mode> inline int shuffled(int i, u32 b, u32 c, bool& inside) {
  const int segment = static_cast<int>(c >> 8 & 31), clamp = static_cast<int>(c & 31);
  const int last = (i & segment) | (clamp & ~segment);  // for up: the first
  const int by = static_cast<int>(b & 31);
  const int from = mode == Shuffle::up          ? i - by
                   : mode == Shuffle::down      ? i + by
                   : mode == Shuffle::butterfly ? i ^ by
                                                : (i & segment) | (by & ~segment);
  inside = mode == Shuffle::up ? from >= last : from <= last;
  return inside ? from : i;
}

template <Shuffle mode> void shuffle(Warp& w, const Instruction& in, Mask mask) {
  if (!all_arrived(w, in, mask, w.source<u32>(in.extra[0]))) return;
  const u32 *const a = w.source<u32>(in.a), *const b = w.source<u32>(in.b),
                   *const c = w.source<u32>(in.c);
  int from[lanes];
  u32 values[lanes];
  Mask all_inside = 0;
  for (int i = 0; i < lanes; ++i) {
    bool inside;
    from[i] = shuffled<mode>(i, b[i], c[i], inside);
    all_inside |= static_cast<Mask>(inside) << i;
  }
  for (int i = 0; i < lanes; ++i) values[i] = a[from[i] & 31];
  if (options.check) observe_shuffle(w, in, mask, from);
  if (in.has_second) w.set_predicate(in.d2, all_inside, mask);
  write_lanes(w.reg<u32>(in.d), mask, [&](int i) { return values[i]; });
}

// ---- vote, match, redux: operand b names the members

/// The lanes whose values equal x.
template <class T> Mask find_equal(const T* values, T x) {
  Mask equal = 0;
  for (int i = 0; i < lanes; ++i) equal |= static_cast<Mask>(values[i] == x) << i;
  return equal;
}

/// Calls body(group) for each set of lanes that name the same members and execute together now; it
/// is usually one. Lanes that execute together but name different members are separate groups.
template <class Body> void for_groups(Warp& w, const Instruction& in, Mask mask, Body&& body) {
  u32 members[lanes];  // the destination may be the same register
  std::memcpy(members, w.source<u32>(in.b), sizeof members);
  if (!all_arrived(w, in, mask, members)) return;
  while (mask != 0) {
    const u32 named = members[first_lane(mask)];
    const Mask group = mask & find_equal(members, named);
    body(group);
    mask &= ~group;
  }
}

/// Each lane gets the votes of the members that it names.
void ballot(Warp& w, const Instruction& in, Mask mask) {
  const u32* const members = w.source<u32>(in.b);
  if (!all_arrived(w, in, mask, members)) return;
  const Mask yes = w.predicate_source(in.a) & mask;
  write_lanes(w.reg<u32>(in.d), mask, [=](int i) { return yes & members[i]; });
}

enum class Vote : u8 { all, any, uniform };

template <Vote vote> void do_vote(Warp& w, const Instruction& in, Mask mask) {
  const Mask value = w.predicate_source(in.a);
  for_groups(w, in, mask, [&](Mask group) {
    const Mask yes = value & group;
    const bool holds = vote == Vote::all   ? yes == group
                       : vote == Vote::any ? yes != 0
                                           : yes == 0 || yes == group;
    w.set_predicate(in.d, holds ? all_lanes : 0, group);
  });
}

/// match.any: the members with the lane's value. match.all: all members if they have the same
/// value, else none; the second destination says which.
template <class T, bool all> void match(Warp& w, const Instruction& in, Mask mask) {
  T a[lanes];
  std::memcpy(a, w.source<T>(in.a), sizeof a);
  u32* const d = w.reg<u32>(in.d);
  for_groups(w, in, mask, [&](Mask group) {
    for (Mask left = group; left != 0;) {
      const Mask equal = group & find_equal(a, a[first_lane(left)]);
      if (all && in.has_second) w.set_predicate(in.d2, equal == group ? all_lanes : 0, group);
      for_lanes(equal, [&](int i) { d[i] = all && equal != group ? 0 : equal; });
      left &= ~equal;
    }
  });
}

template <class T, T (*F)(T, T)> void reduce(Warp& w, const Instruction& in, Mask mask) {
  const T* const a = w.source<T>(in.a);
  for_groups(w, in, mask, [&](Mask group) {
    T result = a[first_lane(group)];
    for_lanes(group & (group - 1), [&](int i) { result = F(result, a[i]); });
    write_lanes(w.reg<T>(in.d), group, [=](int) { return result; });
  });
}

void active_mask(Warp& w, const Instruction& in, Mask mask) {
  write_lanes(w.reg<u32>(in.d), mask, [=](int) { return mask; });
}

// ---- the choice of a handler

constexpr Form forms[] = {
    {"shfl.up.b32", shuffle<Shuffle::up>},
    {"shfl.down.b32", shuffle<Shuffle::down>},
    {"shfl.bfly.b32", shuffle<Shuffle::butterfly>},
    {"shfl.idx.b32", shuffle<Shuffle::index>},
    {"vote.all.pred", do_vote<Vote::all>},
    {"vote.any.pred", do_vote<Vote::any>},
    {"vote.uni.pred", do_vote<Vote::uniform>},
    {"vote.ballot.b32", ballot},
    {"match.any.b32", match<u32, false>},
    {"match.any.b64", match<u64, false>},
    {"match.all.b32", match<u32, true>},
    {"match.all.b64", match<u64, true>},
    {"redux.add.u32", reduce<u32, add<u32>>},
    {"redux.add.s32", reduce<u32, add<u32>>},
    {"redux.min.u32", reduce<u32, least<u32>>},
    {"redux.min.s32", reduce<i32, least<i32>>},
    {"redux.max.u32", reduce<u32, greatest<u32>>},
    {"redux.max.s32", reduce<i32, greatest<i32>>},
    {"redux.and.b32", reduce<u32, bit_and<u32>>},
    {"redux.or.b32", reduce<u32, bit_or<u32>>},
    {"redux.xor.b32", reduce<u32, bit_xor<u32>>},
    {"activemask.b32", active_mask},
};

Handler select(const Opcode& opcode, Instruction&) {
  if (opcode.has("sync") == (opcode.name == "activemask")) return nullptr;
  return find_form(forms, std::string(opcode.name) + "." + form_of(opcode, "sync"));
}

constexpr Signature table[] = {
    {"shfl", "=T|p b32 b32 b32 b32", Class::sync, select},
    {"vote", "=T pred u32", Class::sync, select},
    {"match", "=b32|p T u32", Class::sync, select},
    {"redux", "=T T u32", Class::sync, select},
    {"activemask", "=T", Class::sync, select},
};

}  // namespace

std::span<const Signature> warp_instructions() { return table; }

}  // namespace vgpu
