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
  if (plain == "lt" || plain == "lo") return order < 0;
  if (plain == "le" || plain == "ls") return order <= 0;
  if (plain == "gt" || plain == "hi") return order > 0;
  return order >= 0;
}
bool combined(const std::string& how, bool x, bool y) {
  return how == "and" ? x && y : how == "or" ? x || y : how == "xor" ? x != y : x;
}

const std::string of_signed[] = {"eq", "ne", "lt", "le", "gt", "ge"};
const std::string of_unsigned[] = {"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs"};
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
  check_type<i16>("s16", of_signed);
  check_type<i32>("s32", of_signed);
  check_type<i64>("s64", of_signed);
  check_type<u16>("u16", of_unsigned);
  check_type<u32>("u32", of_unsigned);
  check_type<u64>("u64", of_unsigned);
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
  for (const Format* f : {&f16(), &bf16()}) {
    const auto a = interesting_halves(*f, 4000);
    auto b = interesting_halves(*f, 4000);
    for (std::size_t i = 0; i < a.size(); i += 7) b[i] = a[i];
    std::vector<u32> x(2000), y(2000);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = a[2 * i] | u32{a[2 * i + 1]} << 16;
      y[i] = b[2 * i] | u32{b[2 * i + 1]} << 16;
    }
    const auto compare = [&](u32 p, u32 q) { return order(f->decode(p), f->decode(q)); };
    const auto low = [](u32 p) { return p & 0xffff; };
    for (const std::string& name : of_floats) {
      check_setp(name, f->name, compare, a, b);
      // The first predicate is that of the lower halves, the second that of the upper ones.
      const std::string text = "setp." + name + "." + f->name + "x2 %d|%d2, %a, %b;";
      const auto [d, d2] = execute_two<Flag, Flag>(text, x, y);
      compare_each(
          text, d, [&](u32 p, u32 q) { return holds(name, compare(low(p), low(q))); }, x, y);
      compare_each(
          text, d2, [&](u32 p, u32 q) { return holds(name, compare(p >> 16, q >> 16)); }, x, y);
      const std::string with_and = "setp." + name + ".and." + f->name + "x2 %d|%d2, %a, %b, %c;";
      const auto c = column<Flag>(x.size());
      const auto [e, e2] = execute_two<Flag, Flag>(with_and, x, y, c);
      compare_each(
          with_and, e2,
          [&](u32 p, u32 q, Flag z) { return z && holds(name, compare(p >> 16, q >> 16)); }, x, y,
          c);
    }
  }
  const Format& f = f16();
  const auto a = interesting_halves(f, 3000), b = interesting_halves(f, 3000);
  check_on<Flag>(
      "setp.eq.ftz.f16 %d, %a, %b;",
      [&](u16 p, u16 q) { return order(f.decode(f.flush(p)), f.decode(f.flush(q))) == 0; }, a, b);
}

TEST_CASE("set") {
  const auto check_set = []<class T>(const std::string& type, T) {
    std::vector<T> a, b;
    draw_pairs(a, b);
    for (const std::string name : {"eq", "lt", "ge"}) {
      const auto is = [&](T x, T y) { return holds(name, order(x, y)); };
      const std::string end = "." + type + " %d, %a, %b;";
      check_on<u32>(
          "set." + name + ".u32" + end, [&](T x, T y) { return is(x, y) ? ~0u : 0; }, a, b);
      check_on<i32>(
          "set." + name + ".s32" + end, [&](T x, T y) { return is(x, y) ? -1 : 0; }, a, b);
      check_on<float>(
          "set." + name + ".f32" + end, [&](T x, T y) { return is(x, y) ? 1.0f : 0.0f; }, a, b);
    }
  };
  check_set("s32", i32{});
  check_set("u64", u64{});
  check_set("u16", u16{});
  check_set("f32", float{});
  check_set("f64", double{});
  const auto a = interesting_halves(f16(), 3000), b = interesting_halves(f16(), 3000);
  const auto less = [](u32 x, u32 y) {
    return order(f16().decode(x & 0xffff), f16().decode(y & 0xffff)) == -1;
  };
  check_on<u16>(
      "set.lt.f16.f16 %d, %a, %b;", [&](u16 x, u16 y) { return less(x, y) ? 0x3c00 : 0; }, a, b);
  check_on<u16>(
      "set.lt.u16.f16 %d, %a, %b;", [&](u16 x, u16 y) { return less(x, y) ? 0xffff : 0; }, a, b);
  const auto x = any<u32>(3000), y = any<u32>(3000);
  check_on<u32>(
      "set.lt.f16x2.f16x2 %d, %a, %b;",
      [&](u32 p, u32 q) {
        return (less(p, q) ? 0x3c00u : 0) | (less(p >> 16, q >> 16) ? 0x3c000000u : 0);
      },
      x, y);
  check_on<u32>(
      "set.lt.u32.f16x2 %d, %a, %b;",
      [&](u32 p, u32 q) {
        return (less(p, q) ? 0xffffu : 0) | (less(p >> 16, q >> 16) ? 0xffff0000u : 0);
      },
      x, y);
  check_on<u32>(
      "set.nan.bf16x2.bf16x2 %d, %a, %b;",
      [&](u32 p, u32 q) {
        const auto nan = [](u32 v) { return bf16().is_nan(v & 0xffff); };
        return (nan(p) || nan(q) ? 0x3f80u : 0) | (nan(p >> 16) || nan(q >> 16) ? 0x3f800000u : 0);
      },
      x, y);
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
