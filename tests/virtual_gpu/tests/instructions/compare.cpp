// SPDX-License-Identifier: MIT
// setp and set with every comparison, type and combination; selp.
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

/// How two operands compare: -1, 0, 1, or 2 if one of them is NaN.
template <class T> int order(T a, T b) {
  if (a != a || b != b) return 2;
  return a < b ? -1 : a > b ? 1 : 0;
}
/// By name; the unordered ones are true of NaN.
bool holds(const std::string& name, int order) {
  if (name == "num") return order != 2;
  if (name == "nan") return order == 2;
  if (order == 2) return name.size() == 3;
  const std::string plain = name.substr(0, 2);
  if (plain == "eq") return order == 0;
  if (plain == "ne") return order != 0;
  if (plain == "lt") return order < 0;
  if (plain == "le") return order <= 0;
  if (plain == "gt") return order > 0;
  return order >= 0;
}
bool combined(const std::string& how, bool x, bool y) {
  return how == "and" ? x && y : how == "or" ? x || y : how == "xor" ? x != y : x;
}

const std::string of_integers[] = {"eq", "ne", "lt", "le", "gt", "ge"};
const std::string of_bits[] = {"eq", "ne"};
const std::string of_floats[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                 "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};

/// All combinations of one comparison; `compare` gives the order of two operands.
template <class T, class F>
void check_setp(const std::string& name, const std::string& type, F&& compare,
                const std::vector<T>& a, const std::vector<T>& b) {
  check_on<Flag>(
      "setp." + name + "." + type + " %d, %a, %b;",
      [&](T x, T y) { return holds(name, compare(x, y)); }, a, b);
  const auto c = column<Flag>(a.size());
  for (const std::string how : {"and", "or", "xor"})
    for (const bool negated : {false, true}) {
      const std::string text = "setp." + name + "." + how + "." + type + " %d|%d2, %a, %b, " +
                               (negated ? "!%c;" : "%c;");
      const auto [d, d2] = execute_two<Flag, Flag>(text, a, b, c);
      compare_each(
          text, d,
          [&](T x, T y, Flag z) { return combined(how, holds(name, compare(x, y)), z != negated); },
          a, b, c);
      compare_each(
          text, d2,
          [&](T x, T y, Flag z) {
            return combined(how, !holds(name, compare(x, y)), z != negated);
          },
          a, b, c);
    }
}

/// Pairs of which many are equal.
template <class T> void draw_pairs(std::vector<T>& a, std::vector<T>& b) {
  a = column<T>(3000);
  b = column<T>(3000);
  for (std::size_t i = 0; i < a.size(); i += 5) b[i] = a[i];
}

template <class T, class Names> void check_type(const std::string& type, const Names& names) {
  std::vector<T> a, b;
  draw_pairs(a, b);
  for (const std::string& name : names) check_setp(name, type, order<T>, a, b);
}

TEST_CASE("setp of integers") {
  check_type<i16>("s16", of_integers);
  check_type<i32>("s32", of_integers);
  check_type<i64>("s64", of_integers);
  check_type<u16>("u16", of_integers);
  check_type<u32>("u32", of_integers);
  check_type<u64>("u64", of_integers);
  check_type<u16>("b16", of_bits);
  check_type<u32>("b32", of_bits);
  check_type<u64>("b64", of_bits);
  check<Flag, i32>("setp.lt.s32 %d, %a, -7;", [](i32 a) { return a < -7; });
}

int order_flushed(float a, float b) { return order(flushed(a), flushed(b)); }

TEST_CASE("setp of floating-point numbers") {
  check_type<float>("f32", of_floats);
  check_type<double>("f64", of_floats);
  std::vector<float> a, b;
  draw_pairs(a, b);
  for (const std::string& name : of_floats)
    check_on<Flag>(
        "setp." + name + ".ftz.f32 %d, %a, %b;",
        [&](float x, float y) { return holds(name, order_flushed(x, y)); }, a, b);
}

std::vector<u16> interesting_halves(const Format& f, std::size_t count) {
  std::vector<u16> values = any<u16>(count);
  const u32 special[] = {0, f.sign_bit(), 1, f.sign_bit() | 1, f.infinity_bits(), f.nan_bits()};
  for (auto& value : values)
    if (generator()() % 2) value = static_cast<u16>(special[generator()() % 6]);
  return values;
}

TEST_CASE("setp of halves and pairs of them") {
  const Format& f = f16();
  const auto a = interesting_halves(f, 4000);
  auto b = interesting_halves(f, 4000);
  for (std::size_t i = 0; i < a.size(); i += 7) b[i] = a[i];
  std::vector<u32> x(2000), y(2000);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = a[2 * i] | u32{a[2 * i + 1]} << 16;
    y[i] = b[2 * i] | u32{b[2 * i + 1]} << 16;
  }
  const auto compare = [&](u32 p, u32 q) { return order(f.decode(p), f.decode(q)); };
  const auto low = [](u32 p) { return p & 0xffff; };
  for (const std::string& name : of_floats) {
    check_setp(name, "f16", compare, a, b);
    // The first predicate is that of the lower halves, the second that of the upper ones.
    const std::string text = "setp." + name + ".f16x2 %d|%d2, %a, %b;";
    const auto [d, d2] = execute_two<Flag, Flag>(text, x, y);
    compare_each(
        text, d, [&](u32 p, u32 q) { return holds(name, compare(low(p), low(q))); }, x, y);
    compare_each(
        text, d2, [&](u32 p, u32 q) { return holds(name, compare(p >> 16, q >> 16)); }, x, y);
    const std::string with_and = "setp." + name + ".and.f16x2 %d|%d2, %a, %b, %c;";
    const auto c = column<Flag>(x.size());
    const auto [e, e2] = execute_two<Flag, Flag>(with_and, x, y, c);
    compare_each(
        with_and, e2,
        [&](u32 p, u32 q, Flag z) { return z && holds(name, compare(p >> 16, q >> 16)); }, x, y, c);
  }
}

