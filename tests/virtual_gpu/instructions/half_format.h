// SPDX-License-Identifier: MIT
// The formats f16 and bf16: conversion of many values at once to float and, rounded to nearest,
// back.
#pragma once
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "instructions/scalar.h"

namespace vgpu {

inline bool is_half(Type t) { return t >= Type::f16 && t <= Type::bf16x2; }

struct Float16 {
  static constexpr float smallest_normal = 0x1p-14f;
  static constexpr u16 smallest_normal_bits = 0x0400;
  using Exact = float;  // holds products of two numbers exactly

  static float widen(u16 x) {
    const u32 sign = static_cast<u32>(x & 0x8000) << 16, magnitude = x & 0x7fff;
    const float normal = bits_as<float>((magnitude << 13) + (112u << 23));
    const float special = bits_as<float>((magnitude << 13) | 0x7f800000u);
    const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
    const float value = magnitude >= 0x7c00 ? special : magnitude < 0x0400 ? subnormal : normal;
    return bits_as<float>(bits_as<u32>(value) | sign);
  }
  static u16 narrow(float x) {
    return static_cast<u16>(vgpu::narrow<5, 10>(double{x}, Rounding::nearest));
  }

  template <int n> static void widen(const u16* from, float* to) {
#ifdef __F16C__
    for (int i = 0; i < n; i += 8) {
      const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
#else
    for (int i = 0; i < n; ++i) to[i] = widen(from[i]);
#endif
  }
  template <int n> static void narrow(const float* from, u16* to) {
#ifdef __F16C__
    for (int i = 0; i < n; i += 8) {
      const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), halves);
    }
    for (int i = 0; i < n; ++i) to[i] = from[i] == from[i] ? to[i] : half_nan;
#else
    for (int i = 0; i < n; ++i) to[i] = narrow(from[i]);
#endif
  }
};

struct BFloat16 {
  static constexpr float smallest_normal = 0x1p-126f;
  static constexpr u16 smallest_normal_bits = 0x0080;
  using Exact = double;

  static float widen(u16 x) { return bits_as<float>(static_cast<u32>(x) << 16); }
  static u16 narrow(float x) {
    const u32 bits = bits_as<u32>(x);
    const u32 rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return x == x ? static_cast<u16>(rounded) : half_nan;
  }
  template <int n> static void widen(const u16* from, float* to) {
    for (int i = 0; i < n; ++i) to[i] = widen(from[i]);
  }
  template <int n> static void narrow(const float* from, u16* to) {
    for (int i = 0; i < n; ++i) to[i] = narrow(from[i]);
  }
};

}  // namespace vgpu
