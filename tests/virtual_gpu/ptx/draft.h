// SPDX-License-Identifier: MIT
// An instruction of the text, taken apart but not yet translated. Mutation works on this.
#pragma once
#include <string_view>
#include <vector>

#include "ptx/program.h"

namespace vgpu {

struct Draft {
  Opcode opcode;
  std::vector<std::string_view> operands;
  std::string_view guard;  // the predicate's name; empty: none
  bool guard_negated = false;
};

/// Takes an instruction apart.
void parse_instruction(std::string_view text, Draft&);

/// Fills an opcode with the parts of "ld.global.v2.f32".
void parse_opcode(std::string_view text, Opcode&);

}  // namespace vgpu
