// SPDX-License-Identifier: MIT
// Gathers the tables of instructions.
#include <unordered_map>

#include "instructions/families.h"
#include "machine/options.h"
#include "ptx/builder.h"

namespace vgpu {

namespace {

bool cut_prefix(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// Whether an operand has the form that a word asks for.
bool fits(const OperandWord& word, std::string_view operand) {
  if (operand.empty()) return false;
  switch (word.kind) {
    case OperandWord::Kind::number:
      return parse_integer(operand).has_value();
    case OperandWord::Kind::address:
      return operand[0] == '[';
    case OperandWord::Kind::vector:
      return operand[0] != '[';
    default:
      return operand[0] != '[' && operand[0] != '{' &&
             (word.has_second || operand.find('|') == std::string_view::npos);
  }
}

}  // namespace

SignatureRow parse_signature(const Signature& signature) {
  using Kind = OperandWord::Kind;
  SignatureRow row{&signature, {}};
  auto rest = signature.operands;
  for (auto text = next_word(rest); !text.empty(); text = next_word(rest)) {
    OperandWord& word = row.words.emplace_back();
    word.is_optional = cut_prefix(text, '?');
    word.is_destination = cut_prefix(text, '=');
    word.has_second = text.ends_with("|p");
    if (word.has_second) text.remove_suffix(2);
    if (text.starts_with('{')) {
      word.kind = Kind::vector;
      text = next_group(text);
    }
    if (text == "#" || text == "[a]")
      word.kind = text == "#" ? Kind::number : Kind::address;
    else if (text == "T" || text == "S" || text == "W")
      word.letter = text[0];
    else if ((word.type = type_named(text)) == Type::none)
      unsupported("the table's row '%s %s'", std::string(signature.name).c_str(),
                  std::string(signature.operands).c_str());
  }
  return row;
}

bool fits(const SignatureRow& row, std::span<const std::string_view> operands) {
  if (operands.size() > row.words.size()) return false;
  for (std::size_t i = 0; i < row.words.size(); ++i)
    if (i < operands.size() ? !fits(row.words[i], operands[i]) : !row.words[i].is_optional)
      return false;
  return true;
}

std::span<const SignatureRow> rows_named(std::string_view name) {
  static const auto& table = *[] {
    auto* const rows = new std::unordered_map<std::string_view, std::vector<SignatureRow>>;
    for (const auto family :
         {integer_instructions(), float_instructions(), half_instructions(), convert_instructions(),
          compare_instructions(), move_instructions(), load_store_instructions(),
          atomic_instructions(), warp_instructions(), copy_async_instructions(),
          tensor_instructions(), control_instructions()})
      for (const Signature& signature : family)
        (*rows)[signature.name].push_back(parse_signature(signature));
    return rows;
  }();
  const auto found = table.find(name);
  if (found == table.end()) return {};
  return found->second;
}

}  // namespace vgpu
