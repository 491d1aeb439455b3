// SPDX-License-Identifier: MIT
// A loaded program: modules, their functions and variables, and the compact form of an instruction
// that the machine executes.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "machine/types.h"

namespace vgpu {

struct Warp;
struct Instruction;
struct Function;
struct Module;

/// Executes one instruction for the lanes of a mask, which is never empty.
using Handler = void (*)(Warp&, const Instruction&, Mask);

/// How the base of a memory operand is given: a register of 64 or of 32 bits.
enum class AddressForm : u8 { wide, narrow };

/// Bits of Instruction::order: what a memory access or fence orders.
enum Order : u8 { weak = 0, strong = 1, acquires = 2, releases = 4 };

/// An operand that is a register or a constant: >= 0 a byte offset into the frame's registers, < 0
/// the complement of a byte offset into the function's constants. Both hold a value per lane.
using Place = i32;

struct Instruction {
  Handler run = nullptr;
  const Place* extra = nullptr;  // further operands: vectors, and scalars beyond the third source
  i64 immediate = 0;             // offset of the address, or what the handler was told
  Place d = 0, a = 0, b = 0, c = 0;  // destination and sources
  Place d2 = 0;         // second destination, a predicate; has_second says if it counts
  i32 guard = -1;       // offset of the predicate that guards it; -1: none
  i32 target = 0;       // branch target, branch table, callee, or a handler's own
  i32 offset2 = 0;      // offset of the second address (cp.async)
  u8 count = 0;         // operands in `extra`
  u8 size = 0;          // bytes of the first type of the opcode
  u8 width = 0;         // bytes of the destination register, or of the one stored
  u8 source_width = 0;  // bytes of the first source register
  u8 sources = 0;       // sources that were given (optional ones may be missing)
  u8 flags = 0;         // the handler's own
  u8 order = weak;
  bool has_second = false;
  bool guard_negated = false;
  Space space = Space::generic;
  AddressForm form = AddressForm::wide;
  Class cls = Class::integer;
  u32 line = 0;      // line of the PTX text
  u32 location = 0;  // index into Function::locations
};

/// An opcode taken apart: "ld.global.v2.f32" is the name "ld" and three modifiers.
struct Opcode {
  std::string_view name;
  std::vector<std::string_view> modifiers;
  std::vector<Type> types;  // the modifiers that are types, in order

  bool has(std::string_view modifier) const {
    for (const auto m : modifiers)
      if (m == modifier) return true;
    return false;
  }
  Type type(std::size_t i = 0) const { return i < types.size() ? types[i] : Type::none; }
};

/// An instruction of the text, taken apart but not yet translated. Mutation works on this.
struct Draft {
  Opcode opcode;
  std::vector<std::string_view> operands;
  std::string_view guard;  // the predicate's name; empty: none
  bool guard_negated = false;
};

/// One row of the table of instructions. `operands` says what stands behind the opcode, in words
/// separated by blanks:
///
///   X        a source of type X
///   =X       a destination; =X|p may have a second one, a predicate, behind a bar
///   {X} ={X} a vector: a list in braces, or a single register
///   [a]      an address: register, symbol or number, with an offset
///   #        a number, stored in Instruction::immediate; behind an address, in target
///   ?        before the last words: the operand may be missing
///
/// X is a PTX type (b16, u32, pred, ...), or T the first type of the opcode, S the second (T if it
/// has only one), W the type twice as wide as T if the opcode says .wide, else T. The elements of a
/// vector of mov, which packs or unpacks, share the bytes of T.
///
/// Destinations are placed in d (and d2); sources and the bases of addresses in a, b, c, in order;
/// vectors, and sources beyond the third, in extra. Of several rows with one name the first whose
/// operands fit by form (number, braces, brackets) is taken.
struct Signature {
  std::string_view name;
  std::string_view operands;
  Class cls;
  /// Chooses the handler. It sees the instruction with sizes, widths, counts, space and order
  /// filled in, and may set immediate, target, flags and cls. Null: this form is not implemented.
  Handler (*select)(const Opcode&, Instruction&);
};

struct Parameter {
  std::string name;
  u32 size = 0, align = 1;
  u32 offset = 0;  // in the launch's parameters, or in the frame's area for calls
};

/// A place in the CUDA source, from a .loc directive; the call site too where code was inlined.
struct Location {
  u32 file = 0, line = 0, call_file = 0, call_line = 0;
};

struct alignas(64) CacheLine {
  u8 bytes[64] = {};
};

/// Counters of one instruction, summed over launches.
struct Counts {
  u64 executed = 0, lanes = 0, sectors = 0, ideal_sectors = 0, wavefronts = 0, ideal_wavefronts = 0;
  u64 zero_products = 0;  // tensor core instructions of which an operand is all zeros
};

struct Function {
  Module* module = nullptr;
  std::string name;
  std::string_view text;  // the body, parsed when the function is first needed
  u32 first_line = 0;
  bool is_entry = false, is_external = false, is_parsed = false;

