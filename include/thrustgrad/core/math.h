// SPDX-License-Identifier: MIT
//
// Elementary functions of float and double, for the functors of pointwise operations on every
// system. The float versions of exp, log, tanh, erf and what is built from them are arithmetic
// without branches or calls, so that loops vectorise; each states its largest error in units in the
// last place (ulp), measured by its test, with and without fused multiply-add. The double versions
// are the standard library's. Their derivatives are in autograd/dual.h. Layer: core.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "thrustgrad/config.h"
#include "thrustgrad/core/dtype.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

template <class T>
concept number = std::is_arithmetic_v<T> || is_one_of<T, bf16, half>;

template <class T>
concept real = is_one_of<T, float, double>;

template <real T>
using bits_of = std::conditional_t<std::same_as<T, float>, std::uint32_t, std::uint64_t>;

}  // namespace detail

/// c ? a : b with both sides evaluated and no branch. Conditions are joined by & and |, of which
/// the compiler makes no branch either.
template <detail::number A, detail::number B> THRUSTGRAD_FN auto where(bool c, A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (detail::real<T>) {
    using U = detail::bits_of<T>;
    return detail::bit_cast<T>(detail::select_bits(c, detail::bit_cast<U>(static_cast<T>(a)),
                                                   detail::bit_cast<U>(static_cast<T>(b))));
  } else {
    return c ? static_cast<T>(a) : static_cast<T>(b);
  }
}

/// The larger of a and b; NaN if either is.
template <detail::number A, detail::number B> THRUSTGRAD_FN auto maximum(A a, B b) {
  using T = std::common_type_t<A, B>;
  const T x = static_cast<T>(a), y = static_cast<T>(b);
  return where((x > y) | (x != x), x, y);
}

/// The smaller of a and b; NaN if either is.
template <detail::number A, detail::number B> THRUSTGRAD_FN auto minimum(A a, B b) {
  using T = std::common_type_t<A, B>;
  const T x = static_cast<T>(a), y = static_cast<T>(b);
  return where((x < y) | (x != x), x, y);
}

/// x limited to the interval from low to high; NaN stays NaN.
template <detail::number T, detail::number L, detail::number H>
THRUSTGRAD_FN T clamp(T x, L low, H high) {
  const T l = static_cast<T>(low), h = static_cast<T>(high);
  const T above = where(x < l, l, x);
  return where(h < above, h, above);
}

/// The positive part of x; NaN stays NaN.
template <detail::number T> THRUSTGRAD_FN T relu(T x) { return where(x < T(0), T(0), x); }

template <detail::number T> THRUSTGRAD_FN T abs(T x) {
  if constexpr (detail::real<T>) {
    using U = detail::bits_of<T>;
    return detail::bit_cast<T>(detail::bit_cast<U>(x) & ~detail::bit_cast<U>(T(-0.0)));
  } else {
    return static_cast<T>(x < T(0) ? -x : x);
  }
}

/// -1, 0 or 1 with the sign of x; NaN stays NaN.
template <detail::number T> THRUSTGRAD_FN T sign(T x) {
  return where(x > T(0), T(1), where(x < T(0), static_cast<T>(-1), x));
}

template <detail::number T> THRUSTGRAD_FN bool isnan(T x) { return x != x; }

template <detail::number T> THRUSTGRAD_FN bool isfinite(T x) { return x - x == x - x; }

