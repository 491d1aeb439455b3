// SPDX-License-Identifier: MIT
// Arithmetic of f32 and f64 against numbers of 113 bits, rounded once.
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

/// A sum that is zero is -0 when rounding down, unless both terms are +0.
template <class T> T rounded_sum(Exact a, Exact b, char mode) {
  const bool both_zero =
      a == 0 && b == 0 &&
      std::signbit(static_cast<double>(a)) == std::signbit(static_cast<double>(b));
  if (a + b == 0 && !both_zero) return mode == 'm' ? T(-0.0) : T(0.0);
  return rounded<T>(exact_sum(a, b), mode);
}

template <class T> T rounded_root(T a, char mode) {
  if (a == 0 || a != a || a == infinity<T>) return a;
  if (a < 0) return std::numeric_limits<T>::quiet_NaN();
  T r = static_cast<T>(std::sqrt(static_cast<long double>(a)));
  while (Exact{r} * r > a) r = std::nextafter(r, T(0));
  for (T up = std::nextafter(r, infinity<T>); Exact{up} * up <= a;
       up = std::nextafter(r, infinity<T>))
    r = up;
  if (Exact{r} * r == a) return r;
  const T up = std::nextafter(r, infinity<T>);
  const Exact middle = (Exact{r} + up) / 2;
  const bool to_up = mode == 'p' || (mode == 'n' && middle * middle < a);
  return to_up ? up : r;
}

/// Wraps a function as the modifiers say.
struct Form {
  std::string suffix;
  char mode = 'n';
  bool ftz = false, sat = false;

  float finish(float x) const {
    if (ftz) x = flushed(x);
    if (sat) return std::isnan(x) || x <= 0 ? 0.0f : std::min(x, 1.0f);
    return std::isnan(x) ? canonical_nan_f32() : x;
  }
  double finish(double x) const { return x; }
  template <class T> T in(T x) const {
    if constexpr (sizeof(T) == 4) return ftz ? flushed(x) : x;
    return x;
  }
};

std::vector<Form> forms(bool with_flags, bool with_default, bool with_sat = true) {
  std::vector<Form> all;
  for (const std::string mode : {"", ".rn", ".rz", ".rm", ".rp"})
    for (const std::string flags : {"", ".ftz", ".sat", ".ftz.sat"}) {
      if ((mode.empty() && !with_default) || (!flags.empty() && !with_flags)) continue;
      if (flags.find("sat") != std::string::npos && !with_sat) continue;
      all.push_back({mode + flags, mode.empty() ? 'n' : mode[2],
                     flags.find("ftz") != std::string::npos,
                     flags.find("sat") != std::string::npos});
    }
  return all;
}

template <class F> void for_types(F&& f) {
  f(float{});
  f(double{});
}

TEST_CASE("add, sub, mul, fma: every rounding, ftz, sat") {
  for_types([]<class T>(T) {
    const std::string t = "." + type_name<T>();
    for (const Form& m : forms(sizeof(T) == 4, true)) {
      check<T, T, T>("add" + m.suffix + t + " %d, %a, %b;",
                     [m](T a, T b) { return m.finish(rounded_sum<T>(m.in(a), m.in(b), m.mode)); });
      check<T, T, T>("sub" + m.suffix + t + " %d, %a, %b;",
                     [m](T a, T b) { return m.finish(rounded_sum<T>(m.in(a), -m.in(b), m.mode)); });
      check<T, T, T>("mul" + m.suffix + t + " %d, %a, %b;", [m](T a, T b) {
        return m.finish(rounded<T>(Exact{m.in(a)} * m.in(b), m.mode));
      });
    }
    for (const Form& m : forms(sizeof(T) == 4, false))
      check<T, T, T, T>("fma" + m.suffix + t + " %d, %a, %b, %c;", [m](T a, T b, T c) {
        return m.finish(rounded_sum<T>(Exact{m.in(a)} * m.in(b), m.in(c), m.mode));
      });
  });
}