  std::vector<Parameter> parameters, results;
  std::vector<Instruction> code;
  std::vector<Place> operands;       // what Instruction::extra points into
  std::vector<CacheLine> constants;  // broadcast to all lanes
  std::vector<std::vector<i32>> branch_tables;
  std::vector<Location> locations;
  std::vector<Function*> callees;

  // A frame holds registers, then room for call parameters, then local memory. Call parameters are
  // [variable][lane]: of a variable with offset o and size s, lane i has the s bytes from
  // memory + register_bytes + o + i * s. A memory operand in Space::call has
  // immediate = o + the offset within the variable, and target = s. Local memory is [lane]:
  // offset o of lane i lies at memory + register_bytes + lanes * call_bytes + i * local_bytes + o.
  u32 register_bytes = 0;        // multiple of 64
  u32 call_bytes = 0;            // a lane's; multiple of 16
  u32 local_bytes = 0;           // a lane's; multiple of 16
  u32 shared_bytes = 0;          // end of static shared memory, which begins at shared_begin
  u32 parameter_bytes = 0;       // of an entry
  u32 most_threads = 0;          // .maxntid; 0: not given
  u32 dynamic_limit = 48 << 10;  // dynamic shared memory that a launch may ask for
  u32 virtual_registers = 0, register_slots = 0;

  std::vector<Counts> counts;
  u64 launches = 0, blocks = 0, barriers = 0;
  double seconds = 0;

  u32 frame_bytes() const {
    return round_up(register_bytes + lanes * (call_bytes + local_bytes), 64);
  }
};

/// Offsets of shared memory begin here: the first KiB belongs to the system, as on the device.
inline constexpr u32 shared_begin = 1024;

struct Symbol {
  Space space = Space::global;
  u64 address = 0;  // in the space
  u64 size = 0;
  bool is_dynamic = false;  // extern __shared__: behind the static shared memory of the kernel
};

struct Module {
  std::string text;
  std::vector<std::string> files;  // of .file, by number
  std::vector<std::size_t> lines;  // where each line of the text begins
  std::unordered_map<std::string, std::unique_ptr<Function>> functions;
  std::unordered_map<std::string, Symbol> symbols;

  std::string_view line_text(u32 line) const;
  /// A variable, or a function, whose space is the generic one; null: there is none.
  std::optional<Symbol> find(const std::string& name) const;
};

/// Reads a module: its variables get memory and their initial values, its functions are found.
/// Ends the program with the PTX line if it does not understand the text.
Module* load_module(std::string_view ptx);

/// Translates the body of a function and of those it calls, once. Safe from several threads.
void parse(Function&);

/// A function's address as device code sees it, and back (null: none).
u64 address_of(const Function&);
Function* function_at(u64 address);

}  // namespace vgpu
