// SPDX-License-Identifier: MIT
//
// Element types: the two 16-bit floats, the name and size of every type a tensor may hold, and the
// type in which each of them is computed. A 16-bit float is storage only: it converts to float
// implicitly and exactly, and back explicitly, rounding to nearest even. Both conversions are bit
// arithmetic without branches, so that loops over arrays vectorise. Layer: core.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

// The unsigned integer of T's size.
template <class T>
using bits_of = std::conditional_t<
    sizeof(T) == 1, std::uint8_t,
    std::conditional_t<sizeof(T) == 2, std::uint16_t,
                       std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

// std::bit_cast, which device code may not call.
template <class To, class From>
requires(sizeof(To) == sizeof(From)) THRUSTGRAD_FN To bit_cast(const From& from) {
  return __builtin_bit_cast(To, from);
}

// c ? a : b, by masks: of a conditional expression gcc makes a branch around the float operations
// that only one side needs, which may trap, and then does not vectorise the loop.
template <std::unsigned_integral U> THRUSTGRAD_FN U select_bits(bool c, U a, U b) {
  const U mask = U(0) - static_cast<U>(c);
  return (a & mask) | (b & ~mask);
}

// Adds half a unit of the last kept bit, less one when that bit is even; a carry out of the
// mantissa moves to the next binade, and out of the largest one to infinity, as it should. The
// dropped bits are left to be shifted out.
THRUSTGRAD_FN std::uint32_t round_bits(std::uint32_t bits, int dropped) {
  return bits + ((1u << (dropped - 1)) - 1u + ((bits >> dropped) & 1u));
}

// All bits set where x is NaN, which as a number of any width is NaN too; else none.
THRUSTGRAD_FN std::uint32_t nan_bits(float x) { return 0u - static_cast<std::uint32_t>(x != x); }

// Signed or not. A choice between values, instead of names, is for gcc a minimum and no branch.
template <std::integral I> THRUSTGRAD_FN I lesser(I a, I b) { return a < b ? +a : +b; }

template <std::integral I> THRUSTGRAD_FN I greater(I a, I b) { return a > b ? +a : +b; }

THRUSTGRAD_FN std::uint16_t bf16_bits(float x) {
  const std::uint32_t rounded = round_bits(bit_cast<std::uint32_t>(x), 16);
  return static_cast<std::uint16_t>((rounded | nan_bits(x)) >> 16);
}

THRUSTGRAD_FN float float_of_bf16(std::uint16_t bits) {
  return bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

THRUSTGRAD_FN std::uint16_t half_bits(float x) {
  const auto bits = bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const auto magnitude = static_cast<std::int32_t>(bits & 0x7fffffffu);
  // The exponent bias falls from 127 to 15; the result is negative below half's exponents.
  const std::uint32_t rebiased = static_cast<std::uint32_t>(magnitude) - (112u << 23);
  const std::int32_t normal = static_cast<std::int32_t>(round_bits(rebiased, 13)) >> 13;
  // A unit of 0.5f is 2^-24, the unit of half's subnormals, so that the addition rounds to it. It
  // counts up to 2^-14, the least normal number, and above normal is greater.
  const float small = bit_cast<float>(lesser(magnitude, 113 << 23));
  const std::int32_t subnormal = bit_cast<std::int32_t>(small + 0.5f) - (126 << 23);
  const std::int32_t number = lesser(greater(normal, subnormal), 0x7c00);
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(number) | nan_bits(x));
}

THRUSTGRAD_FN float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const auto magnitude = static_cast<std::int32_t>(half & 0x7fffu);
  const std::int32_t normal = (magnitude << 13) + (112 << 23);
  // With the next exponent, less its leading one, it is a subnormal number, or more than normal.
  const float shifted = bit_cast<float>((magnitude << 13) + (113 << 23)) - 0x1p-14f;
  const auto number = static_cast<std::uint32_t>(lesser(normal, bit_cast<std::int32_t>(shifted)));
  const std::uint32_t special = 0u - static_cast<std::uint32_t>(magnitude >= 0x7c00);
  return bit_cast<float>(sign | number | (special & 0x7f800000u));
}

}  // namespace detail

/// bfloat16: the upper half of a float, with its range and 8 bits of precision.
/// A float rounds to it to nearest even; NaN stays NaN; a value beyond the range becomes infinite.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  THRUSTGRAD_FN explicit bf16(float x) : bits(detail::bf16_bits(x)) {}
  THRUSTGRAD_FN operator float() const { return detail::float_of_bf16(bits); }

  static THRUSTGRAD_FN bf16 from_bits(std::uint16_t bits) {
    bf16 result(0.0f);
    result.bits = bits;
    return result;
  }

  friend THRUSTGRAD_FN bool operator==(bf16 a, bf16 b) { return float(a) == float(b); }
};

/// IEEE binary16: 11 bits of precision, largest number 65504, subnormals down to 2^-24.
/// A float rounds to it to nearest even; NaN stays NaN; from 65520 on it becomes infinite.
struct half {
  std::uint16_t bits;

  half() = default;
  THRUSTGRAD_FN explicit half(float x) : bits(detail::half_bits(x)) {}
  THRUSTGRAD_FN operator float() const { return detail::float_of_half(bits); }

  static THRUSTGRAD_FN half from_bits(std::uint16_t bits) {
    half result(0.0f);
    result.bits = bits;
    return result;
  }

  friend THRUSTGRAD_FN bool operator==(half a, half b) { return float(a) == float(b); }
};

