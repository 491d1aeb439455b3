// SPDX-License-Identifier: MIT
// The words of an opcode. Nothing may be ignored in silence, so functions that choose a handler
// name the words that they skip and look up all others.
#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "ptx/program.h"

namespace vgpu {

/// Whether the word is in the list, a text with blanks between words.
inline bool is_in(std::string_view word, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
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

}  // namespace vgpu
