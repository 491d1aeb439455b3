// SPDX-License-Identifier: MIT
// Prints reports, each once for an instruction and a kind, unless it is suppressed; and tells what
// was behind an invalid address.
#include "checks/report.h"

#include <cxxabi.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

#include "machine/options.h"
#include "memory/device_memory.h"

namespace vgpu {

thread_local Warp* running = nullptr;

namespace {

/// Reports about NVIDIA's libraries that are right but do no harm. Where the message begins so, and
/// the file is that of the instruction, or of a call by which it was inlined.
struct KnownAlarm {
  const char *kind, *message, *file;
  bool is_innermost;  // only the file of the instruction: the program's code may be inlined there
};
constexpr KnownAlarm known_alarms[] = {
    // The merge reads one key past the valid ones before it tests whether that key counts.
    {"uninitialised read", "", "block_merge_sort.cuh", true},
    // The serial set operations read one key past the valid ones and ignore its value.
    {"uninitialised read", "", "set_operations.h", true},
    // Selection in place: a tile overwrites what an earlier one has read, and is told so without
    // release and acquire. CUB relies on reads having ended once their values are in shared memory
    // (memory_order in agent_select_if.cuh).
    {"race", "write after read in global memory", "agent_select_if.cuh", false},
    // Unique in place: the same, in Thrust's own agent.
    {"race", "write after read in global memory", "thrust/system/cuda/detail/unique.h", false},
};

std::mutex mutex;
u64 count = 0;
int printed = 0;

std::string formatted(const char* format, va_list arguments) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  return text;
}

/// Whether Options::suppress (`kind@text`) or the list of known alarms names it.
bool is_suppressed(const std::string& kind, const std::string& message, const std::string& place) {
  for (const std::string& entry : options.suppress) {
    const std::size_t at = entry.find('@');
    if (kind.starts_with(entry.substr(0, at)) &&
        (at == std::string::npos || place.find(entry.substr(at + 1)) != std::string::npos))
      return true;
  }
  const std::string innermost = place.substr(0, place.find(", inlined at"));
  for (const KnownAlarm& known : known_alarms)
    if (kind == known.kind && message.starts_with(known.message) &&
        (known.is_innermost ? innermost : place).find(known.file) != std::string::npos)
      return true;
  return false;
}

/// Counts and prints it, unless there have been too many.
void print(const char* kind, const std::string& text) {
  ++count;
  if (++printed <= options.most_reports)
    std::fprintf(stderr, "vgpu: ERROR %s: %s\n", kind, text.c_str());
}

std::string file_and_line(const Module& module, u32 file, u32 line) {
  const std::string name = file < module.files.size() ? module.files[file] : "?";
  return name + ":" + std::to_string(line);
}

/// The location of the call by which code was inlined, if that has itself been inlined.
const Location* call_site(const Function& function, const Location& inner) {
  for (const Location& outer : function.locations)
    if (outer.file == inner.call_file && outer.line == inner.call_line && outer.call_line != 0)
      return &outer;
  return nullptr;
}

/// Kernel, block and what the caller says of the thread; the place in the program.
std::string context(const Warp& w, const Instruction& in, const std::string& thread) {
  const Function& function = *w.frame->function;
  std::string text = "\n      kernel " + demangled(w.launch->kernel->name) + " block " +
                     coordinates(w.block->index, w.launch->grid) + " " + thread;
  if (&function != w.launch->kernel) text += " in " + demangled(function.name);
  return text + "\n      " + place_of(function, in);
}

struct sigaction segment_before, bus_before;

/// In a kernel it names the instruction; on the host it tells a device pointer that was
/// dereferenced from the program's own faults. It ends the program, so it may call what is not safe
/// in handlers that return.
void on_fault(int signal, siginfo_t* information, void*) {
  const u64 address = reinterpret_cast<u64>(information->si_addr);
  if (const Warp* const w = running) {
    std::fprintf(stderr, "vgpu: ERROR invalid address: 0x%lx (VGPU_CHECK=1 tells more)%s\n",
                 address - distance,
                 w->frame && w->pc > 0
                     ? context(*w, w->current(), "warp " + std::to_string(w->id)).c_str()
                     : "");
  } else if (in_memory(address)) {
    std::fprintf(stderr,
                 "vgpu: ERROR device pointer on the host: 0x%lx was dereferenced by the host "
                 "program\n",
                 address);
  } else {  // it happens again when this returns
    sigaction(signal, signal == SIGSEGV ? &segment_before : &bus_before, nullptr);
    return;
  }
  std::fflush(nullptr);
  _exit(exit_bad_address);
}

}  // namespace

std::string demangled(const std::string& name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  constexpr std::size_t most = 200;
  return result.size() > most ? result.substr(0, most) + "..." : result;
}

std::string coordinates(u64 number, const Dim3& size) {
  const u64 x = number % size.x, y = number / size.x % size.y, z = number / size.x / size.y;
  return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
}

std::string place_of(const Function& function, const Instruction& in) {
  const Module& module = *function.module;
  std::string_view text = module.line_text(in.line);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::string place = "PTX line " + std::to_string(in.line) + ": " + std::string(text);
  if (in.location >= function.locations.size()) return place;
  const Location* at = &function.locations[in.location];
  if (at->line != 0) place += "\n      source " + file_and_line(module, at->file, at->line);
  constexpr int deepest = 12;
  for (int depth = 0; at && at->call_line != 0 && depth < deepest; ++depth) {
    place += ", inlined at " + file_and_line(module, at->call_file, at->call_line);
    at = call_site(function, *at);
  }
  return place;
}

void report(Warp& w, const Instruction& in, int lane, const char* kind, bool fatal,
            const char* format, ...) {
  const std::lock_guard lock(mutex);
  static std::set<std::pair<const Instruction*, std::string>> seen, suppressed;
  if (seen.count({&in, kind}) != 0) {
    ++count;
    if (fatal) w.launch->failed = true;
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  const std::string message = formatted(format, arguments);
  va_end(arguments);
  // What is suppressed may happen often: the same but for the address.
  const std::string gist = kind + message.substr(0, message.find(" at 0x"));
  if (suppressed.count({&in, gist}) != 0) return;
  if (is_suppressed(kind, message, place_of(*w.frame->function, in))) {
    suppressed.insert({&in, gist});
    return;
  }
  seen.insert({&in, kind});
  if (fatal) w.launch->failed = true;
  const auto thread = static_cast<u64>(w.id * lanes + lane);
  print(kind, message + context(w, in, "thread " + coordinates(thread, w.launch->block)));
}

void report_host(const char* kind, const char* format, ...) {
  const std::lock_guard lock(mutex);
  va_list arguments;
  va_start(arguments, format);
  const std::string message = formatted(format, arguments);
  va_end(arguments);
  if (!is_suppressed(kind, "", message)) print(kind, message);
}

u64 reports() {
  const std::lock_guard lock(mutex);
  return count;
}

void install_fault_handler() {
  // A second time would take this handler for the one before it, and hand faults to itself for
  // ever.
  static std::atomic_flag installed;
  if (installed.test_and_set()) return;
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &segment_before);
  sigaction(SIGBUS, &action, &bus_before);
}

}  // namespace vgpu
