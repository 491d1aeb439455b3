// SPDX-License-Identifier: MIT
// One exception type and one wording: "op: what is wrong", with both shapes and the likely cause.
// The parts of a message are joined only when it is thrown, so a check costs one branch.
#pragma once
#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Whatever the library reports: wrong shapes, stale tensors, files, memory, devices.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace detail {

inline void append(std::string& text, std::string_view part) { text += part; }

template <std::integral I>
requires(!std::same_as<I, char>) void append(std::string& text, I part) {
  if constexpr (std::same_as<I, bool>)
    text += part ? "true" : "false";
  else
    text += std::to_string(part);
}

template <std::floating_point X> void append(std::string& text, X part) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%g", static_cast<double>(part));
  text += digits;
}

template <class T>
requires requires(const T& part) { std::string(part.str()); }
void append(std::string& text, const T& part) { text += part.str(); }

/// A piece of a message without its type, so that a check costs the caller next to no code.
struct Part {
  const void* value;
  void (*append_to)(std::string&, const void*);
};

template <class T> Part part(const T& value) {
  return {&value,
          [](std::string& text, const void* v) { append(text, *static_cast<const T*>(v)); }};
}

/// Literals of every length are one type of text.
template <std::size_t n> Part part(const char (&text)[n]) {
  return {text, [](std::string& to, const void* v) { to += static_cast<const char*>(v); }};
}

inline std::string join(std::initializer_list<Part> parts) {
  std::string text;
  for (const Part& p : parts) p.append_to(text, p.value);
  return text;
}

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_error(std::string_view op,
                                                               std::initializer_list<Part> parts) {
  // __builtin_FUNCTION() in a function template is "name<type>" in some compilers.
  throw Error(std::string(op.substr(0, op.find('<'))) + ": " + join(parts));
}

/// The operation that is running, for messages about what it reads. The outermost one counts: it
/// is the one that the user called, or whose vector-Jacobian product runs.
inline thread_local const char* current_op = nullptr;

struct OpScope {
  explicit OpScope(const char* op) : outer(current_op) {
    if (outer == nullptr) current_op = op;
  }
  ~OpScope() { current_op = outer; }
  OpScope(const OpScope&) = delete;
  OpScope& operator=(const OpScope&) = delete;
  const char* const outer;
};

/// The parts as one string: text, numbers, and anything with a member str().
template <class... T> std::string describe(const T&... parts) { return join({part(parts)...}); }

}  // namespace detail

/// Throws Error with the message "op: parts...".
template <class... T> [[noreturn]] void fail(std::string_view op, const T&... parts) {
  detail::throw_error(op, {detail::part(parts)...});
}

/// Throws Error("op: parts...") unless ok.
template <class... T> void require(bool ok, std::string_view op, const T&... parts) {
  if (!ok) [[unlikely]]
    fail(op, parts...);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
