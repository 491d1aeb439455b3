// SPDX-License-Identifier: MIT
// The beginning and the end of a program: what nvcc's initialisation code calls before main to make
// fat binaries, kernels and variables known, and what is left to do at the exit. Modules are loaded
// when something of them is first used.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <unordered_map>

#include "checks/observe.h"
#include "checks/report.h"
#include "machine/options.h"
#include "ptx/fatbin.h"
#include "ptx/mutate.h"
#include "runtime/kernel.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

struct FatBinary {
  const void* wrapper = nullptr;
  Module* module = nullptr;
  int target = 0;
};

/// A kernel or a variable.
struct Registered {
  FatBinary* binary = nullptr;
  std::string name;
};

/// By the addresses that stand for them in the host program.
std::unordered_map<const void*, Registered> registry;

/// The number behind ".target sm_".
int target_of(std::string_view ptx) {
  constexpr std::string_view key = ".target sm_";
  const std::size_t at = ptx.find(key);
  int number = 0;
  if (at != ptx.npos)
    std::from_chars(ptx.data() + at + key.size(), ptx.data() + ptx.size(), number);
  return number;
}

/// Loads the text that a driver would choose: the newest that this device can run.
Module& module_of(FatBinary& binary) {
  if (binary.module != nullptr) return *binary.module;
  std::string why_not = "there is none";
  std::string_view best;
  for (const std::string_view text : ptx_of(binary.wrapper, why_not)) {
    const int target = target_of(text);
    if (target > options.architecture) why_not = "it is for sm_" + std::to_string(target);
    if (target > options.architecture || target <= binary.target) continue;
    binary.target = target;
    best = text;
  }
  if (best.empty())
    unsupported(
        "no usable PTX in this program (%s): compile with -gencode arch=compute_%d,code=compute_%d "
        "--compress-mode=none",
        why_not.c_str(), options.architecture, options.architecture);
  return *(binary.module = load_module(best));
}

void add(void** binary, const void* host, const char* name) {
  const std::lock_guard lock(runtime_lock());
  registry[host] = {reinterpret_cast<FatBinary*>(binary), name};
}

const Registered& find(const void* host, cudaError_t otherwise) {
  const auto found = registry.find(host);
  expect(found != registry.end(), otherwise);
  return found->second;
}

void give_out_counters() {
  if (options.count_file.empty()) return print_counters(stderr);
  std::FILE* const file = std::fopen(options.count_file.c_str(), "w");
  if (file == nullptr) unsupported("cannot write %s", options.count_file.c_str());
  write_counters_json(file);
  std::fclose(file);
}

/// The library was loaded before the program began, so this comes after all destructors of its
/// objects, which may still call the runtime.
[[gnu::destructor]] void at_exit() {
  query("(exit)", [] {
    // Kernels that nobody has waited for are still executed, for the sake of the checks.
    state().ending = true;
    run_all();
  });
  if (options.count) give_out_counters();
  if (options.check && live_allocations() != 0)
    std::fprintf(stderr, "vgpu: %zu device allocations were never freed\n", live_allocations());
  const auto unused = unused_mutations();
  for (const auto& mutation : unused)
    std::fprintf(stderr, "vgpu: the mutation %s was never applied\n", mutation.c_str());
  if (reports() != 0)
    std::fprintf(stderr, "vgpu: %llu error reports\n", static_cast<unsigned long long>(reports()));
  if (unused.empty() && reports() == 0) return;
  std::fflush(nullptr);
  _exit(exit_reports);
}

}  // namespace

Kernel kernel_of(const void* symbol) {
  const Registered& entry = find(symbol, cudaErrorInvalidDeviceFunction);
  const auto& functions = module_of(*entry.binary).functions;
  const auto found = functions.find(entry.name);
  expect(found != functions.end(), cudaErrorInvalidDeviceFunction);
  Function& function = *found->second;
  if (!function.is_parsed) {
    parse(function);
    // What a launch may ask for besides, unless cudaFuncSetAttribute says otherwise.
    function.dynamic_limit =
        limits::shared_by_default - std::min<u32>(limits::shared_by_default, function.shared_bytes);
  }
  return {function, entry.binary->target};
}

const Symbol& symbol_of(const void* host) {
  const Registered& entry = find(host, cudaErrorInvalidSymbol);
  const auto& symbols = module_of(*entry.binary).symbols;
  const auto found = symbols.find(entry.name);
  expect(found != symbols.end(), cudaErrorInvalidSymbol);
  return found->second;
}

}  // namespace vgpu

using namespace vgpu;

// Declared by no header that a host compiler can read.
extern "C" {

void** __cudaRegisterFatBinary(void* wrapper) {
  install_fault_handler();
  return reinterpret_cast<void**>(new FatBinary{wrapper});  // lives as long as the program
}

void __cudaRegisterFatBinaryEnd(void**) {}

/// Nothing is forgotten: destructors of the program's objects may still launch kernels.
void __cudaUnregisterFatBinary(void**) {}

void __cudaRegisterFunction(void** binary, const char* host, char*, const char* name, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  add(binary, host, name);
}

void __cudaRegisterVar(void** binary, char* host, char*, const char* name, int, size_t, int, int) {
  add(binary, host, name);
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  const std::lock_guard lock(runtime_lock());
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(host));
  return registry.count(host) != 0 ? cudaSuccess : cudaErrorInvalidDeviceFunction;
}

/// No object of this library is ever destroyed, since the program's may still call it: its own
/// calls, by which the compiler registers destructors, come here.
[[gnu::visibility("hidden")]] int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }

}  // extern "C"
