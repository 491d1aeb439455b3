// SPDX-License-Identifier: MIT
// Choices between numbers: the larger, the limited, the absolute one. For the functors of pointwise
// operations on every system, without branches, so that loops vectorise. Elementary functions are
// in core/math.h. Layer core.
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

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
