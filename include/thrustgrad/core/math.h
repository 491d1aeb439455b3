// SPDX-License-Identifier: MIT
//
// Elementary functions of float and double, for the functors of pointwise operations on every
// system. The float versions of exp, log, tanh, erf and what is built from them are arithmetic
// without branches or calls, so that loops vectorise; each states its largest error in units in the
// last place (ulp), measured by its test, with and without fused multiply-add. The double versions
// are the standard library's. Their derivatives are in autograd/derivatives.h. Layer: core.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "thrustgrad/config.h"
#include "thrustgrad/core/number.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

// |y| with the sign of x.
THRUSTGRAD_FN float with_sign_of(float x, float y) {
  return bit_cast<float>((bit_cast<std::uint32_t>(x) & 0x80000000u) | bit_cast<std::uint32_t>(y));
}

// y, or NaN where x is.
THRUSTGRAD_FN float with_nan_of(float x, float y) {
  return bit_cast<float>(bit_cast<std::uint32_t>(y) | nan_bits(x));
}

// The lesser of x and a positive bound; the bound for a positive NaN. Floats of one sign are
// ordered as their bits are, and the lesser of two integers is one instruction.
THRUSTGRAD_FN float at_most(float x, float high) {
  return bit_cast<float>(lesser(bit_cast<std::int32_t>(x), bit_cast<std::int32_t>(high)));
}

// x limited to [low, high], where low < 0 < high; NaN becomes one of the bounds.
THRUSTGRAD_FN float saturate(float x, float low, float high) {
  return bit_cast<float>(
      lesser(bit_cast<std::uint32_t>(at_most(x, high)), bit_cast<std::uint32_t>(low)));
}

// The same, but NaN stays NaN.
THRUSTGRAD_FN float limit(float x, float low, float high) {
  return with_nan_of(x, saturate(x, low, high));
}

// x = n ln 2 + rest, where power holds n + bias in its low bits and |rest| <= ln 2 / 2.
struct reduced_exponent {
  std::uint32_t power;
  float rest;
};

// For |x| < 150. The sum with 1.5 2^23 leaves n in the low bits; ln 2 is subtracted in two parts,
// the first of so few bits that n times it is exact.
THRUSTGRAD_FN reduced_exponent reduce_exponent(float x, float bias) {
  const float shift = 0x1.8p23f + bias;
  const float shifted = x * 1.44269504f + shift;
  const float n = shifted - shift;
  return {bit_cast<std::uint32_t>(shifted), (x - n * 0.693359375f) + n * 2.12194440e-4f};
}

// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, a minimax fit with errors relative to e^r. Terms are
// added in pairs here and below, because a loop waits for its chain of dependent operations.
THRUSTGRAD_FN float exp_remainder(float r) {
  return (8.31257831e-3f * r + 4.18902114e-2f) * (r * r) + (0.166671142f * r + 0.499992311f);
}

// The same with errors relative to e^r - 1.
THRUSTGRAD_FN float expm1_remainder(float r) {
  const float r2 = r * r;
  return ((1.38702837e-3f * r2 + (8.36625602e-3f * r + 4.16674390e-2f)) * r2) +
         (0.166665465f * r + 0.49999997f);
}

// 2^n as a product of two powers of two, which spans the subnormals and the last binade, where no
// single float does; power is n + 254.
struct two_powers {
  float first, second;
};

THRUSTGRAD_FN two_powers split_power(std::uint32_t power) {
  const std::uint32_t half = power >> 1;
  return {bit_cast<float>(half << 23), bit_cast<float>((power - half) << 23)};
}

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

// The integral of the normal density from 0 to x: x times a rational function of x^2, a minimax fit
// up to 5.54, from where on it rounds to 1/2. NaN becomes a number.
THRUSTGRAD_FN float normal_integral(float x) {
  const float c = saturate(x, -5.66f, 5.66f);
  const float t = c * c, t2 = t * t;
  const float p =
      ((3.39373649e-08f * t + 9.43198847e-06f) * t2 + (0.000249347388f * t + 0.00698567601f)) * t2 +
      (0.0504322983f * t + 0.597738028f);
  const float q =
      ((1.78353582e-06f * t + 0.000108865308f) * t2 + (0.00280356966f * t + 0.0427427068f)) * t2 +
      (0.376132429f * t + 1.49830711f);
  return saturate(c * p / q, -0.5f, 0.5f);
}

// The normal density, e^(-x^2/2) / sqrt(2 pi), but 0 below 2^-127. NaN becomes a number.
THRUSTGRAD_FN float normal_density(float x) {
  const auto [power, r] = reduce_exponent(-0.5f * at_most(x * x, 176.0f), 127.0f);
  const float scale = 0.398942280f * bit_cast<float>(power << 23);
  return scale * (exp_remainder(r) * (r * r) + (r + 1.0f));
}

