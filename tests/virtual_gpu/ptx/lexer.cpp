// SPDX-License-Identifier: MIT
// PTX text taken apart. A program made from CUB embeds more than 100,000 lines, so each function
// here is linear and leaves the searching to memchr where it can.
#include "ptx/lexer.h"

#include <algorithm>
#include <charconv>

#include "machine/options.h"

namespace vgpu {

namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// % and $ may begin an identifier.
bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
         c == '%';
}

/// What a character adds to the depth of brackets.
int nesting(char c) {
  if (c == '(' || c == '{' || c == '[') return 1;
  return c == ')' || c == '}' || c == ']' ? -1 : 0;
}

/// Length of what stands in the brackets that begin here, with the brackets.
std::size_t group_length(std::string_view text) {
  const char open = text[0], close = open == '(' ? ')' : open == '{' ? '}' : ']';
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += (text[i] == open) - (text[i] == close);
    if (depth == 0) return i + 1;
  }
  unsupported("PTX: brackets that are not closed: '%s'", std::string(text.substr(0, 120)).c_str());
}

bool parse_digits(std::string_view digits, u64& value, int base) {
  const char* const end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, value, base);
  return error == std::errc() && last == end;
}

bool has_prefix(std::string_view text, char letter) {
  return text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter;
}

/// Cuts off what stands in front of the first character that ends it.
template <class Ends> std::string_view cut_until(std::string_view& text, Ends&& ends) {
  const auto end = std::find_if(text.begin(), text.end(), ends);
  return cut(text, static_cast<std::size_t>(end - text.begin()));
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view cut(std::string_view& text, std::size_t length) {
  const auto front = text.substr(0, length);
  text = trim(text.substr(length));
  return front;
}

std::string_view next_word(std::string_view& text) {
  text = trim(text);
  return cut_until(text, is_blank);
}

std::string_view next_name(std::string_view& text) {
  return cut_until(text, [](char c) { return !is_identifier(c); });
}

std::string_view next_group(std::string_view& text) {
  const auto group = cut(text, group_length(text));
  return trim(group.substr(1, group.size() - 2));
}

bool is_in(std::string_view word, std::string_view list) {
  for (std::size_t end = 0; !list.empty(); list.remove_prefix(std::min(end + 1, list.size()))) {
    end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
  }
  return false;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> pieces;
  text = trim(text);
  if (text.empty()) return pieces;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += nesting(text[i]);
    if (text[i] != ',' || depth != 0) continue;
    pieces.push_back(trim(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  pieces.push_back(trim(text.substr(begin)));
  return pieces;
}

std::optional<i64> parse_integer(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0])) return std::nullopt;
  if (text.back() == 'U') text.remove_suffix(1);
  const bool is_hexadecimal = has_prefix(text, 'x');
  // A zero in front would make it octal.
  if (!is_hexadecimal && text.size() > 1 && text[0] == '0') return std::nullopt;
  u64 value = 0;
  if (!parse_digits(text.substr(is_hexadecimal ? 2 : 0), value, is_hexadecimal ? 16 : 10))
    return std::nullopt;
  return static_cast<i64>(is_negative ? 0 - value : value);
}

std::optional<u64> parse_number(std::string_view text, Type type) {
  const bool is_double = has_prefix(text, 'd');
  if (is_double || has_prefix(text, 'f')) {
    u64 bits = 0;
    if (size_of(type) != (is_double ? 8 : 4) || text.size() != (is_double ? 18 : 10) ||
        !parse_digits(text.substr(2), bits, 16))
      return std::nullopt;
    return bits;
  }
  if (type == Type::f32 || type == Type::f64) return std::nullopt;
  return parse_integer(text);
}

std::optional<i64> cut_offset(std::string_view& text) {
  const std::size_t sign = text.find_first_of("+-", 1);
  if (sign == npos) return 0;
  // The compiler writes [%r1+-8].
  const auto number = parse_integer(trim(text.substr(sign + 1)));
  if (!number) return std::nullopt;
  const bool is_negative = text[sign] == '-';
  text = trim(text.substr(0, sign));
  return is_negative ? -*number : *number;
}

