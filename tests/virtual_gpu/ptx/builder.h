// SPDX-License-Identifier: MIT
// The translation of functions, and its parts: declarations (module.cpp), the table of signatures
// (signatures.cpp), the statements of a body and control flow (body.cpp), instructions and operands
// (operands.cpp), and registers (liveness.cpp).
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ptx/lexer.h"

namespace vgpu {

// ---- declarations of variables and parameters: ".shared .align 16 .b8 name[128]"

struct Declaration {
  std::string_view name, initialiser;
  Space space = Space::generic;
  Type type = Type::none;
  u32 align = 0;
  u32 size = 0;
  bool is_extern = false;
};

/// Null if the text is no declaration.
std::optional<Declaration> parse_declaration(std::string_view text);

/// Gives a variable of .global or .const its memory and its initial value, which may name symbols
/// and functions of the module.
Symbol place_variable(const Module&, const Declaration&);

// ---- the table of instructions

/// A word of Signature::operands.
struct OperandWord {
  enum class Kind : u8 { value, vector, address, number };
  Kind kind = Kind::value;
  bool is_destination = false, has_second = false, is_optional = false;
  char letter = 0;  // T, S or W; 0: `type` says it
  Type type = Type::none;
};

struct SignatureRow {
  const Signature* signature = nullptr;
  std::vector<OperandWord> words;
};

/// Takes a row's words apart; ends the program if one makes no sense.
SignatureRow parse_signature(const Signature&);

/// Whether operands fit a row by form.
bool fits(const SignatureRow&, std::span<const std::string_view> operands);

/// All rows with a name, in the order of the tables.
std::span<const SignatureRow> rows_named(std::string_view name);

// ---- registers: many and short-lived. Each gets a slot of the frame for as long as its value is
// needed, so that a warp's registers stay in the first-level cache.

/// Where an instruction names an operand.
struct Slot {
  Place Instruction::*field = nullptr;  // null: in Instruction::extra
  u32 index = 0;                        // in Function::operands
};

inline Place& place_at(Slot slot, Instruction& in, std::vector<Place>& operands) {
  return slot.field != nullptr ? in.*slot.field : operands[slot.index];
}

struct Reference {
  Slot slot;
  u32 reg = 0;
  bool is_definition = false;
  bool is_early = false;  // a definition that may be written before all operands are read
  u32 instruction = 0;
};

/// What is known of a function's registers before they are placed.
struct RegisterUses {
  std::vector<u16> bytes;             // of each register: 4, 64, 128, 256 or 512
  std::vector<Reference> references;  // in the order of the instructions
};

/// Places the registers and enters their offsets into the instructions. Sets register_bytes,
/// virtual_registers and register_slots.
void place_registers(Function&, const RegisterUses&);

// ---- the body of one function

class Builder {
 public:
  explicit Builder(Function&);
  void build();

 private:
  /// "%r<20>"; count 0: a single register of that name.
  struct Registers {
    std::string_view name;
    u16 bytes;
    u32 first, count;
  };
  /// A branch, or an entry of a branch table, whose label has not been found yet.
  struct Jump {
    std::string_view label;
    i32 table;  // -1: a branch
    u32 index;  // of the instruction, or within the table
  };
  struct Scope {
    std::vector<Registers> registers;
    std::vector<std::pair<std::string_view, Symbol>> symbols;
  };
  /// An instruction, with what will be entered into the function along with it.
  struct Built {
    Instruction in;
    std::vector<Reference> references;
    std::vector<Place> extra;
  };

  [[noreturn]] void bad(const char* why) const;

  // ---- body.cpp
  void directive(std::string_view text);
  void location(std::string_view rest);
  void declare_registers(std::string_view rest);
  void declare_variable(const Declaration&);
  u32 call_variable(std::string_view name, u32 bytes);
  u32 new_registers(u16 bytes, u32 count = 1);
  std::optional<u32> find_register(std::string_view name) const;
  std::optional<Symbol> find_symbol(std::string_view name) const;
  void label(std::string_view name);
  void branch_targets(std::string_view labels);
  void instruction(std::string_view text);
  bool control_flow();
  void call_function();
  Place add_call_operands(std::string_view list);
  void finish();

  // ---- operands.cpp
  void translate();
  void begin();
  void emit();
  void append(const Built&);
  void place_operands(const SignatureRow&);
  Type type_of(const OperandWord&) const;
  Slot next_slot(bool is_scalar);
  void set(Slot slot, Place place);
  void refer(Slot slot, u32 reg, bool is_definition);
  Place constant(u16 bytes, u64 bits);
  Instruction& compute(Slot slot, u16 bytes);
  u16 check_width(u32 reg, u16 expected);
  void note_width(u16 bytes, bool is_destination);
  u16 place_source(Slot slot, std::string_view text, Type type, u16 bytes);
  void place_symbol(Slot slot, std::string_view text, u16 bytes);
  void place_address(std::string_view text);
  u16 place_destination(Slot slot, std::string_view name, u16 bytes);
  void place_vector(std::string_view text, Type type, bool is_destination);

  Function& function_;
  Module& module_;
  std::vector<Scope> scopes_;
  std::unordered_map<std::string_view, i32> labels_, table_numbers_;
  std::vector<Jump> jumps_;
  RegisterUses uses_;
  std::map<std::pair<u16, u64>, Place> constants_;                  // by size and bits
  std::map<std::pair<std::string_view, u32>, u32> call_variables_;  // offsets, by name and size
  std::map<std::pair<u32, u32>, u32> instructions_of_line_;  // by file and line, for mutation

  // The instruction being translated.
  std::string_view statement_, last_label_;
  u32 line_ = 0, location_ = 0;
  Draft draft_;
  Built current_;
  std::vector<Built> before_;  // instructions in front of it, which compute operands
  u8 sources_ = 0;             // of a, b, c and extra that scalars and addresses have taken
  u8 addresses_ = 0;           // among them
  bool has_wrong_width_ = false;
};

/// Bytes of a register that holds a type: a mask for predicates; nothing is narrower than 16 bits.
inline u16 register_bytes(Type type) {
  if (type == Type::pred) return sizeof(Mask);
  return static_cast<u16>(lanes * (size_of(type) < 2 ? 2 : size_of(type)));
}

}  // namespace vgpu
