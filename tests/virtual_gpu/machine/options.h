// SPDX-License-Identifier: MIT
// What the environment chooses. README.md explains each variable.
#pragma once
#include <string>
#include <vector>

#include "machine/types.h"

namespace vgpu {

struct Options {
  bool check = false;       // VGPU_CHECK: all checks; implies one thread
  bool count = false;       // VGPU_COUNT: counters, printed at the end; implies one thread
  std::string count_file;   // VGPU_COUNT=FILE: counters as JSON into a file
  bool observe = false;     // check or count: memory accesses are looked at
  u64 seed = 0;             // VGPU_SEED: random warp schedules, and blocks in random order
  int threads = 1;          // VGPU_THREADS: blocks run on so many cores
  bool late_copies = true;  // VGPU_LATE_COPIES: cp.async completes only when it is waited for
  bool lazy = false;        // VGPU_LAZY: work of a stream runs only when somebody waits for it
  bool trace = false;       // VGPU_TRACE: a line per launch
  u64 limit =
      4'000'000'000;        // VGPU_LIMIT: warp instructions of one launch before it counts as hung
  u64 quota = 128;          // VGPU_QUOTA: instructions of a warp before the next one goes on
  int multiprocessors = 4;  // VGPU_MULTIPROCESSORS
  int architecture = 80;    // VGPU_ARCHITECTURE: compute capability times 10
  u64 memory = u64{16} << 30;  // VGPU_MEMORY: bytes of device memory
  u64 fail_call = 0;           // VGPU_FAIL_CALL: the n-th runtime call fails, from 1
  u64 fail_launch = 0;         // VGPU_FAIL_LAUNCH: the n-th launch fails as a kernel that trapped
  std::vector<std::string> suppress;   // VGPU_SUPPRESS: reports that are not wanted, kind@text;...
  std::vector<std::string> mutations;  // VGPU_MUTATE: changes to the program, see ptx/mutate.h
  std::string list_mutants;            // VGPU_LIST_MUTANTS=FILE: writes what could be changed
  int most_reports = 20;               // VGPU_REPORTS: reports that are printed
};

/// Read once from the environment, before anything else runs. A value that cannot be understood
/// ends the program with a message.
extern Options options;

/// Exit statuses of a program that ran on the virtual GPU.
enum ExitStatus { exit_unsupported = 97, exit_bad_address = 98, exit_reports = 99 };

/// Ends the program: something is asked for that is not implemented, or makes no sense.
[[noreturn, gnu::format(printf, 1, 2)]] void unsupported(const char* format, ...);

}  // namespace vgpu