namespace detail {

template <class T, class... Ts> inline constexpr bool is_one_of = (std::same_as<T, Ts> || ...);

template <class T> struct compute_type { using type = T; };
template <> struct compute_type<bf16> { using type = float; };
template <> struct compute_type<half> { using type = float; };

}  // namespace detail

/// The types a tensor may hold.
template <class T>
concept element =
    detail::is_one_of<T, float, double, bf16, half, std::int32_t, std::int64_t, std::uint8_t, bool>;

/// The element types that carry gradients.
template <class T>
concept floating = detail::is_one_of<T, float, double, bf16, half>;

/// The type in which values of type T are computed: float for the 16-bit floats, else T itself.
template <class T> using compute_t = typename detail::compute_type<T>::type;

namespace detail {

template <class T, class S> constexpr auto meet() {
  if constexpr (floating<T>)
    return compute_t<T>();
  else if constexpr (std::floating_point<S>)
    return std::conditional_t<std::same_as<S, float>, float, double>();
  else
    return std::conditional_t<(std::numeric_limits<S>::digits > 31), index_t, int>() + T();
}

}  // namespace detail

/// The type in which an element of type T meets a plain number of type S. Beside a floating T it is
/// that in which T is computed, so that x * 0.5 stays narrow; else that of C++, but signed.
template <element T, class S> using meet_t = decltype(detail::meet<T, S>());

namespace detail {

/// An integer as C; anything else, a dual number for instance, as it is.
template <class C, class X> THRUSTGRAD_FN auto promote(X x) {
  if constexpr (std::integral<X>)
    return static_cast<C>(x);
  else
    return x;
}

}  // namespace detail

/// Names an element type at run time: in messages and in saved files.
enum class DType : std::uint8_t { Float32, Float64, BFloat16, Float16, Int32, Int64, UInt8, Bool };

namespace detail {

template <element T> constexpr DType find_dtype() {
  if constexpr (std::same_as<T, float>) return DType::Float32;
  if constexpr (std::same_as<T, double>) return DType::Float64;
  if constexpr (std::same_as<T, bf16>) return DType::BFloat16;
  if constexpr (std::same_as<T, half>) return DType::Float16;
  if constexpr (std::same_as<T, std::int32_t>) return DType::Int32;
  if constexpr (std::same_as<T, std::int64_t>) return DType::Int64;
  if constexpr (std::same_as<T, std::uint8_t>) return DType::UInt8;
  if constexpr (std::same_as<T, bool>) return DType::Bool;
}

}  // namespace detail

template <element T> inline constexpr DType dtype_of = detail::find_dtype<T>();

/// The name PyTorch and NumPy give the type: "float32", "bfloat16", "int64", "bool".
constexpr const char* dtype_name(DType type) {
  constexpr const char* names[] = {"float32", "float64", "bfloat16", "float16",
                                   "int32",   "int64",   "uint8",    "bool"};
  return names[static_cast<std::size_t>(type)];
}

/// Bytes of one element.
constexpr std::size_t itemsize(DType type) {
  constexpr std::size_t sizes[] = {4, 8, 2, 2, 4, 8, 1, 1};
  return sizes[static_cast<std::size_t>(type)];
}

namespace detail {

// Device code may read a constant of std::numeric_limits but not call the function that returns it.
template <class T> inline constexpr T lowest = std::numeric_limits<T>::lowest();
template <class T> inline constexpr T highest = std::numeric_limits<T>::max();
template <class T> inline constexpr T epsilon = std::numeric_limits<T>::epsilon();
template <class T> inline constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T> inline constexpr T nan = std::numeric_limits<T>::quiet_NaN();
template <class T> inline constexpr T least = floating<T> ? T(-infinity<T>) : lowest<T>;
template <class T> inline constexpr T greatest = floating<T> ? infinity<T> : highest<T>;

}  // namespace detail

/// The extremes of an element type, callable on the device. lowest and max are finite; least and
/// greatest include the infinities, which makes them the identities of maximum and minimum.
/// epsilon is the distance from 1 to the next number, and zero for integers.
template <element T> struct limits {
  static THRUSTGRAD_FN T lowest() { return detail::lowest<T>; }
  static THRUSTGRAD_FN T max() { return detail::highest<T>; }
  static THRUSTGRAD_FN T epsilon() { return detail::epsilon<T>; }
  static THRUSTGRAD_FN T least() { return detail::least<T>; }
  static THRUSTGRAD_FN T greatest() { return detail::greatest<T>; }
};

template <> struct limits<bf16> {
  static THRUSTGRAD_FN bf16 lowest() { return bf16::from_bits(0xff7f); }
  static THRUSTGRAD_FN bf16 max() { return bf16::from_bits(0x7f7f); }
  static THRUSTGRAD_FN bf16 epsilon() { return bf16::from_bits(0x3c00); }
  static THRUSTGRAD_FN bf16 least() { return bf16::from_bits(0xff80); }
  static THRUSTGRAD_FN bf16 greatest() { return bf16::from_bits(0x7f80); }
};

template <> struct limits<half> {
  static THRUSTGRAD_FN half lowest() { return half::from_bits(0xfbff); }
  static THRUSTGRAD_FN half max() { return half::from_bits(0x7bff); }
  static THRUSTGRAD_FN half epsilon() { return half::from_bits(0x1400); }
  static THRUSTGRAD_FN half least() { return half::from_bits(0xfc00); }
  static THRUSTGRAD_FN half greatest() { return half::from_bits(0x7c00); }
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
