// SPDX-License-Identifier: MIT
// PTX text taken apart: words, numbers, types, statements. Everything is a view into the text of
// the module; nothing is copied.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ptx/program.h"

namespace vgpu {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trim(std::string_view text);

/// Cut a piece off the front of a text, and the blanks behind it: so many characters; a word, up to
/// a blank; an identifier; a group in brackets, of which is returned what is between them.
std::string_view cut(std::string_view& text, std::size_t length);
std::string_view next_word(std::string_view& text);
std::string_view next_name(std::string_view& text);
std::string_view next_group(std::string_view& text);

/// Whether the word is in the list, a text with blanks between words.
bool is_in(std::string_view word, std::string_view list);

/// Splits at the commas that are outside of all brackets.
std::vector<std::string_view> split(std::string_view text);

/// A decimal or hexadecimal integer, with a sign or a suffix U.
std::optional<i64> parse_integer(std::string_view text);

/// A number as the bits of a type. 0f and 0d, in front of hexadecimal digits, give those of floats
/// and doubles.
std::optional<u64> parse_number(std::string_view text, Type type);

/// Cuts the offset off the end of "base + offset"; it is 0 if there is none.
std::optional<i64> cut_offset(std::string_view& text);

/// Takes an instruction apart.
void parse_instruction(std::string_view text, Draft&);

/// Fills an opcode with the parts of "ld.global.v2.f32".
void parse_opcode(std::string_view text, Opcode&);

/// Type::none and Space::generic: there is none with that name.
Type type_named(std::string_view name);
Space space_named(std::string_view name);

/// Replaces comments (//) by blanks. Lines and strings stay.
void blank_comments(std::string& text);

struct Statement {
  /// `directive` and `instruction` come without their semicolon, `label` without its colon.
  enum class Kind : u8 { end, open, close, label, directive, instruction };
  Kind kind = Kind::end;
  std::string_view text;
  u32 line = 0;
};

/// Walks over the statements of a module or of a function body.
class Scanner {
 public:
  Scanner(std::string_view text, u32 first_line) : text_(text), line_(first_line) {}
  Statement next();

  /// What is between the braces that begin here, without looking into it; null: none begin.
  std::optional<std::string_view> body();
  u32 line() const { return line_; }

 private:
  Statement take(Statement::Kind kind, std::size_t end);
  std::size_t label_end() const;
  std::size_t directive_end() const;

  std::string_view text_;
  std::size_t at_ = 0;
  u32 line_;
};

}  // namespace vgpu