namespace detail {

// |y| with the sign of x.
THRUSTGRAD_FN float with_sign_of(float x, float y) {
  return bit_cast<float>((bit_cast<std::uint32_t>(x) & 0x80000000u) | bit_cast<std::uint32_t>(y));
}

// e^x = scale^2 (1 + fraction), where scale is a power of two and |fraction| at most 1. The square
// of the scale spans the subnormals and the last binade, which no single power of two does.
struct scaled_exp {
  float scale, fraction;
};

// x = 2 m ln 2 + r with m an integer, |r| <= ln 2; for |x| < 150. The sum with 1.5 2^23 leaves m in
// the low bits; 2 ln 2 is subtracted in two parts, the first of so few bits that m times it is
// exact. The polynomial is a minimax fit of (e^r - 1 - r) / r^2.
THRUSTGRAD_FN scaled_exp split_exp(float x) {
  constexpr float shift = 0x1.8p23f;
  const float shifted = x * 0.721347520f + shift;
  const float m = shifted - shift;
  const float r = (x - m * 1.38671875f) + m * 4.24388888e-4f;
  float q = 2.47810840e-5f;
  q = q * r + 2.00965325e-4f;
  q = q * r + 1.38904352e-3f;
  q = q * r + 8.33262410e-3f;
  q = q * r + 4.16666195e-2f;
  q = q * r + 0.166666716f;
  q = q * r + 0.5f;
  const std::uint32_t scale = (bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000u;
  return {bit_cast<float>(scale), r + (r * r) * q};
}

// Beyond these bounds e^x is 0 or infinite in float.
THRUSTGRAD_FN float clamp_exponent(float x) { return clamp(x, -104.0f, 89.0f); }

// log(1 + f) of a mantissa 1 + f in [sqrt(1/2), sqrt(2)), plus k ln 2 in two parts. The polynomial
// is a minimax fit of (log(1 + f) - f + f^2/2) / f^3.
THRUSTGRAD_FN float log_of_parts(float f, float k) {
  float p = -7.63442963e-2f;
  p = p * f + 0.127615497f;
  p = p * f - 0.131601945f;
  p = p * f + 0.142017618f;
  p = p * f - 0.166233569f;
  p = p * f + 0.200012267f;
  p = p * f - 0.250008225f;
  p = p * f + 0.333333313f;
  const float f2 = f * f;
  return k * 0.693359375f + (f + (f2 * (p * f - 0.5f) - k * 2.12194440e-4f));
}

}  // namespace detail

/// The largest integer not above x: the sum with 2^23 rounds |x| to an integer, to be corrected
/// by 1.
THRUSTGRAD_FN float floor(float x) {
  const float a = abs(x);
  const float rounded = detail::with_sign_of(x, (a + 0x1p23f) - 0x1p23f);
  return where(a < 0x1p23f, rounded - where(rounded > x, 1.0f, 0.0f), x);
}

/// e^x, within 1.5 ulp; overflows to infinity and underflows gradually to 0.
THRUSTGRAD_FN float exp(float x) {
  const auto [scale, fraction] = detail::split_exp(detail::clamp_exponent(x));
  return (scale + scale * fraction) * scale;
}

/// e^x - 1, within 1.6 ulp, also where x is small.
THRUSTGRAD_FN float expm1(float x) {
  const auto [scale, fraction] = detail::split_exp(detail::clamp_exponent(x));
  const float inverse =
      detail::bit_cast<float>(0x7f000000u - detail::bit_cast<std::uint32_t>(scale));
  return detail::with_sign_of(x, scale * (scale * fraction + (scale - inverse)));
}

/// The natural logarithm, within 1 ulp; -infinity at 0, NaN below.
THRUSTGRAD_FN float log(float x) {
  constexpr std::uint32_t sqrt_half = 0x3f3504f3u;
  const bool subnormal = x < 0x1p-126f;
  const float normal = x * where(subnormal, 0x1p23f, 1.0f);
  const std::uint32_t bits = detail::bit_cast<std::uint32_t>(normal) - sqrt_half;
  const float k =
      static_cast<float>(static_cast<std::int32_t>(bits) >> 23) - where(subnormal, 23.0f, 0.0f);
  const float mantissa = detail::bit_cast<float>((bits & 0x7fffffu) + sqrt_half);
  const float special =
      where(x == 0.0f, -detail::infinity<float>, where(x < 0.0f, detail::nan<float>, x));
  return where((x > 0.0f) & (x < detail::infinity<float>), detail::log_of_parts(mantissa - 1.0f, k),
               special);
}

/// log(1 + x), within 1.5 ulp, also where x is small: what rounding 1 + x lost is added back.
THRUSTGRAD_FN float log1p(float x) {
  const float u = 1.0f + x;
  const float rounded = u - 1.0f;
  const float lost = (1.0f - (u - rounded)) + (x - rounded);
  const bool ordinary = (u > 0.0f) & (u < detail::infinity<float>);
  return detail::with_sign_of(x, log(u) + where(ordinary, lost / u, 0.0f));
}

/// The hyperbolic tangent, within 2.5 ulp: E / (E + 2) with E = e^2|x| - 1, and the sign of x.
THRUSTGRAD_FN float tanh(float x) {
  const float a = abs(x);
  const auto [scale, fraction] = detail::split_exp(2.0f * where(10.0f < a, 10.0f, a));
  const float square = scale * scale;
  const float e = square * fraction + (square - 1.0f);
  return detail::with_sign_of(x, e / (e + 2.0f));
}

/// The error function, 2 / sqrt(pi) times the integral of e^-t^2 from 0 to x, within 2 ulp.
/// Of c = |x| it is 1 - e^-(c + cG(c)), where G is a minimax fit of -log(erfc(c)) / c - 1; it
/// rounds to 1 beyond 3.95.
THRUSTGRAD_FN float erf(float x) {
  const float a = abs(x);
  const float c = where(3.95f < a, 3.95f, a);
  float g = -9.25318636e-6f;
  g = g * c + 1.17612508e-4f;
  g = g * c - 6.32729090e-4f;
  g = g * c + 1.66681886e-3f;
  g = g * c - 1.60172538e-4f;
  g = g * c - 1.91531964e-2f;
  g = g * c + 0.102777869f;
  g = g * c + 0.636619389f;
  g = g * c + 0.128379161f;
  const auto [scale, fraction] = detail::split_exp(-(c + c * g));
  const float square = scale * scale;
  return detail::with_sign_of(x, (1.0f - square) - square * fraction);
}

namespace detail {

// log x of a positive float in double, to 2^-39 of itself: k ln 2 + 2 artanh(s).
THRUSTGRAD_FN double log_in_double(float x) {
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdu, one = 0x3ff0000000000000u;
  const double wide = x;
  const std::uint64_t bits = bit_cast<std::uint64_t>(wide) + (one - sqrt_half);
  const std::uint64_t exponent = bits >> 52;
  // An integer below 2^52 in the mantissa of 2^52 is that double: a conversion that vectorises.
  const double k = bit_cast<double>(exponent | 0x4330000000000000u) - (0x1p52 + 1023.0);
  const double m = bit_cast<double>((bits & 0x000fffffffffffffu) + sqrt_half);
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  const double finite = k * 0.693147180559945309 + 2.0 * s * p;
  return where(wide == 0.0, -infinity<double>, where(wide < infinity<double>, finite, wide));
}

// e^x rounded to float from a Taylor series in double.
THRUSTGRAD_FN float exp_in_double(double x) {
  constexpr double shift = 0x1.8p52;
  const double c = clamp(x, -200.0, 200.0);
  const double shifted = c * 1.44269504088896341 + shift;
  const double r = c - (shifted - shift) * 0.693147180559945309;
  double p = 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 1.0 / 2;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const std::uint64_t power = (bit_cast<std::uint64_t>(shifted) + 1023) << 52;
  return static_cast<float>(p * bit_cast<double>(power));
}

}  // namespace detail

/// x^y, within 0.51 ulp, computed in double; special cases as in C: 1 where x is 1 or y is 0, NaN
/// where x is negative and y no integer.
template <std::same_as<float> T> THRUSTGRAD_FN T pow(T x, T y) {
  const T a = abs(x);
  const double logarithm = where((a == 1.0f) | (y == 0.0f), 0.0, detail::log_in_double(a) * y);
  const T power = detail::exp_in_double(logarithm);
  const bool integer = floor(y) == y;
  const bool odd = integer & (2.0f * floor(0.5f * y) != y);
  const T magnitude = where((x < 0.0f) & (a < detail::infinity<T>)&!integer, detail::nan<T>, power);
  return where(odd, detail::with_sign_of(x, magnitude), magnitude);
}

// The double versions are templates because the standard library's functions are not constexpr.

template <std::same_as<double> T> THRUSTGRAD_FN T pow(T x, T y) { return std::pow(x, y); }

/// x^y with an exponent or a base of another arithmetic type, computed in the floating-point one.
template <detail::real T, detail::number E>
requires(!std::same_as<T, E>) THRUSTGRAD_FN T pow(T x, E y) { return pow(x, static_cast<T>(y)); }

template <std::same_as<double> T> THRUSTGRAD_FN T exp(T x) { return std::exp(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T expm1(T x) { return std::expm1(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T log(T x) { return std::log(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T log1p(T x) { return std::log1p(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T tanh(T x) { return std::tanh(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T erf(T x) { return std::erf(x); }

/// 1 / (1 + e^-x), within 3 ulp; 0 below -88.7, where it would be subnormal.
template <detail::real T> THRUSTGRAD_FN T sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }

template <detail::real T> THRUSTGRAD_FN T sin(T x) { return std::sin(x); }

template <detail::real T> THRUSTGRAD_FN T cos(T x) { return std::cos(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T floor(T x) { return std::floor(x); }

template <detail::real T> THRUSTGRAD_FN T sqrt(T x) { return std::sqrt(x); }

template <detail::real T> THRUSTGRAD_FN T rsqrt(T x) { return T(1) / std::sqrt(x); }

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