// 1 + e^-x, the inverse of sigmoid; NaN becomes a number. ln 2 is subtracted in one step, because a
// loop over silu waits for its longest chain of operations. Rounding that product, where there is
// no fused multiply-add, costs accuracy only where e^-x is large.
THRUSTGRAD_FN float one_plus_exp_of_minus(float x) {
  // 2^n with n = 128 is infinite, as e^-x is to become.
  const float c = saturate(x, -88.5f, 88.0f);
  const float shifted = c * -1.44269504f + (0x1.8p23f + 127.0f);
  const float n = shifted - (0x1.8p23f + 127.0f);
  const float r = n * -0.693147182f - c;
  const float y = exp_remainder(r) * (r * r) + (r + 1.0f);
  return bit_cast<float>(bit_cast<std::uint32_t>(shifted) << 23) * y + 1.0f;
}

}  // namespace detail

/// The largest integer not above x: the sum with 2^23 rounds |x| to an integer, to be corrected
/// by 1.
THRUSTGRAD_FN float floor(float x) {
  const float a = abs(x);
  const float rounded = detail::with_sign_of(x, (a + 0x1p23f) - 0x1p23f);
  return where(a < 0x1p23f, rounded - where(rounded > x, 1.0f, 0.0f), x);
}

/// e^x, within 2.3 ulp; overflows to infinity and underflows gradually to 0.
THRUSTGRAD_FN float exp(float x) {
  const auto [power, r] = detail::reduce_exponent(detail::limit(x, -104.0f, 89.0f), 254.0f);
  const auto [first, second] = detail::split_power(power);
  const float fraction = detail::exp_remainder(r) * (r * r) + r;
  return (first * fraction + first) * second;
}

/// e^x - 1, within 1.7 ulp, also where x is small.
THRUSTGRAD_FN float expm1(float x) {
  const auto [power, r] = detail::reduce_exponent(detail::limit(x, -104.0f, 89.0f), 254.0f);
  const auto [first, second] = detail::split_power(power);
  const float fraction = detail::expm1_remainder(r) * (r * r) + r;
  const float inverse =
      detail::bit_cast<float>(0x7f000000u - detail::bit_cast<std::uint32_t>(first));
  return detail::with_sign_of(x, first * (second * fraction + (second - inverse)));
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
  const auto [power, r] = detail::reduce_exponent(detail::at_most(2.0f * abs(x), 20.0f), 127.0f);
  const float scale = detail::bit_cast<float>(power << 23);
  const float e = scale * (detail::expm1_remainder(r) * (r * r) + r) + (scale - 1.0f);
  return detail::with_nan_of(x, detail::with_sign_of(x, e / (e + 2.0f)));
}

/// The error function, 2 / sqrt(pi) times the integral of e^-t^2 from 0 to x, within 6 ulp
/// (3.6e-7).
THRUSTGRAD_FN float erf(float x) {
  return detail::with_nan_of(x, 2.0f * detail::normal_integral(x * 1.41421356f));
}

/// 1 / (1 + e^-x), within 1.6 ulp for x >= 0; below, within 3.5 - x / 30 ulp, without fused
/// multiply-add within 3.5 - x ulp; 0 below -88.3, where it would be subnormal.
THRUSTGRAD_FN float sigmoid(float x) {
  return detail::with_nan_of(x, 1.0f / detail::one_plus_exp_of_minus(x));
}

/// x Phi(x) with the normal distribution function Phi, within 4e-7 |x|.
THRUSTGRAD_FN float gelu(float x) { return x * (detail::normal_integral(x) + 0.5f); }

/// x sigmoid(x), within 2.3 ulp for x >= 0; below, as sigmoid with half an ulp more.
THRUSTGRAD_FN float silu(float x) { return x / detail::one_plus_exp_of_minus(x); }

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

template <std::same_as<double> T> THRUSTGRAD_FN T sigmoid(T x) { return 1 / (1 + std::exp(-x)); }

template <std::same_as<double> T> THRUSTGRAD_FN T gelu(T x) {
  return x * (std::erf(x * 0.70710678118654752) * 0.5 + 0.5);
}

template <std::same_as<double> T> THRUSTGRAD_FN T silu(T x) { return x / (1 + std::exp(-x)); }

template <detail::real T> THRUSTGRAD_FN T sin(T x) { return std::sin(x); }

template <detail::real T> THRUSTGRAD_FN T cos(T x) { return std::cos(x); }

template <std::same_as<double> T> THRUSTGRAD_FN T floor(T x) { return std::floor(x); }

template <detail::real T> THRUSTGRAD_FN T sqrt(T x) { return std::sqrt(x); }

template <detail::real T> THRUSTGRAD_FN T rsqrt(T x) { return T(1) / std::sqrt(x); }

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
