// SPDX-License-Identifier: MIT
// The tables of instructions, one a family of files, and what the body parser and the machine use
// by itself: special registers, addresses as operands, negated predicates, the end of copies.
#pragma once
#include <span>
#include <string_view>

#include "machine/warp.h"

namespace vgpu {

std::span<const Signature> integer_instructions();
std::span<const Signature> float_instructions();
std::span<const Signature> half_instructions();
std::span<const Signature> convert_instructions();
std::span<const Signature> compare_instructions();
std::span<const Signature> move_instructions();
std::span<const Signature> load_store_instructions();
std::span<const Signature> atomic_instructions();
std::span<const Signature> warp_instructions();
std::span<const Signature> copy_async_instructions();
std::span<const Signature> tensor_instructions();
std::span<const Signature> control_instructions();

/// The handler that writes a special register ("%tid.x") to in.d, in.width bytes; it may set target
/// and immediate. Null: there is no such register.
Handler special_register(std::string_view name, Instruction& in);

/// What move_address writes, in Instruction::target; the offset is Instruction::immediate.
enum AddressKind : i32 {
  address_value,           // the immediate itself
  address_dynamic_shared,  // behind the static shared memory of the kernel
  address_local,           // a lane's local variable, generic
  address_parameter,       // an entry parameter, generic
  address_call,            // a call parameter in the frame, generic; offset2: its lane stride
};

/// Writes an address to in.d, in.width bytes.
void move_address(Warp&, const Instruction&, Mask);

/// For `keep` of complete_copies: leave none, committed or not.
inline constexpr u32 keep_nothing = ~0u;

/// Completes the lanes' asynchronous copies (cp.async), except for those of the `keep` groups
/// committed last and those not yet committed. Lanes that exit complete all of theirs.
void complete_copies(Warp&, Mask, u32 keep);

/// d = not a, for predicates.
void negate_predicate(Warp&, const Instruction&, Mask);

}  // namespace vgpu
