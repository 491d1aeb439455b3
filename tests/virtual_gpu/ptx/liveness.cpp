// SPDX-License-Identifier: MIT
// Liveness over basic blocks, then slots by linear scan, one pool for each size of register.
//
// Lanes that diverge share the frame but not its contents: every handler writes only the lanes of
// its mask, so the control flow of a single lane is what counts.
#include <algorithm>
#include <limits>
#include <map>

#include "machine/warp.h"
#include "ptx/builder.h"

namespace vgpu {

namespace {

/// A set of registers, as bits.
struct Set {
  std::vector<u64> words;
  explicit Set(std::size_t registers) : words((registers + 63) / 64) {}
  bool has(u32 reg) const { return words[reg / 64] >> (reg % 64) & 1; }
  void add(u32 reg) { words[reg / 64] |= u64{1} << (reg % 64); }
};

struct BasicBlock {
  u32 begin, end;
  std::vector<u32> next;  // blocks that may follow
  Set live_in, replaces;  // replaces: written in all lanes, whatever was there before
};

/// The positions at which a register holds a value: an instruction reads at twice its index, and
/// writes one later.
struct Interval {
  u32 begin = std::numeric_limits<u32>::max(), end = 0;
  void include(u32 position) {
    begin = std::min(begin, position);
    end = std::max(end, position);
  }
};

/// Where an instruction may jump to.
std::vector<i32> targets(const Function& function, const Instruction& in) {
  if (in.run == branch) return {in.target};
  if (in.run == branch_indexed) return function.branch_tables[static_cast<u32>(in.target)];
  return {};
}

bool ends_block(const Instruction& in) {
  return in.run == branch || in.run == branch_indexed || in.run == exit_lanes ||
         in.run == return_from;
}

std::vector<BasicBlock> find_blocks(const Function& function, std::size_t registers) {
  const auto& code = function.code;
  std::vector<bool> leads(code.size() + 1);
  leads[0] = leads[code.size()] = true;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (ends_block(code[i])) leads[i + 1] = true;
    for (const i32 target : targets(function, code[i])) leads[static_cast<u32>(target)] = true;
  }
  std::vector<BasicBlock> blocks;
  std::vector<u32> block_at(code.size());
  const Set empty(registers);
  for (u32 i = 0; i < code.size(); ++i) {
    if (leads[i]) blocks.push_back({i, i, {}, empty, empty});
    blocks.back().end = i + 1;
    block_at[i] = static_cast<u32>(blocks.size() - 1);
  }
  for (BasicBlock& block : blocks) {
    const Instruction& last = code[block.end - 1];
    for (const i32 target : targets(function, last))
      block.next.push_back(block_at[static_cast<u32>(target)]);
    const bool may_pass = !ends_block(last) || last.guard >= 0;
    if (may_pass && block.end < code.size()) block.next.push_back(block_at[block.end]);
  }
  return blocks;
}

/// Notes what a block reads before it writes it, and what it surely writes. A guarded write leaves
/// the old value in some lanes.
void read_references(const Function& function, const std::vector<Reference>& all,
                     std::vector<BasicBlock>& blocks) {
  auto block = blocks.begin();
  for (std::size_t first = 0, last = 0; first < all.size(); first = last) {
    const u32 at = all[first].instruction;
    while (at >= block->end) ++block;
    for (; last < all.size() && all[last].instruction == at; ++last)
      if (!all[last].is_definition && !block->replaces.has(all[last].reg))
        block->live_in.add(all[last].reg);
    if (function.code[at].guard >= 0) continue;
    for (std::size_t i = first; i < last; ++i)
      if (all[i].is_definition) block->replaces.add(all[i].reg);
  }
}

void propagate(std::vector<BasicBlock>& blocks) {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
      auto& in = block->live_in.words;
      for (const u32 next : block->next)
        for (std::size_t i = 0; i < in.size(); ++i) {
          const u64 needed = blocks[next].live_in.words[i] & ~block->replaces.words[i];
          changed |= (needed & ~in[i]) != 0;
          in[i] |= needed;
        }
    }
  }
}

std::vector<Interval> find_intervals(const Function& function, const RegisterUses& uses) {
  auto blocks = find_blocks(function, uses.bytes.size());
  read_references(function, uses.references, blocks);
  propagate(blocks);
  std::vector<Interval> result(uses.bytes.size());
  const auto include = [&](const Set& set, u32 position) {
    for (std::size_t i = 0; i < set.words.size(); ++i)
      for (u64 bits = set.words[i]; bits != 0; bits &= bits - 1)
        result[i * 64 + static_cast<u32>(std::countr_zero(bits))].include(position);
  };
  for (const BasicBlock& block : blocks) {
    include(block.live_in, 2 * block.begin);
    for (const u32 next : block.next) include(blocks[next].live_in, 2 * block.end);
  }
  for (const Reference& r : uses.references)
    result[r.reg].include(2 * r.instruction + (r.is_definition && !r.is_early));
  return result;
}

/// Slots of one size.
struct Pool {
  std::vector<u32> ends;  // of the interval that was last in each slot
  u32 begin = 0;          // in the frame

  u32 take(const Interval& interval) {
    auto slot =
        std::find_if(ends.begin(), ends.end(), [&](const u32 end) { return end < interval.begin; });
    if (slot == ends.end()) slot = ends.insert(slot, 0);
    *slot = interval.end;
    return static_cast<u32>(slot - ends.begin());
  }
};

}  // namespace

void place_registers(Function& function, const RegisterUses& uses) {
  const auto intervals = find_intervals(function, uses);
  std::vector<u32> order;
  for (u32 reg = 0; reg < intervals.size(); ++reg)
    if (intervals[reg].begin <= intervals[reg].end) order.push_back(reg);
  std::sort(order.begin(), order.end(),
            [&](u32 a, u32 b) { return intervals[a].begin < intervals[b].begin; });

  std::map<u16, Pool> pools;  // by size
  std::vector<u32> slots(intervals.size());
  for (const u32 reg : order) slots[reg] = pools[uses.bytes[reg]].take(intervals[reg]);
  function.register_bytes = function.register_slots = 0;
  for (auto& [bytes, pool] : pools) {
    pool.begin = function.register_bytes;
    const auto count = static_cast<u32>(pool.ends.size());
    function.register_bytes = round_up(pool.begin + count * bytes, 64);
    function.register_slots += count;
  }
  function.virtual_registers = static_cast<u32>(order.size());

  for (const auto& [slot, reg, is_definition, is_early, instruction] : uses.references) {
    const u16 bytes = uses.bytes[reg];
    const auto offset = static_cast<Place>(pools[bytes].begin + slots[reg] * bytes);
    place_at(slot, function.code[instruction], function.operands) = offset;
  }
}

}  // namespace vgpu
