// SPDX-License-Identifier: MIT
// Mutation: small changes to the loaded program, made by name while functions are translated, to
// find out whether tests notice them. Nothing is compiled again.
//
// A mutation is KERNEL@FILE:LINE#N=CHANGE. It concerns functions whose (mangled) name contains
// KERNEL, and of those the N-th instruction, from 0, that comes from line LINE of a source file
// whose path ends in FILE; #N may be missing and is then 0. Of inlined code the line is the
// innermost one. The program must have been compiled with -lineinfo. CHANGE is one of:
//
//   swap        two sources change places: those of sub, div, rem, setp, selp, shf, the second and
//               third of mad and fma, of atom.cas the value compared and the new one
//   compare     lt and le, gt and ge, eq and ne, and their forms for unsigned and unordered values
//   opcode      add and sub, min and max, and and or, shl and shr; mul becomes add, fma and mad mul
//               without the addend, xor or, atom.add and red.add max; cvt rounds by rz, not rn
//   offset+K    the first memory operand moves by K elements; offset-K the other way
//   constant+1  the first source that is a number grows by one (not the number of a barrier)
//   drop        the instruction is left out: barriers, waits for copies, fences, stores,
//               reductions, guarded branches
//   negate      the guard is negated
#pragma once
#include <string>
#include <vector>

#include "ptx/program.h"

namespace vgpu {

/// Whether Options asks for mutations or for a list of what could be changed.
bool mutations_wanted();

/// Changes an instruction if a mutation names it, and lists what could be changed. False: it is
/// left out.
bool mutate(const Function&, const Location&, u32 index, Draft&);

/// Mutations that have changed nothing so far. A mutant that was never applied proves nothing, so a
/// program must not end without saying so.
std::vector<std::string> unused_mutations();

/// The changes that an instruction allows.
std::vector<std::string> possible_changes(const Draft&);

/// Makes a change; false if the instruction does not allow it. A dropped one loses its name.
bool apply_change(std::string_view change, Draft&);

}  // namespace vgpu