TEST_CASE("div, rcp, sqrt: every rounding, ftz") {
  for_types([]<class T>(T) {
    const std::string t = "." + type_name<T>();
    for (const Form& m : forms(sizeof(T) == 4, false, false)) {
      check<T, T, T>("div" + m.suffix + t + " %d, %a, %b;", [m](T a, T b) {
        return m.finish(rounded<T>(Exact{m.in(a)} / m.in(b), m.mode));
      });
      check<T, T>("rcp" + m.suffix + t + " %d, %a;",
                  [m](T a) { return m.finish(rounded<T>(Exact{1} / m.in(a), m.mode)); });
      check<T, T>("sqrt" + m.suffix + t + " %d, %a;",
                  [m](T a) { return m.finish(rounded_root<T>(m.in(a), m.mode)); });
    }
  });
}

/// Within a relative error of the exact value; exceptional values, zeros and signs exactly.
template <class... In, class F>
void check_close(const std::string& text, double bound, bool ftz, F&& exact,
                 const std::vector<In>&... inputs) {
  const auto results = execute<float>(text, inputs...);
  std::size_t i = 0;
  const auto nearly = [&](In... in) {
    const float got = results[i++];
    const long double want = exact(ftz ? flushed(in) : in...);
    const float rounded_want = ftz ? flushed(static_cast<float>(want)) : static_cast<float>(want);
    if (std::isnan(rounded_want)) return canonical_nan_f32();
    const long double slack = bound * std::fabs(want) + (ftz ? 0x1p-126L * bound : 0x1p-149L);
    const bool close = std::isfinite(rounded_want) && std::fabs(got - want) <= slack &&
                       std::signbit(got) == std::signbit(rounded_want);
    return close ? got : rounded_want;
  };
  compare_each(text, results, nearly, inputs...);
}

TEST_CASE("approximations") {
  auto x = column<float>(4000);
  for (int i = -1300; i < 1300; ++i) x.push_back(static_cast<float>(i) * 0.1f);
  for (const bool ftz : {false, true}) {
    const std::string m = ftz ? ".approx.ftz.f32 %d, %a;" : ".approx.f32 %d, %a;";
    using L = long double;
    check_close(
        "rcp" + m, 0x1p-22, ftz, [](float a) { return L{1} / a; }, x);
    check_close(
        "sqrt" + m, 0x1p-22, ftz, [](float a) { return std::sqrt(L{a}); }, x);
    check_close(
        "rsqrt" + m, 0x1p-22, ftz, [](float a) { return L{1} / std::sqrt(L{a}); }, x);
    check_close(
        "ex2" + m, 0x1p-22, ftz, [](float a) { return std::exp2(L{a}); }, x);
    check_close(
        "lg2" + m, 0x1p-22, ftz, [](float a) { return std::log2(L{a}); }, x);
    check_close(
        "sin" + m, 0x1p-20, ftz, [](float a) { return std::sin(L{a}); }, x);
    check_close(
        "cos" + m, 0x1p-20, ftz, [](float a) { return std::cos(L{a}); }, x);
  }
  check_close(
      "tanh.approx.f32 %d, %a;", 0x1p-11, false,
      [](float a) { return std::tanh(static_cast<long double>(a)); }, x);
  const std::vector<double> d = column<double>(2000);
  compare_each(
      "rsqrt.approx.f64 %d, %a;", execute<double>("rsqrt.approx.f64 %d, %a;", d),
      [](double a) { return 1 / std::sqrt(a); }, d);
  // Twenty bits of the upper half; subnormal numbers are zeros.
  for (const std::string name : {"rcp", "rsqrt"}) {
    const auto results = execute<double>(name + ".approx.ftz.f64 %d, %a;", d);
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double a = flushed(d[i]);
      const double want = flushed(name == "rcp" ? 1 / a : 1 / std::sqrt(a));
      if (std::isnan(want)) {
        CHECK(std::isnan(results[i]));
        continue;
      }
      CHECK((to_bits(results[i]) & 0xffffffff) == 0);
      if (!std::isfinite(want) || want == 0)
        CHECK(to_bits(results[i]) == to_bits(want));
      else
        CHECK(std::fabs(results[i] - want) <= 0x1p-19 * std::fabs(want));
    }
  }
}

