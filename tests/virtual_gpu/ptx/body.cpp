// SPDX-License-Identifier: MIT
// The body of a function: its statements, the names that it declares, and the instructions that
// change the flow of control.
#include <algorithm>
#include <mutex>

#include "machine/options.h"
#include "machine/warp.h"
#include "ptx/builder.h"
#include "ptx/mutate.h"

namespace vgpu {

Builder::Builder(Function& function) : function_(function), module_(*function.module) {
  function_.locations.emplace_back();
  auto& symbols = scopes_.emplace_back().symbols;
  for (auto* list : {&function_.parameters, &function_.results})
    for (Parameter& p : *list) {
      // Those of a function that is called lie in its frame, where the caller puts them.
      if (!function_.is_entry) p.offset = call_variable(p.name, p.size);
      const Space space = function_.is_entry ? Space::param : Space::call;
      symbols.push_back({p.name, {space, p.offset, p.size}});
    }
}

void Builder::bad(const char* why) const {
  unsupported("%s, PTX line %u: %s: '%s'", function_.name.c_str(), line_, why,
              std::string(statement_.substr(0, 200)).c_str());
}

void Builder::build() {
  using Kind = Statement::Kind;
  Scanner scanner(function_.text, function_.first_line);
  for (auto s = scanner.next(); s.kind != Kind::end; s = scanner.next()) {
    line_ = s.line;
    statement_ = s.text;
    if (s.kind == Kind::open)
      scopes_.emplace_back();
    else if (s.kind == Kind::close && scopes_.size() == 1)
      bad("a brace too many");
    else if (s.kind == Kind::close)
      scopes_.pop_back();
    else if (s.kind == Kind::label)
      label(s.text);
    else if (s.kind == Kind::directive)
      directive(s.text);
    else
      instruction(s.text);
  }
  finish();
}

void Builder::directive(std::string_view text) {
  auto rest = text;
  const auto word = next_word(rest);
  if (word == ".loc") return location(rest);
  if (word.starts_with(".reg")) return declare_registers(text.substr(4));  // or ".reg.b16 x"
  if (word == ".branchtargets") return branch_targets(rest);
  if (word == ".pragma" || word == ".callprototype") return;
  const auto declared = parse_declaration(text);
  if (!declared) bad("unknown directive");
  declare_variable(*declared);
}

/// .loc file line column, and perhaps: function_name NAME, inlined_at file line column
void Builder::location(std::string_view rest) {
  const auto number = [&rest] {
    return static_cast<u32>(parse_integer(next_word(rest)).value_or(0));
  };
  Location place;
  place.file = number();
  place.line = number();
  constexpr std::string_view inlined = "inlined_at";
  if (const std::size_t at = rest.find(inlined); at != std::string_view::npos) {
    rest.remove_prefix(at + inlined.size());
    place.call_file = number();
    place.call_line = number();
  }
  location_ = static_cast<u32>(function_.locations.size());
  function_.locations.push_back(place);
}

/// "pred %p<4>" or "b32 a, b".
void Builder::declare_registers(std::string_view rest) {
  const auto word = next_word(rest);
  const Type type = word.starts_with('.') ? type_named(word.substr(1)) : Type::none;
  if (type == Type::none) bad("register type");
  const u16 bytes = register_bytes(type);
  for (auto name : split(rest)) {
    Registers registers{next_name(name), bytes, 0, 0};
    if (name.starts_with('<') && name.ends_with('>')) {
      const auto count = parse_integer(name.substr(1, name.size() - 2));
      if (!count || *count < 1 || *count > 10'000'000) bad("range of registers");
      registers.count = static_cast<u32>(*count);
    } else if (!name.empty()) {
      bad("register");
    }
    registers.first = new_registers(bytes, std::max(registers.count, 1u));
    scopes_.back().registers.push_back(registers);
  }
}

void Builder::declare_variable(const Declaration& declared) {
  const u32 size = declared.size;
  const auto place = [&](u32& end) {
    const u32 begin = round_up(end, declared.align);
    end = begin + size;
    return begin;
  };
  Symbol symbol{declared.space, 0, size};
  if (declared.space == Space::param)
    symbol = {Space::call, call_variable(declared.name, size), size};
  else if (declared.space == Space::local)
    symbol.address = place(function_.local_bytes);
  else if (declared.space != Space::shared)
    symbol = place_variable(module_, declared);
  else if (declared.is_extern)
    symbol.is_dynamic = true;
  else if (function_.is_entry)
    symbol.address = place(function_.shared_bytes);
  else  // placed when the module was loaded
    symbol = module_.symbols.at(function_.name + "::" + std::string(declared.name));
  scopes_.back().symbols.emplace_back(declared.name, symbol);
}

/// Room for a call parameter. It is used again by those of the same name and size only: lanes that
/// have diverged may be in different calls, and each lane's part must stay where it is.
u32 Builder::call_variable(std::string_view name, u32 bytes) {
  const auto [entry, is_new] = call_variables_.try_emplace({name, bytes}, function_.call_bytes);
  if (is_new) function_.call_bytes = round_up(function_.call_bytes + bytes, 16);
  return lanes * entry->second;
}

/// Returns the first one.
u32 Builder::new_registers(u16 bytes, u32 count) {
  uses_.bytes.resize(uses_.bytes.size() + count, bytes);
  return static_cast<u32>(uses_.bytes.size()) - count;
}

std::optional<u32> Builder::find_register(std::string_view name) const {
  std::size_t digits = name.size();
  while (digits > 0 && is_digit(name[digits - 1])) --digits;
  const auto prefix = name.substr(0, digits);
  u32 number = 0;
  for (const char c : name.substr(digits)) number = number * 10 + static_cast<u32>(c - '0');
  const bool has_number = digits < name.size() && name.size() - digits < 9;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    for (const Registers& r : scope->registers)
      if (r.count == 0 ? r.name == name : has_number && number < r.count && r.name == prefix)
        return r.first + (r.count == 0 ? 0 : number);
  return std::nullopt;
}

std::optional<Symbol> Builder::find_symbol(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    for (const auto& [known, symbol] : scope->symbols)
      if (known == name) return symbol;
  return module_.find(std::string(name));
}

/// Inline assembly that has a label can be expanded only once.
void Builder::label(std::string_view name) {
  last_label_ = name;
  if (!labels_.try_emplace(name, static_cast<i32>(function_.code.size())).second)
    bad("a label twice");
}

/// The labels of a branch table, which the label in front of it names.
void Builder::branch_targets(std::string_view labels) {
  auto& tables = function_.branch_tables;
  const auto number = static_cast<i32>(tables.size());
  table_numbers_[last_label_] = number;
  auto& table = tables.emplace_back();
  for (const auto label : split(labels)) {
    jumps_.push_back({label, number, static_cast<u32>(table.size())});
    table.push_back(-1);
  }
}

void Builder::instruction(std::string_view text) {
  parse_instruction(text, draft_);
  if (mutations_wanted()) {
    const Location& place = function_.locations[location_];
    const u32 index = instructions_of_line_[{place.file, place.line}]++;
    if (!mutate(function_, place, index, draft_)) return;
  }
  if (!control_flow()) translate();
}

/// The instructions whose operands are not registers; false: this is not one.
bool Builder::control_flow() {
  const auto name = draft_.opcode.name;
  const auto& operands = draft_.operands;
  const bool jumps = name == "bra" || name == "brx" || name == "call";
  if (!jumps && name != "ret" && name != "exit") return false;
  for (const auto modifier : draft_.opcode.modifiers)
    if (modifier != "uni" && !(name == "brx" && modifier == "idx")) bad("modifier");
  begin();
  Instruction& in = current_.in;
  in.cls = Class::control;
  const std::size_t expected = name == "brx" ? 2 : jumps ? 1 : 0;
  if (operands.size() != expected && (name != "call" || operands.empty())) bad("operands");
  if (name == "bra") {
    in.run = branch;
    jumps_.push_back({operands[0], -1, static_cast<u32>(function_.code.size())});
  } else if (name == "brx") {
    in.run = branch_indexed;
    if (!table_numbers_.contains(operands[1])) bad("unknown branch table");
    in.target = table_numbers_[operands[1]];
    place_source(next_slot(true), operands[0], Type::u32, register_bytes(Type::u32));
  } else if (name == "call") {
    call_function();
  } else {
    in.run = name == "exit" || function_.is_entry ? exit_lanes : return_from;
  }
  emit();
  return true;
}

/// (results), callee, (arguments), prototype: all but the callee may be missing. The callee is a
/// function, or a register with the address of one.
void Builder::call_function() {
  const auto& operands = draft_.operands;
  const std::size_t at = operands[0].starts_with('(') ? 1 : 0;
  if (operands.size() <= at) bad("missing callee");
  const auto callee = operands[at];
  Instruction& in = current_.in;
  in.run = vgpu::call;
  in.target = -1;
  if (find_register(callee)) {
    place_source(next_slot(true), callee, Type::u64, register_bytes(Type::u64));
  } else {
    const auto found = module_.functions.find(std::string(callee));
    if (found == module_.functions.end()) bad("call of an unknown function");
    in.target = static_cast<i32>(function_.callees.size());
    function_.callees.push_back(found->second.get());
  }
  current_.extra = {0, 0};
  if (at != 0) current_.extra[0] = add_call_operands(operands[0]);
  if (operands.size() > at + 1 && operands[at + 1].starts_with('('))
    current_.extra[1] = add_call_operands(operands[at + 1]);
}

/// Returns how many there are.
Place Builder::add_call_operands(std::string_view list) {
  const auto names = split(next_group(list));
  for (const auto name : names) {
    const auto symbol = find_symbol(name);
    if (!symbol || symbol->space != Space::call) bad("operand of a call");
    current_.extra.push_back(static_cast<Place>(symbol->address));
    current_.extra.push_back(static_cast<Place>(symbol->size));
  }
  return static_cast<Place>(names.size());
}

void Builder::finish() {
  if (scopes_.size() != 1) bad("a brace too few");
  instruction("ret");
  for (const Jump& jump : jumps_) {
    const auto found = labels_.find(jump.label);
    if (found == labels_.end())
      unsupported("%s: no label '%s'", function_.name.c_str(), std::string(jump.label).c_str());
    i32& target = jump.table < 0
                      ? function_.code[jump.index].target
                      : function_.branch_tables[static_cast<u32>(jump.table)][jump.index];
    target = found->second;
  }
  place_registers(function_, uses_);
  const Place* extra = function_.operands.data();
  for (Instruction& in : function_.code) {
    in.extra = extra;
    extra += in.count;
  }
  function_.local_bytes = round_up(function_.local_bytes, 16);
  function_.counts.assign(function_.code.size(), {});
}

void parse(Function& function) {
  static std::recursive_mutex mutex;
  const std::lock_guard lock(mutex);
  if (function.is_parsed) return;
  function.is_parsed = true;
  if (function.is_external) return;
  Builder(function).build();
  for (Function* const callee : function.callees) parse(*callee);
}

}  // namespace vgpu
