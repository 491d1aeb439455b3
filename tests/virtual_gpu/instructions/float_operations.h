// SPDX-License-Identifier: MIT
// Operations on floating-point numbers, of which the handlers of f32, f64 and the halves are made.
// Approximate ones are computed as exactly as is cheap: the manual bounds their error.
#pragma once
#include "instructions/scalar.h"

namespace vgpu {

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
