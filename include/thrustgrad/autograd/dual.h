// SPDX-License-Identifier: MIT
// Dual numbers: a value and its derivatives in N directions, carried through arithmetic by the
// chain rule. A functor evaluated on duals yields its derivatives with its value, which is how
// pointwise operations are differentiated; duals of duals yield second derivatives. What the
// functions of core/math.h do with duals is in autograd/derivatives.h. Layer autograd.
#pragma once

#include <type_traits>
#include <utility>

#include "thrustgrad/config.h"
#include "thrustgrad/core/number.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

template <class T, int N> struct dual;

namespace detail {

// The type at the bottom of nested duals, to which constants are converted.
template <class T> struct dual_base { using type = T; };
template <class T, int N> struct dual_base<dual<T, N>> : dual_base<T> {};

// The dual whose tangent in direction i is tangent(i). The directions are expanded when compiled: a
// loop over them would keep the loop around it from vectorising.
template <int N, class T, class F>
THRUSTGRAD_FN dual<T, N> with_tangents(const T& value, F tangent) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return dual<T, N>(value, tangent(I)...);
  }
  (std::make_integer_sequence<int, N>());
}

// f(x), given the derivative of f.
template <class T, int N>
THRUSTGRAD_FN dual<T, N> chain(const T& value, const dual<T, N>& x,
                               const std::type_identity_t<T>& slope) {
  return with_tangents<N>(value, [&](int i) { return slope * x.tangent[i]; });
}

// f(a, b), given the partial derivatives of f.
template <class T, int N>
THRUSTGRAD_FN dual<T, N> chain(const T& value, const dual<T, N>& a,
                               const std::type_identity_t<T>& da, const dual<T, N>& b,
                               const std::type_identity_t<T>& db) {
  return with_tangents<N>(value, [&](int i) { return da * a.tangent[i] + db * b.tangent[i]; });
}

}  // namespace detail

/// value + sum_i tangent[i] e_i with e_i e_j = 0. Constants convert to it with tangents of zero,
/// and comparisons look at values only.
template <class T, int N> struct dual {
  using base = typename detail::dual_base<T>::type;

  T value;
  T tangent[N];

  dual() = default;

  THRUSTGRAD_FN dual(const T& constant) : value(constant), tangent{} {}

  template <detail::number C>
  THRUSTGRAD_FN dual(C constant) : value(static_cast<base>(constant)), tangent{} {}

  template <class... U>
  requires(sizeof...(U) == N) THRUSTGRAD_FN dual(const T& x, const U&... tangents)
      : value(x), tangent{static_cast<T>(tangents)...} {}

  /// The variable of direction i: derivative 1 there, 0 elsewhere.
  static THRUSTGRAD_FN dual variable(const T& x, int i = 0) {
    return detail::with_tangents<N>(x, [&](int j) { return static_cast<T>(i == j); });
  }

  friend THRUSTGRAD_FN dual operator+(const dual& x) { return x; }

  friend THRUSTGRAD_FN dual operator-(const dual& x) {
    return detail::with_tangents<N>(-x.value, [&](int i) { return -x.tangent[i]; });
  }

  friend THRUSTGRAD_FN dual operator+(const dual& a, const dual& b) {
    return detail::with_tangents<N>(a.value + b.value,
                                    [&](int i) { return a.tangent[i] + b.tangent[i]; });
  }

  friend THRUSTGRAD_FN dual operator-(const dual& a, const dual& b) {
    return detail::with_tangents<N>(a.value - b.value,
                                    [&](int i) { return a.tangent[i] - b.tangent[i]; });
  }

  friend THRUSTGRAD_FN dual operator*(const dual& a, const dual& b) {
    return detail::chain(a.value * b.value, a, b.value, b, a.value);
  }

  friend THRUSTGRAD_FN dual operator/(const dual& a, const dual& b) {
    const T inverse = base(1) / b.value;
    const T quotient = a.value / b.value;
    return detail::chain(quotient, a, inverse, b, -quotient * inverse);
  }

  template <detail::number C> friend THRUSTGRAD_FN dual operator+(const dual& a, C c) {
    return detail::with_tangents<N>(a.value + static_cast<base>(c),
                                    [&](int i) { return a.tangent[i]; });
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator+(C c, const dual& a) {
    return a + c;
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator-(const dual& a, C c) {
    return a + -static_cast<base>(c);
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator-(C c, const dual& a) {
    return -a + c;
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator*(const dual& a, C c) {
    const base k = static_cast<base>(c);
    return detail::with_tangents<N>(a.value * k, [&](int i) { return a.tangent[i] * k; });
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator*(C c, const dual& a) {
    return a * c;
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator/(const dual& a, C c) {
    const base k = static_cast<base>(c);
    return detail::with_tangents<N>(a.value / k, [&](int i) { return a.tangent[i] / k; });
  }
  template <detail::number C> friend THRUSTGRAD_FN dual operator/(C c, const dual& a) {
    const T quotient = static_cast<base>(c) / a.value;
    return detail::chain(quotient, a, -quotient / a.value);
  }

  THRUSTGRAD_FN dual& operator+=(const auto& b) { return *this = *this + b; }
  THRUSTGRAD_FN dual& operator-=(const auto& b) { return *this = *this - b; }
  THRUSTGRAD_FN dual& operator*=(const auto& b) { return *this = *this * b; }
  THRUSTGRAD_FN dual& operator/=(const auto& b) { return *this = *this / b; }

  friend THRUSTGRAD_FN bool operator==(const dual& a, const dual& b) { return a.value == b.value; }
  friend THRUSTGRAD_FN bool operator<(const dual& a, const dual& b) { return a.value < b.value; }
  friend THRUSTGRAD_FN bool operator>(const dual& a, const dual& b) { return a.value > b.value; }
  friend THRUSTGRAD_FN bool operator<=(const dual& a, const dual& b) { return a.value <= b.value; }
  friend THRUSTGRAD_FN bool operator>=(const dual& a, const dual& b) { return a.value >= b.value; }
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
