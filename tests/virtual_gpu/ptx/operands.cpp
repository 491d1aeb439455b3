// SPDX-License-Identifier: MIT
// One instruction: finds the row of the table whose operands and types fit, and places its
// operands: registers, constants, addresses, vectors. What is none of these by itself - special
// registers, negated predicates, addresses that depend on the lane or the launch - is computed into
// a register by an instruction in front.
#include <algorithm>
#include <cstring>

#include "instructions/families.h"
#include "machine/options.h"
#include "ptx/builder.h"

namespace vgpu {

namespace {

u8 lane_bytes(u16 bytes) {
  return static_cast<u8>(bytes == sizeof(Mask) ? sizeof(Mask) : bytes / lanes);
}

Space space_of(const Opcode& opcode) {
  for (const auto modifier : opcode.modifiers)
    if (const Space space = space_named(modifier.substr(0, modifier.find(':')));
        space != Space::generic)
      return space;
  return Space::generic;
}

u8 order_of(const Opcode& opcode) {
  const bool both = opcode.has("acq_rel") || opcode.has("sc");
  u8 order = opcode.has("volatile") || opcode.has("relaxed") ? strong : weak;
  if (both || opcode.has("acquire")) order |= strong | acquires;
  if (both || opcode.has("release")) order |= strong | releases;
  return order;
}

}  // namespace

void Builder::translate() {
  const auto rows = rows_named(draft_.opcode.name);
  for (const SignatureRow& row : rows) {
    if (!fits(row, draft_.operands)) continue;
    begin();
    place_operands(row);
    if (has_wrong_width_) continue;
    current_.in.run = row.signature->select(draft_.opcode, current_.in);
    if (current_.in.run != nullptr) return emit();
  }
  bad(rows.empty() ? "unknown instruction" : "this form of the instruction is not implemented");
}

/// Starts the current instruction with its guard.
void Builder::begin() {
  current_ = {};
  before_.clear();
  sources_ = addresses_ = 0;
  has_wrong_width_ = false;
  current_.in.guard_negated = draft_.guard_negated;
  if (draft_.guard.empty()) return;
  const auto reg = find_register(draft_.guard);
  if (!reg) bad("unknown guard");
  check_width(*reg, sizeof(Mask));
  refer({&Instruction::guard}, *reg, false);
}

/// Enters the current instruction into the function, and those in front of it.
void Builder::emit() {
  if (has_wrong_width_) bad("a register of another width");
  // What was computed for a mov goes where the mov would bring it.
  const bool is_move = draft_.opcode.name == "mov" && before_.size() == 1 && sources_ == 1 &&
                       current_.extra.empty() && draft_.guard.empty();
  if (is_move) before_[0].references[0].reg = current_.references[0].reg;
  for (const Built& built : before_) append(built);
  if (!is_move) append(current_);
  before_.clear();
}

void Builder::append(const Built& built) {
  const auto index = static_cast<u32>(function_.code.size());
  const auto first = static_cast<u32>(function_.operands.size());
  const auto definitions =
      std::count_if(built.references.begin(), built.references.end(),
                    [](const Reference& reference) { return reference.is_definition; });
  for (Reference reference : built.references) {
    reference.slot.index += first;
    reference.is_early = definitions > 1 || built.extra.size() > 1;
    reference.instruction = index;
    uses_.references.push_back(reference);
  }
  function_.operands.insert(function_.operands.end(), built.extra.begin(), built.extra.end());
  Instruction& in = function_.code.emplace_back(built.in);
  in.line = line_;
  in.location = location_;
  in.count = static_cast<u8>(built.extra.size());
  if (built.extra.size() > 255) bad("too many operands");
}

void Builder::place_operands(const SignatureRow& row) {
  Instruction& in = current_.in;
  const Opcode& opcode = draft_.opcode;
  in.size = opcode.types.empty() ? 0 : static_cast<u8>(size_of(opcode.type()));
  in.space = space_of(opcode);
  in.order = order_of(opcode);
  in.cls = row.signature->cls;
  for (std::size_t i = 0; i < draft_.operands.size(); ++i) {
    const OperandWord& word = row.words[i];
    auto text = draft_.operands[i];
    const Type type = type_of(word);
    if (word.kind == OperandWord::Kind::address) {
      place_address(text);
    } else if (word.kind == OperandWord::Kind::number) {
      // Behind an address, `immediate` is taken by its offset.
      const i64 value = parse_integer(text).value();
      if (addresses_ == 0)
        in.immediate = value;
      else
        in.target = static_cast<i32>(value);
    } else if (word.kind == OperandWord::Kind::vector) {
      place_vector(text, type, word.is_destination);
      in.sources += !word.is_destination;
    } else if (word.is_destination) {
      const std::size_t bar = text.find('|');
      const auto first = trim(text.substr(0, bar));
      note_width(place_destination({&Instruction::d}, first, register_bytes(type)), true);
      in.has_second = bar != std::string_view::npos;
      if (in.has_second)
        place_destination({&Instruction::d2}, trim(text.substr(bar + 1)), sizeof(Mask));
    } else {
      note_width(place_source(next_slot(true), text, type, register_bytes(type)), false);
      ++in.sources;
    }
  }
  if (in.width == 0) in.width = in.source_width;
  in.count = static_cast<u8>(current_.extra.size());
}

Type Builder::type_of(const OperandWord& word) const {
  const Opcode& opcode = draft_.opcode;
  if (word.letter == 0) return word.type;
  if (word.letter == 'S') return opcode.type(opcode.types.size() > 1 ? 1 : 0);
  // The next one in the order of Type is twice as wide.
  if (word.letter == 'W' && opcode.has("wide"))
    return static_cast<Type>(static_cast<u8>(opcode.type()) + 1);
  return opcode.type();
}

/// Where the next source goes: a scalar into a, b or c, anything else into a new place of extra.
Slot Builder::next_slot(bool is_scalar) {
  constexpr Place Instruction::*fields[] = {&Instruction::a, &Instruction::b, &Instruction::c};
  if (is_scalar && sources_ < 3) return {fields[sources_++]};
  current_.extra.push_back(0);
  return {nullptr, static_cast<u32>(current_.extra.size() - 1)};
}

void Builder::set(Slot slot, Place place) { place_at(slot, current_.in, current_.extra) = place; }

void Builder::refer(Slot slot, u32 reg, bool is_definition) {
  current_.references.push_back({slot, reg, is_definition});
  set(slot, static_cast<Place>(reg));
}

/// A value for all lanes. Constants are aligned to cache lines and used again.
Place Builder::constant(u16 bytes, u64 bits) {
  auto& lines = function_.constants;
  const std::size_t begin = lines.size();
  const auto place = ~static_cast<Place>(begin * sizeof(CacheLine));
  const auto [entry, is_new] = constants_.try_emplace({bytes, bits}, place);
  if (!is_new) return entry->second;
  lines.resize(begin + std::max<std::size_t>(bytes / sizeof(CacheLine), 1));
  u8* const to = reinterpret_cast<u8*>(&lines[begin]);
  const std::size_t size = lane_bytes(bytes);
  if (bytes == sizeof(Mask))
    std::memset(to, bits != 0 ? 0xff : 0, size);
  else
    for (std::size_t lane = 0; lane < lanes; ++lane)
      std::memcpy(to + lane * size, &bits, std::min(size, sizeof bits));
  return place;
}

/// A new instruction in front of the current one; it writes the register at `slot`.
Instruction& Builder::compute(Slot slot, u16 bytes) {
  const u32 result = new_registers(bytes);
  refer(slot, result, false);
  Built& built = before_.emplace_back();
  built.in.cls = Class::move;
  built.in.width = lane_bytes(bytes);
  built.references.push_back({{&Instruction::d}, result, true});
  return built.in;
}

/// Only loads, stores and conversions may use registers that are wider than the type. Any other
/// difference means that this row is not meant. Returns the register's size.
u16 Builder::check_width(u32 reg, u16 expected) {
  const u16 bytes = uses_.bytes[reg];
  const bool may_be_wider = is_in(draft_.opcode.name, "ld ldu st cvt") && expected != sizeof(Mask);
  has_wrong_width_ |= may_be_wider ? bytes < expected : bytes != expected;
  return bytes;
}

/// Notes the width of the first destination, or of the first source.
void Builder::note_width(u16 bytes, bool is_destination) {
  u8& width = is_destination ? current_.in.width : current_.in.source_width;
  if (width == 0) width = lane_bytes(bytes);
}

/// Returns the size of the register or constant.
u16 Builder::place_source(Slot slot, std::string_view text, Type type, u16 bytes) {
  if (const auto reg = find_register(text)) {
    refer(slot, *reg, false);
    return check_width(*reg, bytes);
  }
  if (const auto bits = parse_number(text, type)) {
    set(slot, constant(bytes, *bits));
  } else if (text.starts_with('!')) {
    const auto reg = find_register(trim(text.substr(1)));
    if (!reg || type != Type::pred) bad("negated operand");
    compute(slot, bytes).run = negate_predicate;
    before_.back().references.push_back({{&Instruction::a}, *reg});
  } else if (text.starts_with('%')) {
    Instruction& in = compute(slot, bytes);
    in.run = special_register(text, in);
    if (in.run == nullptr) bad("unknown register");
  } else {
    place_symbol(slot, text, bytes);
  }
  return bytes;
}

/// The address of a variable or function, with an offset. Where it depends on the lane or the
/// launch, an instruction writes it.
void Builder::place_symbol(Slot slot, std::string_view text, u16 bytes) {
  const auto offset = cut_offset(text);
  const auto symbol = find_symbol(text);
  if (!symbol || !offset) bad("unknown operand");
  const i64 address = static_cast<i64>(symbol->address) + *offset;
  AddressKind kind = address_dynamic_shared;
  if (symbol->space == Space::local)
    kind = address_local;
  else if (symbol->space == Space::param)
    kind = address_parameter;
  else if (symbol->space == Space::call)
    kind = address_call;
  else if (!symbol->is_dynamic)
    return set(slot, constant(bytes, static_cast<u64>(address)));
  Instruction& in = compute(slot, bytes);
  in.run = move_address;
  in.target = kind;
  in.immediate = address;
  in.offset2 = static_cast<i32>(symbol->size);
}

/// "[base + offset]", the base being a register, a symbol, a number or a parameter.
void Builder::place_address(std::string_view text) {
  auto base = next_group(text);
  const auto cut = cut_offset(base);
  const Slot slot = next_slot(true);
  if (base.empty() || !cut || slot.field == nullptr) bad("address");
  i64 offset = *cut;
  Instruction& in = current_.in;
  AddressForm form = AddressForm::wide;
  if (const auto reg = find_register(base)) {
    const u16 bytes = uses_.bytes[*reg];
    if (bytes != 4 * lanes && bytes != 8 * lanes) bad("width of an address");
    if (bytes == 4 * lanes) form = AddressForm::narrow;
    refer(slot, *reg, false);
    // A parameter whose address was taken lies in generic memory.
    if (in.space == Space::param) in.space = Space::generic;
  } else if (const auto value = parse_integer(base)) {
    set(slot, constant(8 * lanes, static_cast<u64>(*value)));
  } else if (in.space == Space::param) {
    const auto symbol = find_symbol(base);
    if (!symbol || (symbol->space != Space::param && symbol->space != Space::call))
      bad("unknown parameter");
    in.space = symbol->space;
    offset += static_cast<i64>(symbol->address);
    if (in.space == Space::call) in.target = static_cast<i32>(symbol->size);
  } else {
    place_symbol(slot, base, 8 * lanes);
  }
  if (addresses_++ == 0) {
    in.immediate = offset;
    in.form = form;
  } else {
    in.offset2 = static_cast<i32>(offset);
    if (form != AddressForm::wide) bad("the second address must have 64 bits");
  }
}

/// Returns the size of the register. `_` is one that nobody reads.
u16 Builder::place_destination(Slot slot, std::string_view name, u16 bytes) {
  const auto reg = name == "_" ? new_registers(bytes) : find_register(name);
  if (!reg) bad("unknown destination");
  refer(slot, *reg, true);
  return check_width(*reg, bytes);
}

/// A list in braces, or one register. Constants and sinks among registers are as wide as those.
void Builder::place_vector(std::string_view text, Type type, bool is_destination) {
  std::vector<std::string_view> elements = {text};
  if (text.starts_with('{')) elements = split(next_group(text));
  u16 bytes = register_bytes(type);
  // mov packs and unpacks: the type is that of all elements together.
  if (draft_.opcode.name == "mov" && elements.size() > 1)
    bytes = static_cast<u16>(std::max<std::size_t>(bytes / elements.size(), 2 * lanes));
  for (const auto element : elements)
    if (const auto reg = find_register(element)) bytes = check_width(*reg, bytes);
  note_width(bytes, is_destination);
  for (const auto element : elements) {
    if (is_destination)
      place_destination(next_slot(false), element, bytes);
    else
      place_source(next_slot(false), element, type, bytes);
  }
}

}  // namespace vgpu
