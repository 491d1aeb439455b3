// SPDX-License-Identifier: MIT
// The changes that mutation makes to an instruction, which of them are wanted, and the list of
// those that are possible.
#include "ptx/mutate.h"

#include <algorithm>
#include <cstdio>
#include <deque>

#include "machine/options.h"
#include "ptx/lexer.h"

namespace vgpu {

namespace {

bool replace(std::vector<std::string_view>& modifiers, std::string_view old,
             std::string_view with) {
  const auto found = std::find(modifiers.begin(), modifiers.end(), old);
  if (found != modifiers.end()) *found = with;
  return found != modifiers.end();
}

/// Text for operands that the program does not contain. It stays, as that of the module does.
/// Functions are translated one at a time.
std::string_view keep(std::string text) {
  static auto& texts = *new std::deque<std::string>;
  return texts.emplace_back(std::move(text));
}

bool swap_sources(Draft& draft) {
  const Opcode& opcode = draft.opcode;
  std::size_t first = 1;
  if ((is_in(opcode.name, "mad fma") && !opcode.has("wide")) ||
      (opcode.name == "atom" && opcode.has("cas")))
    first = 2;
  else if (!is_in(opcode.name, "sub div rem setp set selp shf"))
    return false;
  auto& operands = draft.operands;
  if (operands.size() < first + 2 || operands[first] == operands[first + 1]) return false;
  std::swap(operands[first], operands[first + 1]);
  return true;
}

/// The other one of a pair of words; empty: the name is in none.
std::string_view other_of(std::string_view name, std::string_view pairs) {
  while (!pairs.empty()) {
    const auto first = next_word(pairs), second = next_word(pairs);
    if (first == name) return second;
    if (second == name) return first;
  }
  return {};
}

bool change_comparison(Draft& draft) {
  auto& modifiers = draft.opcode.modifiers;
  if (!is_in(draft.opcode.name, "setp set") || modifiers.empty()) return false;
  const auto other =
      other_of(modifiers[0], "lt le gt ge eq ne ltu leu gtu geu equ neu lo ls hi hs num nan");
  if (!other.empty()) modifiers[0] = other;
  return !other.empty();
}

bool change_opcode(Draft& draft) {
  Opcode& opcode = draft.opcode;
  const Type type = opcode.type();
  if (is_in(opcode.name, "atom red"))
    return !is_float(type) && replace(opcode.modifiers, "add", "max");
  if (opcode.name == "cvt") return is_float(type) && replace(opcode.modifiers, "rn", "rz");
  const auto other =
      other_of(opcode.name, "add sub min max and or shl shr xor or mul add fma mul mad mul");
  if (other.empty() || opcode.has("cc")) return false;
  if (opcode.name == "mul") {
    if (opcode.has("wide") || opcode.has("hi")) return false;
    std::erase(opcode.modifiers, "lo");
  }
  if (is_in(opcode.name, "fma mad")) draft.operands.resize(3);
  if (opcode.name == "shr")  // operands of shl have no sign
    opcode.modifiers = {size_of(type) == 8 ? "b64" : size_of(type) == 4 ? "b32" : "b16"};
  opcode.name = other;
  return true;
}

/// The first source that is a number grows. Numbers of barriers and sizes of copies do not count:
/// another one makes no sense or no difference.
bool increase_number(Draft& draft) {
  if (is_in(draft.opcode.name, "bar barrier cp nanosleep")) return false;
  for (auto& operand : draft.operands) {
    char text[32] = "";
    if (const auto integer = parse_integer(operand))
      std::snprintf(text, sizeof text, "%ld", *integer + 1);
    else if (const auto f32 = parse_number(operand, Type::f32))
      std::snprintf(text, sizeof text, "0f%08X",
                    bits_as<u32>(bits_as<float>(static_cast<u32>(*f32)) + 1));
    else if (const auto f64 = parse_number(operand, Type::f64))
      std::snprintf(text, sizeof text, "0d%016lX", bits_as<u64>(bits_as<double>(*f64) + 1));
    else
      continue;
    operand = keep(text);
    return true;
  }
  return false;
}

/// The first memory operand moves by so many elements.
bool move_address(Draft& draft, i64 elements) {
  if (draft.opcode.has("param")) return false;
  for (auto& operand : draft.operands) {
    if (!operand.starts_with('[')) continue;
    auto inside = operand.substr(1, operand.size() - 2);
    const auto offset = cut_offset(inside);
    if (!offset) return false;
    // cp.async says how many bytes it copies.
    i64 bytes = draft.opcode.types.empty() ? 1 : size_of(draft.opcode.types.back());
    if (draft.opcode.name == "cp" && draft.operands.size() > 2)
      bytes = parse_integer(draft.operands[2]).value_or(1);
    const std::string moved = std::to_string(*offset + elements * bytes);
    operand = keep("[" + std::string(inside) + "+" + moved + "]");
    return true;
  }
  return false;
}

bool negate(Draft& draft) {
  draft.guard_negated = !draft.guard_negated;
  return !draft.guard.empty();
}

bool drop(Draft& draft) {
  const Opcode& opcode = draft.opcode;
  const auto name = opcode.name;
  const bool may_be_dropped =
      is_in(name, "membar fence red") || (is_in(name, "bar barrier") && !opcode.has("red")) ||
      (name == "bra" && !draft.guard.empty()) || (name == "st" && !opcode.has("param")) ||
      (name == "cp" && draft.operands.size() < 2);
  if (may_be_dropped) draft.opcode.name = {};
  return may_be_dropped;
}

struct Change {
  const char* name;
  bool (*make)(Draft&);  // false: the instruction does not allow it
};
constexpr Change changes[] = {{"swap", swap_sources},
                              {"compare", change_comparison},
                              {"opcode", change_opcode},
                              {"constant+1", increase_number},
                              {"negate", negate},
                              {"drop", drop},
                              {"offset+1", [](Draft& draft) { return move_address(draft, 1); }},
                              {"offset-1", [](Draft& draft) { return move_address(draft, -1); }}};

struct Mutation {
  std::string text, kernel, place, change;
  u64 uses = 0;
};

Mutation parse_mutation(const std::string& text) {
  const std::size_t at = text.find('@'), equals = text.find('=', at);
  if (equals == text.npos)
    unsupported("mutation '%s': not KERNEL@FILE:LINE#N=CHANGE", text.c_str());
  auto place = "/" + text.substr(at + 1, equals - at - 1);
  if (place.find('#') == place.npos) place += "#0";
  return {text, text.substr(0, at), place, text.substr(equals + 1)};
}

/// The mutations that Options asks for. They are asked for once more when the program ends, so they
/// are never destroyed.
std::vector<Mutation>& mutations() {
  static auto& texts = *new std::vector<std::string>;
  static auto& parsed = *new std::vector<Mutation>;
  if (texts != options.mutations) {
    texts = options.mutations;
    parsed.clear();
    for (const std::string& text : texts) parsed.push_back(parse_mutation(text));
  }
  return parsed;
}

void list_changes(const Function& function, const std::string& file, u32 line, u32 index,
                  const Draft& draft) {
  static std::FILE* const out = std::fopen(options.list_mutants.c_str(), "a");
  if (out == nullptr) unsupported("cannot write %s", options.list_mutants.c_str());
  std::string opcode(draft.opcode.name);
  for (const auto modifier : draft.opcode.modifiers) (opcode += '.') += modifier;
  for (const std::string& change : possible_changes(draft))
    std::fprintf(out,
                 "{\"kernel\": \"%s\", \"file\": \"%s\", \"line\": %u, \"index\": %u, "
                 "\"opcode\": \"%s\", \"change\": \"%s\"}\n",
                 function.name.c_str(), file.c_str(), line, index, opcode.c_str(), change.c_str());
  std::fflush(out);
}

}  // namespace

bool apply_change(std::string_view change, Draft& draft) {
  for (const Change& known : changes)
    if (known.name == change) return known.make(draft);
  if (!change.starts_with("offset+") && !change.starts_with("offset-")) return false;
  const auto elements = parse_integer(change.substr(change[6] == '+' ? 7 : 6));
  return elements && move_address(draft, *elements);
}

std::vector<std::string> possible_changes(const Draft& draft) {
  std::vector<std::string> result;
  for (const Change& change : changes) {
    Draft copy = draft;
    if (change.make(copy)) result.emplace_back(change.name);
  }
  return result;
}

bool mutations_wanted() { return !options.mutations.empty() || !options.list_mutants.empty(); }

bool mutate(const Function& function, const Location& place, u32 index, Draft& draft) {
  const auto& files = function.module->files;
  const std::string file = place.file < files.size() ? files[place.file] : "";
  if (!options.list_mutants.empty() && place.line != 0)
    list_changes(function, file, place.line, index, draft);
  const auto here = "/" + file + ":" + std::to_string(place.line) + "#" + std::to_string(index);
  for (Mutation& mutation : mutations()) {
    const bool is_meant =
        here.ends_with(mutation.place) && function.name.find(mutation.kernel) != std::string::npos;
    if (!is_meant || !apply_change(mutation.change, draft)) continue;
    ++mutation.uses;
    if (draft.opcode.name.empty()) return false;
  }
  return true;
}

std::vector<std::string> unused_mutations() {
  std::vector<std::string> result;
  for (const Mutation& mutation : mutations())
    if (mutation.uses == 0) result.push_back(mutation.text);
  return result;
}

}  // namespace vgpu
