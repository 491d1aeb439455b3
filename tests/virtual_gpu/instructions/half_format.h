// SPDX-License-Identifier: MIT
// The formats f16 and bf16: conversion to float and, rounded to nearest, back; of one value, and of
// many, which for f16 the compiler does not make vectors of by itself.
#pragma once
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "instructions/scalar.h"

namespace vgpu {

inline bool is_half(Type t) { return t >= Type::f16 && t <= Type::bf16x2; }

struct Float16 {
  using Exact = float;  // holds products of two numbers exactly
  static float widen(u16 x) { return static_cast<float>(bits_as<_Float16>(x)); }
  static u16 narrow(float x) { return x == x ? bits_as<u16>(static_cast<_Float16>(x)) : half_nan; }
};

struct BFloat16 {
  using Exact = double;
  static float widen(u16 x) { return bits_as<float>(static_cast<u32>(x) << 16); }
  static u16 narrow(float x) {
    const u32 bits = bits_as<u32>(x);
    const u32 rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return x == x ? static_cast<u16>(rounded) : half_nan;
  }
};

template <class Format, int n> void widen_all(const u16* from, float* to) {
#ifdef __F16C__
  if constexpr (std::is_same_v<Format, Float16>) {
    for (int i = 0; i < n; i += 8) {
      const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    return;
  }
#endif
  for (int i = 0; i < n; ++i) to[i] = Format::widen(from[i]);
}

template <class Format, int n> void narrow_all(const float* from, u16* to) {
#ifdef __F16C__
  if constexpr (std::is_same_v<Format, Float16>) {
    for (int i = 0; i < n; i += 8) {
      const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), halves);
    }
    for (int i = 0; i < n; ++i) to[i] = from[i] == from[i] ? to[i] : half_nan;
    return;
  }
#endif
  for (int i = 0; i < n; ++i) to[i] = Format::narrow(from[i]);
}

}  // namespace vgpu
