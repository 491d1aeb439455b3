// SPDX-License-Identifier: MIT
// Counters by kernel and by instruction, as a table or as JSON.
#pragma once
#include <cstdio>

#include "machine/warp.h"

namespace vgpu {

/// Adds a memory access to the counters of its instruction: lanes, and distinct sectors of 32 bytes
/// or wavefronts of shared memory, each against the fewest that its bytes need.
void count_access(Warp&, const Instruction&, Mask, const u64* addresses, u32 bytes);

/// A multiplication of the tensor cores. One of whose operands A and B all elements are zero is
/// work for nothing, as that on padding is.
void count_product(Warp&, const Instruction&, bool has_zero_operand);

/// A launch has ended; `executed` are the executions of each instruction, by function.
void count_launch(const Launch&);

void print_counters(std::FILE*);
void write_counters_json(std::FILE*);

}  // namespace vgpu