TEST_CASE("set") {
  std::vector<float> floats, others;
  draw_pairs(floats, others);
  const auto a = interesting_halves(f16(), 3000), b = interesting_halves(f16(), 3000);
  const auto x = any<u32>(3000), y = any<u32>(3000);
  for (const std::string& name : of_floats) {
    const auto is = [&](u32 p, u32 q) {
      return holds(name, order(f16().decode(p & 0xffff), f16().decode(q & 0xffff)));
    };
    check_on<float>(
        "set." + name + ".f32.f32 %d, %a, %b;",
        [&](float p, float q) { return holds(name, order(p, q)) ? 1.0f : 0.0f; }, floats, others);
    check_on<float>(
        "set." + name + ".ftz.f32.f32 %d, %a, %b;",
        [&](float p, float q) { return holds(name, order_flushed(p, q)) ? 1.0f : 0.0f; }, floats,
        others);
    check_on<u16>(
        "set." + name + ".f16.f16 %d, %a, %b;", [&](u16 p, u16 q) { return is(p, q) ? 0x3c00 : 0; },
        a, b);
    check_on<u32>(
        "set." + name + ".f16x2.f16x2 %d, %a, %b;",
        [&](u32 p, u32 q) {
          return (is(p, q) ? 0x3c00u : 0) | (is(p >> 16, q >> 16) ? 0x3c000000u : 0);
        },
        x, y);
    check_on<u32>(
        "set." + name + ".u32.f16x2 %d, %a, %b;",
        [&](u32 p, u32 q) {
          return (is(p, q) ? 0xffffu : 0) | (is(p >> 16, q >> 16) ? 0xffff0000u : 0);
        },
        x, y);
  }
}

template <class T> void check_choices() {
  for (const std::string& t : {untyped_name<T>(), type_name<T>()}) {
    check<T, T, T, Flag>("selp." + t + " %d, %a, %b, %c;",
                         [](T a, T b, Flag c) { return c ? a : b; });
    check<T, T, T, Flag>("selp." + t + " %d, %a, %b, !%c;",
                         [](T a, T b, Flag c) { return c ? b : a; });
  }
}

TEST_CASE("selp") {
  check_choices<u16>();
  check_choices<i16>();
  check_choices<u32>();
  check_choices<i32>();
  check_choices<u64>();
  check_choices<float>();
  check_choices<double>();
}

}  // namespace
}  // namespace vgpu::test