TEST_CASE("approximate quotients") {
  const auto a = column<float>(8192), b = column<float>(8192);
  for (const bool ftz : {false, true}) {
    const std::string end = ftz ? ".ftz.f32 %d, %a, %b;" : ".f32 %d, %a, %b;";
    check_close(
        "div.full" + end, 0x1p-22, ftz,
        [](float x, float y) { return static_cast<long double>(x) / y; }, a, b);
    check_close(
        "div.approx" + end, 0x1p-22, ftz,
        [](float x, float y) {
          const bool is_large = std::fabs(y) > 0x1p126f && std::isfinite(y);
          return is_large ? x * std::copysign(0.0L, static_cast<long double>(y))
                          : static_cast<long double>(x) / y;
        },
        a, b);
  }
}

template <class T> T lesser(T a, T b) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

TEST_CASE("min and max") {
  for_types([]<class T>(T) {
    const std::string t = "." + type_name<T>() + " %d, %a, %b;";
    for (const Form& m : {Form{"", 'n', false, false}, Form{".ftz", 'n', true, false}}) {
      if (sizeof(T) == 8 && m.ftz) continue;
      check<T, T, T>("min" + m.suffix + t,
                     [m](T a, T b) { return m.finish(lesser(m.in(a), m.in(b))); });
      check<T, T, T>("max" + m.suffix + t,
                     [m](T a, T b) { return m.finish(-lesser<T>(-m.in(a), -m.in(b))); });
    }
  });
  for (const bool is_max : {false, true})
    check<float, float, float>(std::string(is_max ? "max" : "min") + ".NaN.f32 %d, %a, %b;",
                               [=](float a, float b) {
                                 if (std::isnan(a) || std::isnan(b)) return canonical_nan_f32();
                                 return is_max ? -lesser(-a, -b) : lesser(a, b);
                               });
}

TEST_CASE("f64 keeps the payload of the first NaN") {
  const u64 x = 0x7ff8000000000123, y = 0xfff4000000000456, quiet_y = 0xfffc000000000456;
  const u64 one = to_bits(1.0);
  const std::vector<u64> a = {x, y, one}, b = {y, one, x};
  for (const std::string name : {"add.f64", "sub.f64", "mul.f64", "div.rn.f64"})
    CHECK(execute<u64>(name + " %d, %a, %b;", a, b) == std::vector<u64>{x, quiet_y, x});
}

TEST_CASE("signs") {
  check<u32, u32>("abs.f32 %d, %a;", [](u32 a) { return a & 0x7fffffff; });
  check<u32, u32>("neg.f32 %d, %a;", [](u32 a) { return a + 0x80000000; });
  check<u64, u64>("abs.f64 %d, %a;", [](u64 a) { return a & 0x7fffffffffffffff; });
  check<u64, u64>("neg.f64 %d, %a;", [](u64 a) { return a + (u64{1} << 63); });
  check<u32, float>("abs.ftz.f32 %d, %a;",
                    [](float a) { return to_bits(flushed(a)) & 0x7fffffff; });
  check<u32, float>("neg.ftz.f32 %d, %a;",
                    [](float a) { return to_bits(flushed(a)) ^ 0x80000000; });
  for_types([]<class T>(T) {
    const std::string t = "." + type_name<T>();
    check<T, T, T>("copysign" + t + " %d, %a, %b;", [](T a, T b) { return std::copysign(b, a); });
  });
}

}  // namespace
}  // namespace vgpu::test
