// SPDX-License-Identifier: MIT
// Reports of what is wrong in a program, each once for an instruction and a kind.
#pragma once
#include <string>

#include "machine/warp.h"

namespace vgpu {

/// Reports an error of a lane at an instruction: kind, message, kernel, block, thread, PTX line and
/// source line. `kind` is one of the words in README.md. `fatal`: the launch ends, and the program
/// sees a launch failure.
[[gnu::format(printf, 6, 7)]] void report(Warp&, const Instruction&, int lane, const char* kind,
                                          bool fatal, const char* format, ...);

/// Reports an error of the host program, in a runtime call.
[[gnu::format(printf, 2, 3)]] void report_host(const char* kind, const char* format, ...);

/// Reports so far, printed or not; suppressed ones do not count.
u64 reports();

/// Where an instruction comes from: its PTX line and text, source file and line.
std::string place_of(const Function&, const Instruction&);
std::string demangled(const std::string& name);
/// "(x,y,z)" of the thread or block with that number.
std::string coordinates(u64 number, const Dim3& size);

/// Turns an invalid address in a kernel or a device pointer on the host into a report and an exit
/// status. `running`: the warp being executed by this thread, null on the host.
void install_fault_handler();
extern thread_local Warp* running;

}  // namespace vgpu
