// SPDX-License-Identifier: MIT
// The library's table of derivatives: the functions of core/math.h and core/number.h on dual
// numbers, a line or two each. Ties and kinks follow PyTorch. A functor that names these functions
// qualified, as tg::exp, must be defined after this header is included. Layer autograd.
#pragma once
#include "thrustgrad/autograd/dual.h"
#include "thrustgrad/core/math.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

template <class T, int N> THRUSTGRAD_FN bool isnan(const dual<T, N>& x) { return isnan(x.value); }
template <class T, int N> THRUSTGRAD_FN bool isfinite(const dual<T, N>& x) {
  return isfinite(x.value);
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> exp(const dual<T, N>& x) {
  const T y = exp(x.value);
  return detail::chain(y, x, y);
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> expm1(const dual<T, N>& x) {
  const T y = expm1(x.value);
  return detail::chain(y, x, y + 1);
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> log(const dual<T, N>& x) {
  return detail::chain(log(x.value), x, 1 / x.value);
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> log1p(const dual<T, N>& x) {
  return detail::chain(log1p(x.value), x, 1 / (x.value + 1));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> tanh(const dual<T, N>& x) {
  const T y = tanh(x.value);
  return detail::chain(y, x, 1 - y * y);
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> sigmoid(const dual<T, N>& x) {
  const T y = sigmoid(x.value);
  return detail::chain(y, x, y * (1 - y));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> silu(const dual<T, N>& x) {
  const T s = sigmoid(x.value);
  const T y = x.value * s;
  return detail::chain(y, x, s + y * (1 - s));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> erf(const dual<T, N>& x) {
  constexpr auto two_over_root_pi = static_cast<typename dual<T, N>::base>(1.12837916709551257);
  return detail::chain(erf(x.value), x, two_over_root_pi * exp(-x.value * x.value));
}

namespace detail {

// Of the types for which core/math.h has no shorter way.

template <class T> THRUSTGRAD_FN T normal_integral(const T& x) {
  return erf(x * static_cast<typename dual_base<T>::type>(0.70710678118654752)) / 2;
}

template <class T> THRUSTGRAD_FN T normal_density(const T& x) {
  return exp(-x * x / 2) * static_cast<typename dual_base<T>::type>(0.39894228040143268);
}

}  // namespace detail

template <class T, int N> THRUSTGRAD_FN dual<T, N> gelu(const dual<T, N>& x) {
  const T cdf = detail::normal_integral(x.value) + static_cast<typename dual<T, N>::base>(0.5);
  return detail::chain(x.value * cdf, x, cdf + x.value * detail::normal_density(x.value));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> sin(const dual<T, N>& x) {
  return detail::chain(sin(x.value), x, cos(x.value));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> cos(const dual<T, N>& x) {
  return detail::chain(cos(x.value), x, -sin(x.value));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> sqrt(const dual<T, N>& x) {
  const T y = sqrt(x.value);
  return detail::chain(y, x, 1 / (2 * y));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> rsqrt(const dual<T, N>& x) {
  const T y = rsqrt(x.value);
  return detail::chain(y, x, -y / (2 * x.value));
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> floor(const dual<T, N>& x) {
  return floor(x.value);
}

template <class T, int N> THRUSTGRAD_FN dual<T, N> sign(const dual<T, N>& x) {
  return sign(x.value);
}

/// c ? a : b with both sides evaluated; a tangent of the other side does not matter, NaN or not.
template <class T, int N>
THRUSTGRAD_FN dual<T, N> where(bool c, const dual<T, N>& a, const dual<T, N>& b) {
  return detail::with_tangents<N>(where(c, a.value, b.value),
                                  [&](int i) { return where(c, a.tangent[i], b.tangent[i]); });
}

template <class T, int N, detail::number C>
THRUSTGRAD_FN dual<T, N> where(bool c, const dual<T, N>& a, C b) {
  return where(c, a, dual<T, N>(b));
}

template <class T, int N, detail::number C>
THRUSTGRAD_FN dual<T, N> where(bool c, C a, const dual<T, N>& b) {
  return where(c, dual<T, N>(a), b);
}

/// The derivative at 0 is 0.
template <class T, int N> THRUSTGRAD_FN dual<T, N> abs(const dual<T, N>& x) {
  return detail::chain(abs(x.value), x, sign(x.value));
}

/// The derivative at 0 is 0.
template <class T, int N> THRUSTGRAD_FN dual<T, N> relu(const dual<T, N>& x) {
  return detail::chain(relu(x.value), x, where(x > 0, T(1), T(0)));
}

/// The derivative is 1 strictly inside the interval, 0 at its bounds, beyond them and for NaN.
template <class T, int N, detail::number L, detail::number H>
THRUSTGRAD_FN dual<T, N> clamp(const dual<T, N>& x, L low, H high) {
  return detail::chain(T(clamp(x.value, low, high)), x,
                       where(x > low, where(x < high, T(1), T(0)), T(0)));
}

/// Where a = b, half of the derivative goes to each.
template <class T, int N>
THRUSTGRAD_FN dual<T, N> maximum(const dual<T, N>& a, const dual<T, N>& b) {
  const T tie = where(a == b, T(0.5f), T(1));
  return detail::chain(maximum(a.value, b.value), a, where(a < b, T(0), tie), b,
                       where(a > b, T(0), tie));
}

/// Where a = b, half of the derivative goes to each.
template <class T, int N>
THRUSTGRAD_FN dual<T, N> minimum(const dual<T, N>& a, const dual<T, N>& b) {
  return -maximum(-a, -b);
}

template <class T, int N, detail::number C>
THRUSTGRAD_FN dual<T, N> maximum(const dual<T, N>& a, C b) {
  return maximum(a, dual<T, N>(b));
}
template <class T, int N, detail::number C>
THRUSTGRAD_FN dual<T, N> maximum(C a, const dual<T, N>& b) {
  return maximum(dual<T, N>(a), b);
}
template <class T, int N, detail::number C>
THRUSTGRAD_FN dual<T, N> minimum(const dual<T, N>& a, C b) {
  return minimum(a, dual<T, N>(b));
}
template <class T, int N, detail::number C>
THRUSTGRAD_FN dual<T, N> minimum(C a, const dual<T, N>& b) {
  return minimum(dual<T, N>(a), b);
}

namespace detail {

// The partial derivatives of a^b; where a^b is constant in one of them, 0 and not 0 times infinity.
template <class T, class E> THRUSTGRAD_FN T pow_by_base(const T& a, const E& b) {
  return where(b == 0, T(0), b * pow(a, b - 1));
}

template <class A, class T>
THRUSTGRAD_FN T pow_by_exponent(const A& a, const T& b, const T& power) {
  const T slope = power * log(a);
  return where(a == 0, where(b < 0, slope, T(0)), slope);
}

template <class T> THRUSTGRAD_FN bool is_zero(const T& x) { return x == 0; }
template <class T, int N> THRUSTGRAD_FN bool is_zero(const dual<T, N>& x) {
  bool zero = is_zero(x.value);
  for (const T& tangent : x.tangent) zero = zero && is_zero(tangent);
  return zero;
}

// slope times tangent, and 0 in a direction in which the operand does not change: the other
// operand's slope, infinite or NaN, does not enter.
template <class T> THRUSTGRAD_FN T along(const T& slope, const T& tangent) {
  return where(is_zero(tangent), T(0), slope * tangent);
}

}  // namespace detail

template <class T, int N> THRUSTGRAD_FN dual<T, N> pow(const dual<T, N>& a, const dual<T, N>& b) {
  const T y = pow(a.value, b.value);
  const T by_a = detail::pow_by_base(a.value, b.value);
  const T by_b = detail::pow_by_exponent(a.value, b.value, y);
  return detail::with_tangents<N>(y, [&](int i) {
    return detail::along(by_a, a.tangent[i]) + detail::along(by_b, b.tangent[i]);
  });
}

template <class T, int N, detail::number C> THRUSTGRAD_FN dual<T, N> pow(const dual<T, N>& a, C b) {
  const auto exponent = static_cast<typename dual<T, N>::base>(b);
  return detail::chain(pow(a.value, exponent), a, detail::pow_by_base(a.value, exponent));
}

template <class T, int N, detail::number C> THRUSTGRAD_FN dual<T, N> pow(C a, const dual<T, N>& b) {
  const auto base = static_cast<typename dual<T, N>::base>(a);
  const T y = pow(base, b.value);
  return detail::chain(y, b, detail::pow_by_exponent(base, b.value, y));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
