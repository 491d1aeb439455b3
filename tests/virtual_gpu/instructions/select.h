// SPDX-License-Identifier: MIT
// What functions that choose a handler need: checks of modifiers, and forms by type. Nothing may be
// ignored in silence, so they name the modifiers that they know. A function that returns null
// leaves the opcode to the next row of its name, so rows are written for one family of types and
// one meaning of the modifiers each.
#pragma once
#include <algorithm>
#include <span>
#include <string>

#include "instructions/scalar.h"
#include "machine/lanewise.h"
#include "ptx/lexer.h"

namespace vgpu {

/// A list of modifiers, with blanks between them. One that begins with '+' must be there.
template <std::size_t n> struct Words {
  char text[n] = {};
  consteval Words(const char (&from)[n]) { std::copy_n(from, n, text); }
  constexpr operator std::string_view() const { return {text, n - 1}; }
};
/// What no opcode has.
inline constexpr Words never = "+never";

/// Whether the opcode has so many types, and besides them only modifiers of a list.
inline bool is_form(const Opcode& op, std::size_t types, std::string_view words = {}) {
  std::size_t understood = op.types.size();
  for (auto word = next_word(words); !word.empty(); word = next_word(words)) {
    const bool is_required = word[0] == '+';
    const bool is_given = op.has(word.substr(is_required));
    if (is_required && !is_given) return false;
    understood += is_given;
  }
  return op.types.size() == types && understood == op.modifiers.size();
}

/// The modifiers that are in none of the lists, as they were written: "sync.up.b32".
template <class... Lists> std::string form_of(const Opcode& opcode, Lists... skipped) {
  std::string form;
  for (const std::string_view modifier : opcode.modifiers)
    if (!(is_in(modifier, skipped) || ...)) form.append(form.empty() ? "" : ".").append(modifier);
  return form;
}

/// A form of an instruction and its handler.
struct Form {
  std::string_view form;
  Handler run;
};
inline Handler find_form(std::span<const Form> forms, std::string_view form) {
  const auto found = std::find_if(forms.begin(), forms.end(),
                                  [=](const Form& known) { return known.form == form; });
  return found == forms.end() ? nullptr : found->run;
}

/// The rounding modifier of an operation on floating-point numbers; nearest if there is none.
inline Rounding rounding_of(const Opcode& op) {
  if (op.has("rz") || op.has("rzi")) return Rounding::zero;
  if (op.has("rm") || op.has("rmi")) return Rounding::down;
  if (op.has("rp") || op.has("rpi")) return Rounding::up;
  return op.has("rna") ? Rounding::away : Rounding::nearest;
}

inline bool is_integer(Type type) {
  return type >= Type::b8 && type <= Type::s64 && type != Type::b128;
}

/// form<T>() for that of the types T which has so many bytes and is signed or not; else null.
template <class... T, class Form>
Handler for_size(int bytes, const Form& form, bool is_signed = false) {
  Handler handler = nullptr;
  const auto use = [&]<class U>() {
    if (bytes == sizeof(U) && is_signed == std::is_signed_v<U>)
      handler = form.template operator()<U>();
  };
  (use.template operator()<T>(), ...);
  return handler;
}
/// The same for an integer type of PTX; untyped bits are unsigned.
template <class... T, class Form> Handler for_type(Type type, const Form& form) {
  return is_integer(type) ? for_size<T...>(size_of(type), form, is_signed(type)) : nullptr;
}

// Select functions for opcodes with one integer type and the modifiers `words`: form<T>() gives the
// function of a lane's sources.

template <class... T> struct OfTypes {
  template <auto form, Words words = ""> static Handler select(const Opcode& op, Instruction&) {
    if (!is_form(op, 1, words)) return nullptr;
    return for_type<T...>(op.type(),
                          []<class U>() { return lanewise<form.template operator()<U>()>; });
  }
};
template <auto form, Words words = "">
constexpr auto of_any = OfTypes<u16, u32, u64, i16, i32, i64>::select<form, words>;
template <auto form> constexpr auto of_bits = OfTypes<u16, u32, u64>::select<form>;
template <auto form> constexpr auto of_unsigned = OfTypes<u32, u64>::select<form>;
template <auto form, Words words = "">
constexpr auto of_wide = OfTypes<u32, u64, i32, i64>::select<form, words>;
template <auto F, Words words = "">
constexpr auto of_b32 = OfTypes<u32>::select<[]<class> { return F; }, words>;

}  // namespace vgpu
