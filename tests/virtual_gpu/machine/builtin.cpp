// SPDX-License-Identifier: MIT
// Functions that a device's own library would provide: printf and assert.
#include <cstdio>
#include <cstring>
#include <string>

#include "checks/report.h"
#include "machine/options.h"
#include "machine/warp.h"
#include "memory/device_memory.h"

namespace vgpu {

namespace {

/// An argument of the call, at most 8 bytes, as a lane gave it.
u64 argument(const Warp& w, const Instruction& in, u32 index, int lane) {
  const Place* const arguments = in.extra + 2 + 2 * in.extra[0];
  const Place offset = arguments[2 * index], size = arguments[2 * index + 1];
  u64 value = 0;
  std::memcpy(&value, w.frame->call_area() + offset + lane * size, static_cast<u32>(size));
  return value;
}

/// Takes the next value of a type from printf's argument buffer, aligned as the compiler packed it.
template <class T> T next_value(const u8* buffer, std::size_t& at) {
  at = round_up(at, sizeof(T));
  T value;
  std::memcpy(&value, buffer + at, sizeof(T));
  at += sizeof(T);
  return value;
}

template <class T> void append(std::string& out, const std::string& format, T value) {
  char text[1024];
  std::snprintf(text, sizeof text, format.c_str(), value);
  out += text;
}

/// printf, with C's conversions; h and l only say how wide the promoted argument is.
std::string formatted(const char* format, const u8* buffer) {
  std::string out;
  std::size_t at = 0;
  for (const char* s = format; *s != 0; ++s) {
    if (*s != '%' || *++s == '%') {
      out += *s;
      continue;
    }
    std::string spec = "%";
    bool is_long = false;
    for (; *s != 0 && std::strchr("diouxXcsfFeEgGaAp", *s) == nullptr; ++s) {
      if (*s == '*')
        spec += std::to_string(next_value<int>(buffer, at));
      else if (*s == 'l' || *s == 'z' || *s == 'j' || *s == 't')
        is_long = true;
      else if (*s != 'h')
        spec += *s;
    }
    if (*s == 0) break;
    if (std::strchr("fFeEgGaA", *s) != nullptr)
      append(out, spec + *s, next_value<double>(buffer, at));
    else if (*s == 's')
      append(out, spec + 's', host_address<const char>(next_value<u64>(buffer, at)));
    else if (*s == 'p')
      append(out, spec + 'p', reinterpret_cast<void*>(next_value<u64>(buffer, at)));
    else if (is_long)
      append(out, spec + 'l' + *s, next_value<u64>(buffer, at));
    else
      append(out, spec + *s, next_value<u32>(buffer, at));
  }
  return out;
}

}  // namespace

void call_builtin(Warp& w, const Instruction& in, Mask mask, const Function& function) {
  if (function.name == "vprintf") {
    for_lanes(mask, [&](int lane) {
      const char* const format = host_address<const char>(argument(w, in, 0, lane));
      const u64 buffer = argument(w, in, 1, lane);
      std::fputs(formatted(format, buffer != 0 ? host_address(buffer) : nullptr).c_str(), stdout);
    });
  } else if (function.name == "__assertfail") {
    const int lane = first_lane(mask);
    report(w, in, lane, "device assert", true, "%s (%s:%u, in %s)",
           host_address<const char>(argument(w, in, 0, lane)),
           host_address<const char>(argument(w, in, 1, lane)),
           static_cast<u32>(argument(w, in, 2, lane)),
           host_address<const char>(argument(w, in, 3, lane)));
    w.launch->failed = w.stop = true;
  } else {
    unsupported("kernel %s calls %s", w.launch->kernel->name.c_str(), function.name.c_str());
  }
}

}  // namespace vgpu
