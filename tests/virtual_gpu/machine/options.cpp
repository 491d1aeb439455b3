// SPDX-License-Identifier: MIT
// Reads the options from the environment. Every variable that begins with VGPU_ must be known and
// every value understood: a misspelt option would otherwise be one that was never tried.
#include "machine/options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>
#include <variant>

#include "ptx/lexer.h"

namespace vgpu {
namespace {

struct Setting {
  std::string_view name;
  std::variant<bool*, int*, u64*, std::string*, std::vector<std::string>*> value;
  u64 least = 0;
};

const char* being_read = nullptr;  // the variable, for messages

void understood(bool yes) {
  if (!yes) unsupported("that is no value for it");
}

void read(bool* to, std::string_view text, u64) {
  understood(text == "0" || text == "1");
  *to = text == "1";
}

/// A number, decimal or hexadecimal, that may end in K, M or G.
template <class T> void read(T* to, std::string_view text, u64 least) {
  const std::size_t unit = std::string_view("KMG").find(text.back());
  if (unit != text.npos) text.remove_suffix(1);
  const auto value = parse_integer(text);
  const int shift = unit == text.npos ? 0 : 10 * static_cast<int>(unit + 1);
  understood(value && *value >= 0 && std::in_range<T>(*value << shift));
  *to = static_cast<T>(*value << shift);
  understood(static_cast<u64>(*to) >= least);
}

void read(std::string* to, std::string_view text, u64) { *to = text; }

/// Texts separated by semicolons.
void read(std::vector<std::string>* to, std::string_view text, u64) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    if (end != 0) to->emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Options read_environment() {
  Options o;
  const Setting settings[] = {{"CHECK", &o.check},
                              {"COUNT", &o.count_file},
                              {"SEED", &o.seed},
                              {"THREADS", &o.threads, 1},
                              {"LATE_COPIES", &o.late_copies},
                              {"LAZY", &o.lazy},
                              {"TRACE", &o.trace},
                              {"LIMIT", &o.limit},
                              {"QUOTA", &o.quota, 1},
                              {"MULTIPROCESSORS", &o.multiprocessors, 1},
                              {"ARCHITECTURE", &o.architecture, 50},
                              {"MEMORY", &o.memory},
                              {"FAIL_CALL", &o.fail_call},
                              {"FAIL_LAUNCH", &o.fail_launch},
                              {"SUPPRESS", &o.suppress},
                              {"MUTATE", &o.mutations},
                              {"LIST_MUTANTS", &o.list_mutants},
                              {"REPORTS", &o.most_reports}};
  constexpr std::string_view prefix = "VGPU_";
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::size_t equals = text.find('=');
    if (!text.starts_with(prefix) || equals == text.npos) continue;
    being_read = *variable;
    const auto name = text.substr(prefix.size(), equals - prefix.size());
    const auto* setting = std::find_if(std::begin(settings), std::end(settings),
                                       [&](const Setting& s) { return s.name == name; });
    if (setting == std::end(settings)) unsupported("there is no such option");
    if (const auto value = text.substr(equals + 1); !value.empty())
      std::visit([&](auto* to) { read(to, value, setting->least); }, setting->value);
  }
  being_read = nullptr;
  // VGPU_COUNT is 0, 1 or the name of a file.
  o.count = !o.count_file.empty() && o.count_file != "0";
  if (o.count_file == "0" || o.count_file == "1") o.count_file.clear();
  // The checks and counters follow all blocks at once.
  o.observe = o.check || o.count;
  if (o.observe) o.threads = 1;
  return o;
}

}  // namespace

Options options = read_environment();

void unsupported(const char* format, ...) {
  std::fflush(stdout);
  std::fprintf(stderr, "vgpu: ");
  if (being_read != nullptr) std::fprintf(stderr, "%s: ", being_read);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "\n");
  std::fflush(stderr);
  // No destructors: the runtime's lock may be held, and what they would print is of no use.
  _exit(exit_unsupported);
}

}  // namespace vgpu
