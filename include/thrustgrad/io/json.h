// SPDX-License-Identifier: MIT
// The strict subset of JSON (RFC 8259) that safetensors headers are made of: a cursor that reads
// objects, arrays, strings and natural numbers, each where the caller expects it. No tree is built
// and nothing recurses, so no nesting is too deep; every error names the byte. Layer io.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// Length of the UTF-8 sequence at the start of text, or 0 if there is none: overlong forms,
/// surrogates and code points above U+10FFFF are none (Unicode 15, table 3-7).
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = text.empty() ? 0xff : byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf5   ? 0
                             : lead >= 0xf0 ? 4
                             : lead >= 0xe0 ? 3
                             : lead >= 0xc2 ? 2
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return length;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

inline bool has_control_character(std::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  return false;
}

inline void append_utf8(std::string& text, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  const auto continuation = [&](int shift) { put(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | (code >> 6));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    continuation(6);
  } else {
    put(0xf0 | (code >> 18));
    continuation(12);
    continuation(6);
  }
  continuation(0);
}

/// The beginning of a text, for a message: at most `limit` bytes, up to what cannot be printed.
inline std::string excerpt(std::string_view text, std::size_t limit = 80) {
  std::size_t size = 0;
  while (size < text.size()) {
    const std::size_t length = utf8_length(text.substr(size));
    if (length == 0 || size + length > limit || has_control_character(text.substr(size, 1)))
      return std::string(text.substr(0, size)) + "...";
    size += length;
  }
  return std::string(text);
}

/// Text in quotes: quote, backslash and control characters escaped, the rest as it is.
inline std::string json_quote(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef", plain = "\"\\\b\f\n\r\t",
                             letters = "\"\\bfnrt";
  std::string quoted = "\"";
  for (char c : text) {
    if (const std::size_t i = plain.find(c); i != plain.npos) {
      quoted += {'\\', letters[i]};
    } else if (const auto code = static_cast<unsigned char>(c); code < 0x20) {
      quoted += "\\u00";
      quoted += {digits[code >> 4], digits[code & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

/// Reads JSON text from left to right. Messages read "context: at byte n: subject: what is wrong";
/// the context is a format and a path, n counts from `base`, the text's position in its file.
class JsonReader {
 public:
  JsonReader(std::string_view text, std::string context, index_t base)
      : text_(text), context_(std::move(context)), base_(base) {}

  /// Position in the file of the next byte that is not white space.
  index_t position() {
    skip_space();
    return base_ + static_cast<index_t>(at_);
  }

  template <class... Parts>
  [[noreturn]] void fail_at(index_t position, const Parts&... parts) const {
    fail(context_, "at byte ", position, ": ", subject_, parts...);
  }

  /// What is being read, for messages: empty, or text that ends with a colon and a space.
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  void expect(char token, std::string_view expected) {
    if (!accept(token)) fail_expected(expected);
  }

  bool accept(char token) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != token) return false;
    ++at_;
    return true;
  }

  /// An array or object: calls item() for each element. The opening token is read here too.
  template <class Item> void sequence(char open, char close, std::string_view expected, Item item) {
    expect(open, expected);
    if (accept(close)) return;
    do item();
    while (accept(','));
    expect(close, close == '}' ? "',' or '}'" : "',' or ']'");
  }

  /// An object: calls member(key, position of the key) with the cursor at the value.
  template <class Member> void object(std::string_view expected, Member member) {
    sequence('{', '}', expected, [&] {
      const index_t where = position();
      const std::string key = string("a key in quotes");
      if (has_control_character(key)) fail_at(where, "a key has a control character");
      expect(':', "':'");
      member(key, where);
    });
  }

  std::string string(std::string_view expected) {
    expect('"', expected);
    std::string value;
    while (true) {
      if (at_ == text_.size()) fail_here("the string has no end");
      const char c = text_[at_];
      if (c == '"') break;
      if (c == '\\') {
        escape(value);
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20) fail_here("a control character in a string");
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) fail_here("the text is not UTF-8");
      value += text_.substr(at_, length);
      at_ += length;
    }
    ++at_;
    return value;
  }

  /// A natural number below 2^63, written in digits only: no sign, point, exponent, leading zero.
  index_t natural() {
    skip_space();
    const std::size_t start = at_;
    index_t value = 0;
    while (is_digit(peek())) {
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        at_ = start;
        fail_here("the number does not fit into 63 bits");
      }
      ++at_;
    }
    const bool leading_zero = at_ > start + 1 && text_[start] == '0';
    const bool fraction = peek() == '.' || peek() == 'e' || peek() == 'E';
    if (at_ == start || leading_zero || fraction) {
      at_ = start;
      fail_expected("a natural number in digits");
    }
    return value;
  }

  void end() {
    skip_space();
    if (at_ != text_.size()) fail_expected("the end of the header");
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  char peek() const { return at_ < text_.size() ? text_[at_] : ' '; }

  void skip_space() {
    constexpr std::string_view space = " \t\n\r";
    while (at_ < text_.size() && space.find(text_[at_]) != space.npos) ++at_;
  }

  template <class... Parts> [[noreturn]] void fail_here(const Parts&... parts) const {
    fail_at(base_ + static_cast<index_t>(at_), parts...);
  }

  [[noreturn]] void fail_expected(std::string_view expected) const {
    if (at_ == text_.size()) fail_here("expected ", expected, ", found the end of the header");
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte <= 0x20 || byte >= 0x7f) fail_here("expected ", expected, ", found byte ", byte);
    const std::size_t stop = text_.find_first_of(" \t\n\r,:]}", at_ + 1);
    fail_here("expected ", expected, ", found ", excerpt(text_.substr(at_, stop - at_), 24));
  }

  void escape(std::string& value) {
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const std::size_t start = at_++;
    const char letter = peek();
    if (letter == 'u') {
      ++at_;
      std::uint32_t code = hex4(start);
      if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        const std::uint32_t low = hex4(start);
        if (low < 0xdc00 || low >= 0xe000) fail_surrogate(start);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      } else if (code >= 0xd800 && code < 0xe000) {
        fail_surrogate(start);
      }
      append_utf8(value, code);
    } else if (const std::size_t i = letters.find(letter);
               i != letters.npos && at_ < text_.size()) {
      value += meanings[i];
      ++at_;
    } else {
      at_ = start;
      fail_here("an unknown escape in a string");
    }
  }

  [[noreturn]] void fail_surrogate(std::size_t start) {
    at_ = start;
    fail_here("half of a surrogate pair in a string");
  }

  std::uint32_t hex4(std::size_t start) {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const bool lower = c >= 'a' && c <= 'f', upper = c >= 'A' && c <= 'F';
      if (!is_digit(c) && !lower && !upper) {
        at_ = start;
        fail_here("an escape \\u needs four hexadecimal digits");
      }
      code = code * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
  }

  std::string_view text_;
  std::string context_, subject_;
  index_t base_;
  std::size_t at_ = 0;
};

}  // namespace detail

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
