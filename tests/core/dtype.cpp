// SPDX-License-Identifier: MIT
//
// Tests of core/dtype.h: the 16-bit floats against a slow reference, and the table of types.
#include "thrustgrad/core/dtype.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>

namespace dtype_test {

namespace tg = thrustgrad;

namespace {

struct format {
  int mantissa_bits, least_exponent;
  double largest;
};
constexpr format bf16_format{7, -126, 0x1.fep127};
constexpr format half_format{10, -14, 65504.0};

// The number of the format nearest to x, ties to even: x in units of its last place, rounded by the
// standard library.
double nearest(double x, format f) {
  if (x == 0.0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), f.least_exponent);
  const double unit = std::ldexp(1.0, exponent - f.mantissa_bits);
  const double rounded = std::nearbyint(x / unit) * unit;
  return std::abs(rounded) > f.largest ? std::copysign(HUGE_VAL, x) : rounded;
}

template <class T> int mismatches_of_round_trip() {
  int mismatches = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const T x = T::from_bits(static_cast<std::uint16_t>(bits));
    const float wide = x;
    const T again(wide);
    mismatches += std::isnan(wide) ? !std::isnan(float(again)) : again.bits != bits;
  }
  return mismatches;
}

template <class T> int mismatches_of_rounding(format f) {
  int mismatches = 0;
  for (std::uint64_t bits = 0; bits < (1ull << 32); bits += 9973) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    const float rounded = T(x);
    if (std::isnan(x)) {
      mismatches += !std::isnan(rounded);
    } else {
      mismatches += rounded != nearest(x, f) || std::signbit(rounded) != std::signbit(x);
    }
  }
  return mismatches;
}

// Every midpoint of neighbours, and the floats on both sides of it.
template <class T> int mismatches_at_ties(format f) {
  int mismatches = 0;
  const std::uint16_t infinity = tg::limits<T>::greatest().bits;
  for (std::uint16_t bits = 0; bits + 1 < infinity; ++bits) {
    const float low = T::from_bits(bits);
    const float high = T::from_bits(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    for (const float x : {std::nextafter(middle, 0.0f), middle, std::nextafter(middle, high)}) {
      mismatches += float(T(x)) != nearest(x, f);
      mismatches += float(T(-x)) != nearest(-x, f);
    }
  }
  return mismatches;
}

}  // namespace

TEST_CASE("every bf16 and half survives the way to float and back") {
  CHECK(mismatches_of_round_trip<tg::bf16>() == 0);
  CHECK(mismatches_of_round_trip<tg::half>() == 0);
}

TEST_CASE("a float rounds to the nearest bf16 or half, ties to even") {
  CHECK(mismatches_of_rounding<tg::bf16>(bf16_format) == 0);
  CHECK(mismatches_of_rounding<tg::half>(half_format) == 0);
  CHECK(mismatches_at_ties<tg::bf16>(bf16_format) == 0);
  CHECK(mismatches_at_ties<tg::half>(half_format) == 0);
}

TEST_CASE("conversions to 16 bits overflow to infinity and keep NaN") {
  CHECK(tg::half(65519.996f) == 65504.0f);
  CHECK(tg::half(65520.0f).bits == 0x7c00);
  CHECK(tg::half(-1e30f).bits == 0xfc00);
  CHECK(tg::bf16(3.4e38f).bits == 0x7f80);
  CHECK(tg::half(0x1p-25f).bits == 0);
  CHECK(tg::half(0x1.000002p-25f).bits == 1);
  // A NaN whose payload is in the dropped bits only must not become infinite.
  const float nan = std::bit_cast<float>(0x7f800001u);
  CHECK(std::isnan(float(tg::bf16(nan))));
  CHECK(std::isnan(float(tg::half(nan))));
  CHECK_FALSE(tg::bf16(nan) == tg::bf16(nan));
}

TEST_CASE("16-bit floats convert at compile time and compute in float") {
  static_assert(tg::bf16(1.0f).bits == 0x3f80 && tg::half(1.0f).bits == 0x3c00);
  static_assert(float(tg::half::from_bits(1)) == 0x1p-24f);
  static_assert(std::is_same_v<decltype(tg::bf16(1.0f) * tg::half(2.0f)), float>);
  static_assert(std::is_trivially_copyable_v<tg::bf16> && sizeof(tg::bf16) == 2);
  static_assert(!std::is_convertible_v<float, tg::half>);
  CHECK(tg::bf16(-0.0f) == tg::bf16(0.0f));
  CHECK(tg::half(1.5f) != tg::half(1.25f));
  CHECK(tg::bf16(3.0f) + 0.5f == 3.5f);
}

TEST_CASE("each element type has a name, a size and a type of computation") {
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<float>), "float32") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<double>), "float64") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<tg::bf16>), "bfloat16") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<tg::half>), "float16") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<std::int32_t>), "int32") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<std::int64_t>), "int64") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<std::uint8_t>), "uint8") == 0);
  CHECK(std::strcmp(tg::dtype_name(tg::dtype_of<bool>), "bool") == 0);
  CHECK(tg::itemsize(tg::dtype_of<std::int64_t>) == sizeof(std::int64_t));
  CHECK(tg::itemsize(tg::dtype_of<tg::half>) == sizeof(tg::half));
  CHECK(tg::itemsize(tg::dtype_of<bool>) == sizeof(bool));
  static_assert(std::is_same_v<tg::compute_t<tg::half>, float>);
  static_assert(std::is_same_v<tg::compute_t<double>, double>);
  static_assert(std::is_same_v<tg::compute_t<std::int32_t>, std::int32_t>);
  static_assert(tg::floating<tg::bf16> && !tg::floating<bool> && tg::element<bool>);
  static_assert(!tg::element<char> && !tg::element<const float>);
}

TEST_CASE("limits are the extremes of each type") {
  CHECK(tg::limits<tg::half>::max() == 65504.0f);
  CHECK(tg::limits<tg::half>::lowest() == -65504.0f);
  CHECK(tg::limits<tg::half>::epsilon() == 0x1p-10f);
  CHECK(tg::limits<tg::bf16>::epsilon() == 0x1p-7f);
  CHECK(tg::limits<tg::bf16>::max() == 0x1.fep127f);
  CHECK(tg::limits<tg::bf16>::least() == -HUGE_VALF);
  CHECK(tg::limits<float>::greatest() == HUGE_VALF);
  CHECK(tg::limits<double>::least() == -HUGE_VAL);
  CHECK(tg::limits<std::int32_t>::least() == INT32_MIN);
  CHECK(tg::limits<std::uint8_t>::greatest() == 255);
  CHECK(tg::limits<bool>::greatest() == true);
}

}  // namespace dtype_test
