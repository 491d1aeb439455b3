// SPDX-License-Identifier: MIT
// One exception type and one wording: "op: what is wrong", with both shapes and the likely cause.
// The parts of a message are joined only when it is thrown, so a check costs one branch.
#pragma once
#include <concepts>
#include <cstdio>
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
  requires(!std::same_as<I, char>)
void append(std::string& text, I part) {
  if constexpr (std::same_as<I, bool>) text += part ? "true" : "false";
  else text += std::to_string(part);
}

template <std::floating_point X>
void append(std::string& text, X part) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%g", static_cast<double>(part));
  text += digits;
}

template <class T>
  requires requires(const T& part) { std::string(part.str()); }
void append(std::string& text, const T& part) {
  text += part.str();
}

/// The parts as one string: text, numbers, and anything with a member str().
template <class... Parts>
std::string describe(const Parts&... parts) {
  std::string text;
  (append(text, parts), ...);
  return text;
}

}  // namespace detail

/// Throws Error with the message "op: parts...".
template <class... Parts>
[[noreturn]] void fail(std::string_view op, const Parts&... parts) {
  throw Error(detail::describe(op, ": ", parts...));
}

/// Throws Error("op: parts...") unless ok.
template <class... Parts>
void require(bool ok, std::string_view op, const Parts&... parts) {
  if (!ok) fail(op, parts...);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
