// SPDX-License-Identifier: MIT
// Scalar arithmetic: what several families do with integers, and what PTX defines otherwise than
// C++, which is rounding modes, narrow formats, NaN, flushing of subnormal numbers, saturation.
#pragma once
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <type_traits>

#include "machine/types.h"

namespace vgpu {

// ---- integers

/// Unsigned, and wide enough that sums and products of T wrap as they should.
template <class T> using Wrap = std::common_type_t<std::make_unsigned_t<T>, u32>;
template <class T> T add(T a, T b) { return static_cast<T>(Wrap<T>(a) + Wrap<T>(b)); }
template <class T> T least(T a, T b) { return a < b ? a : b; }
template <class T> T greatest(T a, T b) { return a > b ? a : b; }
template <class T> T bit_and(T a, T b) { return a & b; }
template <class T> T bit_or(T a, T b) { return a | b; }
template <class T> T bit_xor(T a, T b) { return a ^ b; }

// ---- floating-point numbers

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

// ---- operations of which the handlers of f32, f64 and the halves are made. Approximate ones are
// computed as exactly as is cheap: the manual bounds their error.

inline constexpr auto sum = [](auto a, auto b) { return a + b; };
inline constexpr auto difference = [](auto a, auto b) { return a - b; };
inline constexpr auto product = [](auto a, auto b) { return a * b; };
inline constexpr auto quotient = [](auto a, auto b) { return a / b; };
inline constexpr auto fused_sum = [](auto a, auto b, auto c) { return std::fma(a, b, c); };
inline constexpr auto reciprocal = [](auto a) { return 1 / a; };
inline constexpr auto square_root = [](auto a) { return std::sqrt(a); };
inline constexpr auto reciprocal_root = [](auto a) {
  return static_cast<decltype(a)>(1 / std::sqrt(double{a}));
};
inline constexpr auto sine = [](auto a) { return std::sin(a); };
inline constexpr auto cosine = [](auto a) { return std::cos(a); };
inline constexpr auto hyperbolic_tangent = [](auto a) { return std::tanh(a); };

/// div.approx: the reciprocal of a large divisor underflows to zero.
inline float approximate_quotient(float a, float b) {
  const float magnitude = std::fabs(b);
  const bool large = magnitude > 0x1p126f && magnitude < INFINITY;
  return large ? a * std::copysign(0.0f, b) : a / b;
}

// 2^x and log2 x without calls or branches, so that loops of them become vectors: in double to
// about 36 bits, so the result is nearly always the float that is nearest.

inline float exponential(float a) {
  constexpr double shift = 0x1.8p52;  // a double plus this has its integer part in the low bits
  constexpr double ln2 = 0x1.62e42fefa39efp-1;
  const double x = a >= -200.0f ? (a <= 200.0f ? double{a} : 200.0) : -200.0;
  const double shifted = x + shift;
  const double t = (x - (shifted - shift)) * ln2;  // at most 0.35
  double series = 1.0 / 362880;
  for (const double divisor : {40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0})
    series = series * t + 1 / divisor;
  const double power = bits_as<double>((bits_as<u64>(shifted) + 1023) << 52);
  return a == a ? static_cast<float>(series * power) : a;
}
inline float logarithm(float a) {
  constexpr u64 root = 0x3fe6a09e667f3bcd;  // of 0.5
  constexpr u64 offset = u64{1024} << 52;
  constexpr double two_by_ln2 = 0x1.71547652b82fep+1;
  const u64 bits = bits_as<u64>(double{a});  // in double no float is subnormal
  const u64 exponent = (bits - root + offset) >> 52;
  const double m = bits_as<double>(bits - (exponent << 52) + offset);  // around 1, up to a root
  const double e = bits_as<double>(exponent | u64{0x433} << 52) - 0x1p52 - 1024;
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 1.0 / 15;
  for (const double divisor : {13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0})
    series = series * square + 1 / divisor;
  const float result = static_cast<float>(e + series * s * two_by_ln2);
  const float special = a == 0 ? -INFINITY : a == INFINITY ? a : NAN;
  return a > 0 && a < INFINITY ? result : special;
}

/// min and max: of a NaN and a number the number, and -0 < +0.
template <bool is_max, class T> T extreme(T a, T b) {
  const auto x = bits_as<BitsOf<T>>(a), y = bits_as<BitsOf<T>>(b);
  const T equal = bits_as<T>(is_max ? x & y : x | y);
  const T chosen = is_max == (a > b) ? a : b;
  return canonical(a != a ? b : b != b ? a : a == b ? equal : chosen);
}
/// min.NaN and max.NaN: NaN if one of them is.
template <bool is_max> float extreme_nan(float a, float b) {
  return a == a && b == b ? extreme<is_max>(a, b) : bits_as<float>(canonical_nan);
}
inline constexpr auto minimum = [](auto a, auto b) { return extreme<false>(a, b); };
inline constexpr auto maximum = [](auto a, auto b) { return extreme<true>(a, b); };

inline constexpr auto negated = [](auto a) { return -a; };
inline constexpr auto magnitude = [](auto a) { return std::fabs(a); };
inline constexpr auto with_sign_of_first = [](auto a, auto b) { return std::copysign(b, a); };

}  // namespace vgpu
