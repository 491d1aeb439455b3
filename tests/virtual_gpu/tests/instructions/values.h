// SPDX-License-Identifier: MIT
// Operands for tests of instructions, edge cases and random ones, and their comparison with what a
// function of C++ says.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <tuple>

#include "tests/harness.h"

namespace vgpu::test {

inline std::mt19937_64& generator() {
  static std::mt19937_64 g(20);
  return g;
}

template <class T> T from_bits(u64 bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T> u64 to_bits(T value) {
  u64 bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

/// 0, 1, -1, limits, powers of two and their neighbours; for floats also halves between integers,
/// the limits of integer types, subnormal numbers, infinities and NaN.
template <class T> std::vector<T> edges() {
  std::vector<T> values;
  if constexpr (std::is_same_v<T, Flag>) {
    values = {false, true};
  } else if constexpr (std::is_integral_v<T>) {
    for (unsigned k = 0; k < 8 * sizeof(T); ++k)
      for (const int step : {-1, 0, 1}) values.push_back(static_cast<T>((u64{1} << k) + u64(step)));
    for (int k = -3; k < 0; ++k) values.push_back(static_cast<T>(k));
    values.push_back(std::numeric_limits<T>::max());
    values.push_back(static_cast<T>(0x5555555555555555));
  } else {
    using L = std::numeric_limits<T>;
    for (const T x : {T(0),
                      T(0.25),
                      T(0.5),
                      T(0.75),
                      T(1),
                      T(1.5),
                      T(2),
                      T(2.5),
                      T(3),
                      T(3.5),
                      T(127.5),
                      T(255.5),
                      T(32767.5),
                      T(65504),
                      T(65519),
                      T(65520),
                      T(0x1p-24),
                      T(0x1p-25),
                      T(0x1p-14),
                      T(8388607.5),
                      T(0x1p24),
                      T(0x1p31),
                      T(0x1p32),
                      T(0x1p63),
                      T(0x1p64),
                      T(0x1p126),
                      T(0x1.8p126),
                      L::min(),
                      L::denorm_min(),
                      L::max(),
                      L::epsilon(),
                      L::infinity(),
                      L::quiet_NaN()})
      for (const T y : {x, std::nextafter(x, T(0)), std::nextafter(x, L::infinity())}) {
        values.push_back(y);
        values.push_back(-y);
      }
    const u64 payload = sizeof(T) == 4 ? 0xffc01234u : 0xfff8000000012345u;
    values.push_back(from_bits<T>(payload));
  }
  return values;
}

/// Mostly edges; else any bits, and for floats numbers of ordinary size.
template <class T> T draw() {
  static const std::vector<T> all = edges<T>();
  auto& g = generator();
  const u64 kind = g() % 8;
  if (kind < 4 || std::is_same_v<T, Flag>) return all[g() % all.size()];
  if constexpr (std::is_floating_point_v<T>)
    if (kind < 7) return std::uniform_real_distribution<T>(-100, 100)(g);
  if constexpr (std::is_integral_v<T>)
    if (kind == 7) return static_cast<T>(g() % 80);
  if constexpr (!std::is_same_v<T, Flag>) return from_bits<T>(g());
}

template <class T> std::vector<T> column(std::size_t count) {
  std::vector<T> values(count);
  for (auto& value : values) value = draw<T>();
  return values;
}
/// Any bits.
template <class T> std::vector<T> any(std::size_t count) {
  std::vector<T> values(count);
  for (auto& value : values) value = from_bits<T>(generator()());
  return values;
}
inline std::vector<u16> all_halves() {
  std::vector<u16> values(65536);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<u16>(i);
  return values;
}

/// Equal bits; f64 may have any NaN, since the device keeps payloads.
template <class T> bool same(T x, T y) {
  if constexpr (std::is_same_v<T, double>)
    if (x != x && y != y) return true;
  return to_bits(x) == to_bits(y);
}

/// Compares results with expected(a, b, ...) for each element, and shows the first that differs.
template <class D, class F, class... In>
void compare_each(const std::string& text, const std::vector<D>& results, F&& expected,
                  const std::vector<In>&... inputs) {
  std::size_t wrong = 0;
  std::string first;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const D want = static_cast<D>(expected(inputs[i]...));
    if (same<D>(results[i], want) || wrong++ != 0) continue;
    char buffer[64];
    const auto show = [&](u64 bits) {
      std::snprintf(buffer, sizeof buffer, " %llx", static_cast<unsigned long long>(bits));
      first += buffer;
    };
    (show(to_bits(inputs[i])), ...);
    first += " gives";
    show(to_bits(results[i]));
    first += ", not";
    show(to_bits(want));
  }
  INFO(text << ":" << first << " (and " << wrong << " of " << results.size() << ")");
  CHECK(wrong == 0);
}

template <class D, class F, class... In>
void check_on(const std::string& text, F&& expected, const std::vector<In>&... inputs) {
  compare_each<D>(text, execute<D>(text, inputs...), expected, inputs...);
}
/// On drawn operands of types In.
template <class D, class... In, class F> void check(const std::string& text, F&& expected) {
  const std::size_t count = sizeof...(In) == 1 ? 1500 : 8192;
  std::tuple<std::vector<In>...> inputs{column<In>(count)...};
  std::apply([&](const auto&... columns) { check_on<D>(text, expected, columns...); }, inputs);
}

/// Holds products of two doubles.
using Exact = __float128;

template <class T> constexpr T infinity = std::numeric_limits<T>::infinity();
inline float canonical_nan_f32() { return from_bits<float>(0x7fffffff); }

/// Sums that do not fit 113 bits are made odd, so that nothing of them is lost for a rounding.
inline Exact exact_sum(Exact a, Exact b) {
  const Exact sum = a + b, back = sum - a, error = (a - (sum - back)) + (b - back);
  u128 bits;
  std::memcpy(&bits, &sum, sizeof bits);
  if ((error < 0 || error > 0) && (bits & 1) == 0) bits += (error > 0) == (sum > 0) ? 1 : -1;
  Exact odd;
  std::memcpy(&odd, &bits, sizeof odd);
  return odd;
}

/// mode: n, z, m or p, as in .rn, .rz, .rm, .rp.
template <class T> T rounded(Exact exact, char mode) {
  const T nearest = static_cast<T>(exact);
  const Exact value = nearest;
  if (mode == 'm' || (mode == 'z' && exact > 0))
    return value > exact ? std::nextafter(nearest, -infinity<T>) : nearest;
  if (mode == 'p' || mode == 'z')
    return value < exact ? std::nextafter(nearest, infinity<T>) : nearest;
  return nearest;
}

template <class T> T flushed(T x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(T(0), x) : x;
}

/// A narrow format, as the list of its finite values from 0 up; behind them stands the number that
/// infinity takes the place of.
struct Format {
  std::string name;
  int exponent_bits, fraction_bits;
  std::vector<double> values = {};

  Format(std::string name_, int exponent, int fraction)
      : name(std::move(name_)), exponent_bits(exponent), fraction_bits(fraction) {
    for (u32 bits = 0; bits <= infinity_bits(); ++bits) values.push_back(magnitude(bits));
  }
  u32 infinity_bits() const { return ((1u << exponent_bits) - 1) << fraction_bits; }
  u32 sign_bit() const { return 1u << (exponent_bits + fraction_bits); }
  u32 nan_bits() const { return sign_bit() - 1; }
  bool is_nan(u32 bits) const { return (bits & nan_bits()) > infinity_bits(); }

  double magnitude(u32 bits) const {
    const int exponent = static_cast<int>(bits >> fraction_bits);
    const u32 fraction = bits & ((1u << fraction_bits) - 1);
    const int scale = std::max(exponent, 1) - (1 << (exponent_bits - 1)) + 1 - fraction_bits;
    return std::ldexp(fraction + (exponent == 0 ? 0 : 1u << fraction_bits), scale);
  }
  double decode(u32 bits) const {
    const u32 low = bits & nan_bits();
    if (low > infinity_bits()) return std::numeric_limits<double>::quiet_NaN();
    const double x = low == infinity_bits() ? infinity<double> : values[low];
    return bits & sign_bit() ? -x : x;
  }
  /// mode: n, z, m, p, or a: to nearest, halves away from zero.
  u32 encode(Exact x, char mode = 'n') const {
    if (x != x) return nan_bits();
    const bool negative = std::signbit(static_cast<double>(x));
    const u32 sign = negative ? sign_bit() : 0;
    const Exact m = negative ? -x : x;
    if (m > std::numeric_limits<double>::max() * Exact{1e9}) return sign | infinity_bits();
    const bool up_if_inexact = mode == (negative ? 'm' : 'p');
    const bool is_nearest = mode == 'n' || mode == 'a';
    if (m >= values.back()) return sign | (infinity_bits() - !(is_nearest || up_if_inexact));
    const auto above = std::upper_bound(values.begin(), values.end(), m);
    const u32 low = static_cast<u32>(above - values.begin()) - 1;
    const Exact down = m - values[low], up = values[low + 1] - m;
    if (down == 0) return sign | low;
    const bool nearer = up < down || (up == down && (mode == 'a' || low % 2 == 1));
    return sign | (low + (is_nearest ? nearer : up_if_inexact));
  }
  u32 flush(u32 bits) const {
    return (bits & nan_bits()) >> fraction_bits == 0 ? bits & sign_bit() : bits;
  }
};
inline const Format& f16() {
  static const Format format("f16", 5, 10);
  return format;
}
inline const Format& bf16() {
  static const Format format("bf16", 8, 7);
  return format;
}

using i128 = __int128;

template <class T> T wrapped(i128 x) { return static_cast<T>(x); }
template <class T> T clamped(i128 x) {
  using L = std::numeric_limits<T>;
  return static_cast<T>(std::clamp(x, i128{L::min()}, i128{L::max()}));
}
template <class T> constexpr int width = 8 * sizeof(T);

template <class F> void for_integers(F&& f) {
  f(u16{});
  f(i16{});
  f(u32{});
  f(i32{});
  f(u64{});
  f(i64{});
}
template <class F> void for_signed(F&& f) {
  f(i16{});
  f(i32{});
  f(i64{});
}
template <class F> void for_bits(F&& f) {
  f(u16{});
  f(u32{});
  f(u64{});
}

/// "u32", "s32" and so on.
template <class T> std::string type_name() {
  const std::string bits = std::to_string(8 * sizeof(T));
  return (std::is_floating_point_v<T> ? "f" : std::is_signed_v<T> ? "s" : "u") + bits;
}
template <class T> std::string untyped_name() { return "b" + std::to_string(8 * sizeof(T)); }

}  // namespace vgpu::test