Type type_named(std::string_view name) {
  const auto found = std::find_if(std::begin(types), std::end(types),
                                  [name](const TypeEntry& known) { return known.name == name; });
  return found == std::end(types) ? Type::none : static_cast<Type>(found - types);
}

Space space_named(std::string_view name) {
  static constexpr std::string_view names[] = {"", "global", "shared", "local", "const", "param"};
  const auto found = std::find(std::begin(names), std::end(names), name);
  return found == std::end(names) ? Space::generic : static_cast<Space>(found - names);
}

void blank_comments(std::string& text) {
  for (std::size_t i = text.find('/'); i != npos; i = text.find('/', i + 1)) {
    if (text.compare(i, 2, "//") != 0) continue;
    // A path in a string may hold two slashes.
    const std::size_t line = text.rfind('\n', i) + 1;
    const std::string_view before(text.data() + line, i - line);
    if (std::count(before.begin(), before.end(), '"') % 2 != 0) continue;
    for (; i < text.size() && text[i] != '\n'; ++i) text[i] = ' ';
  }
}

Statement Scanner::take(Statement::Kind kind, std::size_t end) {
  end = std::min(end, text_.size());
  const auto text = text_.substr(at_, end - at_);
  const Statement statement{kind, trim(text), line_};
  line_ += static_cast<u32>(std::count(text.begin(), text.end(), '\n'));
  at_ = end;
  return statement;
}

/// The colon behind an identifier; 0: this is not a label.
std::size_t Scanner::label_end() const {
  std::size_t end = at_;
  while (end < text_.size() && is_identifier(text_[end])) ++end;
  while (end < text_.size() && text_[end] == ' ') ++end;
  return end < text_.size() && text_[end] == ':' ? end : 0;
}

/// Some directives take a line. The others have a semicolon, or a body in braces.
std::size_t Scanner::directive_end() const {
  const auto rest = text_.substr(at_);
  const auto word = rest.substr(0, rest.find_first_of(" \t"));
  if (is_in(word, ".loc .file .version .target .address_size")) return text_.find('\n', at_);
  const std::size_t end = text_.find_first_of(";{=", at_);
  return end != npos && text_[end] == '=' ? text_.find(';', end) : end;
}

Statement Scanner::next() {
  using Kind = Statement::Kind;
  for (; at_ < text_.size() && (is_blank(text_[at_]) || text_[at_] == ';'); ++at_)
    line_ += text_[at_] == '\n';
  if (at_ >= text_.size()) return {Kind::end, {}, line_};
  const char c = text_[at_];
  if (c == '{') return take(Kind::open, at_ + 1);
  if (c == '}') return take(Kind::close, at_ + 1);
  if (c == '.') return take(Kind::directive, directive_end());
  if (const std::size_t end = label_end(); end != 0) {
    const auto label = take(Kind::label, end);
    ++at_;
    return label;
  }
  return take(Kind::instruction, text_.find(';', at_));
}

std::optional<std::string_view> Scanner::body() {
  if (at_ >= text_.size() || text_[at_] != '{') return std::nullopt;
  const std::size_t end = at_ + group_length(text_.substr(at_));
  const auto group = take(Statement::Kind::open, end).text;
  return group.substr(1, group.size() - 2);
}

void parse_opcode(std::string_view text, Opcode& opcode) {
  opcode.modifiers.clear();
  opcode.types.clear();
  std::size_t dot = std::min(text.find('.'), text.size());
  opcode.name = text.substr(0, dot);
  while (dot < text.size()) {
    const std::size_t next = std::min(text.find('.', dot + 1), text.size());
    const auto modifier = text.substr(dot + 1, next - dot - 1);
    opcode.modifiers.push_back(modifier);
    if (const Type type = type_named(modifier); type != Type::none) opcode.types.push_back(type);
    dot = next;
  }
}

void parse_instruction(std::string_view text, Draft& draft) {
  draft.guard = {};
  draft.guard_negated = false;
  if (text.starts_with('@')) {
    draft.guard = next_word(text).substr(1);
    draft.guard_negated = draft.guard.starts_with('!');
    if (draft.guard_negated) draft.guard.remove_prefix(1);
  }
  const std::size_t length = std::min(text.find_first_of(" \t\n{[("), text.size());
  parse_opcode(cut(text, length), draft.opcode);
  draft.operands = split(text);
}

}  // namespace vgpu
