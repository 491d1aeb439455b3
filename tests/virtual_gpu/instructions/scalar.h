// SPDX-License-Identifier: MIT
// Scalar arithmetic as PTX defines it, where C++ differs: rounding modes, narrow floating-point
// formats, NaN, flushing of subnormal numbers, saturation.
#pragma once
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <type_traits>

#include "machine/types.h"

namespace vgpu {

/// Rounding modifiers: rn, rz, rm, rp, rna. The integer ones (rni, ...) mean the same.
enum class Rounding : u8 { nearest, zero, down, up, away };

/// Sets the rounding mode of the processor while it lives. Loads, arithmetic and stores of a loop
/// in its scope stay there, because the calls may touch any memory.
class RoundingScope {
 public:
  explicit RoundingScope(Rounding mode) : before_(std::fegetround()) {
    static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[static_cast<int>(mode)]);
  }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;
  ~RoundingScope() { std::fesetround(before_); }

 private:
  int before_;
};

/// Results of f32 operations that are NaN have this one pattern; f64 keeps payloads.
inline constexpr u32 canonical_nan = 0x7fffffff;
inline constexpr u16 half_nan = 0x7fff;  // of f16 and bf16 alike

inline float canonical(float x) { return x == x ? x : bits_as<float>(canonical_nan); }
inline double canonical(double x) { return x; }

template <class T> using BitsOf = std::conditional_t<sizeof(T) == 4, u32, u64>;

/// Subnormal numbers become zeros of the same sign.
inline float flush(float x) {
  return std::fabs(x) < 0x1p-126f ? bits_as<float>(bits_as<u32>(x) & 0x80000000u) : x;
}
/// .sat: into [0, 1]; NaN and -0 become +0.
template <class T> T saturate(T x) { return x > 0 ? (x < 1 ? x : T(1)) : T(0); }
/// .relu: negative numbers become +0, NaN stays.
template <class T> T relu(T x) { return x <= 0 ? T(0) : x; }

/// Rounded to odd: x, or its odd neighbour if something, of the sign of `error`, is missing in x.
/// Rounding that to a format of at least two bits less is like rounding the exact value.
template <class T, class Error> T made_odd(T x, Error error) {
  const auto bits = bits_as<BitsOf<T>>(x);
  const auto odd = (error > 0) == (x > 0) ? bits + 1 : bits - 1;
  const bool inexact = error > 0 || error < 0;  // not so if it is NaN: x is not finite
  return inexact && (bits & 1) == 0 ? bits_as<T>(odd) : x;
}

/// Rounds a double, once, to a format with so many bits of exponent and of fraction; the result
/// lies in the low bits. NaN gives all ones but the sign.
template <int exponent_bits, int fraction_bits> inline u32 narrow(double x, Rounding mode) {
  constexpr int bias = (1 << (exponent_bits - 1)) - 1, dropped = 52 - fraction_bits;
  constexpr u64 infinity = ((u64{1} << exponent_bits) - 1) << fraction_bits, one = u64{1} << 52;
  const u64 bits = bits_as<u64>(x), magnitude = bits << 1 >> 1;
  const bool negative = bits >> 63;
  const u32 sign = u32{negative} << (exponent_bits + fraction_bits);
  if (x != x) return static_cast<u32>(infinity) | ((1u << fraction_bits) - 1);
  if (magnitude == u64{0x7ff} << 52) return sign | static_cast<u32>(infinity);

  const int exponent = static_cast<int>(magnitude >> 52) - 1023 + bias;
  const bool is_normal = exponent > 0;  // in the new format
  const u64 significand = magnitude < one ? magnitude : (magnitude & (one - 1)) | one;
  const int shift = is_normal ? dropped : std::min(dropped + 1 - exponent, 63);
  const u64 rest = significand & ((u64{1} << shift) - 1), half = u64{1} << (shift - 1);
  // A normal number's leading one adds to the exponent, and so does a carry.
  u64 kept = (significand >> shift) + (is_normal ? u64(exponent - 1) << fraction_bits : 0);
  const bool away = mode == (negative ? Rounding::down : Rounding::up);
  if (mode == Rounding::nearest)
    kept += rest > half || (rest == half && (kept & 1));
  else
    kept += mode == Rounding::away ? rest >= half : away && rest != 0;
  if (kept >= infinity)
    kept = mode == Rounding::nearest || mode == Rounding::away || away ? infinity : infinity - 1;
  return sign | static_cast<u32>(kept);
}

}  // namespace vgpu
