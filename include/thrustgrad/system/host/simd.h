// SPDX-License-Identifier: MIT
// Inner loops for the instructions that the machine has, without -march in the user's build: the
// same loop is compiled in three functions that differ in their target attribute, and one is chosen
// at run time. An OpenMP region calls such a function, it is never inside one (clang does not pass
// the target on).
#pragma once
#include <cstdlib>
#include <string_view>
#include <utility>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// Instruction levels, each with all of the ones before it.
enum class Isa { baseline, avx2, avx512 };

/// The level in use: the best that the processor has, or the one that the environment variable
/// THRUSTGRAD_ISA (baseline, avx2 or avx512) names.
/// Throws if it names one that is unknown, or that the processor lacks.
inline Isa isa() {
  static const Isa chosen = [] {
#ifdef __x86_64__
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
#else
    const bool avx2 = false, avx512 = false;
#endif
    const Isa best = avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
    const char* const variable = std::getenv("THRUSTGRAD_ISA");
    if (variable == nullptr) return best;
    const std::string_view name = variable;
    require(name == "baseline" || name == "avx2" || name == "avx512", "THRUSTGRAD_ISA", "'", name,
            "' is not one of baseline, avx2, avx512");
    const Isa wanted = name == "avx512" ? Isa::avx512 : name == "avx2" ? Isa::avx2 : Isa::baseline;
    require(wanted <= best, "THRUSTGRAD_ISA", "this processor has no ", name);
    return wanted;
  }();
  return chosen;
}

#ifdef __x86_64__
#define THRUSTGRAD_TARGET_AVX2 gnu::target("avx2,fma")
#define THRUSTGRAD_TARGET_AVX512 gnu::target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")
#else
#define THRUSTGRAD_TARGET_AVX2
#define THRUSTGRAD_TARGET_AVX512
#endif

namespace detail {

template <class Loop, class... Args>
[[THRUSTGRAD_TARGET_AVX2, gnu::flatten]] void run_avx2(const Loop& loop, Args... args) {
  loop(args...);
}
template <class Loop, class... Args>
[[THRUSTGRAD_TARGET_AVX512, gnu::flatten]] void run_avx512(const Loop& loop, Args... args) {
  loop(args...);
}

}  // namespace detail

/// loop(args...), compiled for the level in use. The loop's call operator must be inlinable: it is
/// compiled again inside a function with the level's target.
template <class Loop, class... Args> void run_simd(const Loop& loop, Args... args) {
  switch (isa()) {
    case Isa::avx512:
      return detail::run_avx512(loop, args...);
    case Isa::avx2:
      return detail::run_avx2(loop, args...);
    case Isa::baseline:
      return loop(args...);
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
