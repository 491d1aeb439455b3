// SPDX-License-Identifier: MIT
// cvt among all types: with every rounding, in registers wider than the types, clamped.
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

/// An integer type of PTX.
struct Integer {
  std::string name;
  int bits;
  bool is_signed;

  i128 least() const { return is_signed ? -(i128{1} << (bits - 1)) : 0; }
  i128 most() const { return (i128{1} << (bits - is_signed)) - 1; }
  i128 clamp(i128 x) const { return std::clamp(x, least(), most()); }
  /// The value that the low bits have.
  i128 cut(i128 x) const {
    const i128 low = x & ((i128{1} << bits) - 1);
    return is_signed && low >> (bits - 1) ? low - (i128{1} << bits) : low;
  }
};
const Integer integers[] = {{"u8", 8, false},   {"s8", 8, true},    {"u16", 16, false},
                            {"s16", 16, true},  {"u32", 32, false}, {"s32", 32, true},
                            {"u64", 64, false}, {"s64", 64, true}};

/// For the register types that may hold one of so many bits.
template <class F> void for_registers(int bits, F&& f) {
  if (bits <= 16) f(u16{});
  if (bits <= 32) f(u32{});
  f(u64{});
}

TEST_CASE("integers to integers, in registers of all widths") {
  for (const Integer& from : integers)
    for_registers(from.bits, [&]<class S>(S) {
      auto a = edges<S>();
      for (const S x : any<S>(40)) a.push_back(x);
      for (const Integer& to : integers)
        for_registers(to.bits, [&]<class D>(D) {
          check_on<D>(
              "cvt." + to.name + "." + from.name + " %d, %a;",
              [&](S x) { return static_cast<D>(to.cut(from.cut(x))); }, a);
          check_on<D>(
              "cvt.sat." + to.name + "." + from.name + " %d, %a;",
              [&](S x) { return static_cast<D>(to.clamp(from.cut(x))); }, a);
        });
    });
}

template <class F> void for_modes(const char* modes, F&& f) {
  for (const char* mode = modes; *mode != 0; ++mode) f(*mode);
}

TEST_CASE("integers to floating-point numbers") {
  for (const Integer& from : integers)
    for_registers(from.bits, [&]<class S>(S) {
      const auto a = column<S>(800);
      for_modes("nzmp", [&](char mode) {
        const std::string start = std::string("cvt.r") + mode + ".",
                          end = "." + from.name + " %d, %a;";
        const auto exact = [&](S x) { return Exact(from.cut(x)); };
        check_on<float>(
            start + "f32" + end, [&](S x) { return rounded<float>(exact(x), mode); }, a);
        check_on<double>(
            start + "f64" + end, [&](S x) { return rounded<double>(exact(x), mode); }, a);
        check_on<u16>(
            start + "f16" + end, [&](S x) { return f16().encode(exact(x), mode); }, a);
      });
    });
  check<float, i32>("cvt.rn.sat.f32.s32 %d, %a;", [](i32 a) { return a > 0 ? 1.0f : 0.0f; });
}

/// x rounded to an integer; it must not be too large.
i128 whole(double x, char mode) {
  const i128 cut = static_cast<i128>(x);
  const double rest = x - static_cast<double>(cut);
  if (rest == 0 || mode == 'z') return cut;
  if (mode == 'm') return rest < 0 ? cut - 1 : cut;
  if (mode == 'p') return rest > 0 ? cut + 1 : cut;
  const bool away = std::fabs(rest) > 0.5 || (std::fabs(rest) == 0.5 && cut % 2 != 0);
  return !away ? cut : rest > 0 ? cut + 1 : cut - 1;
}

i128 to_integer(const Integer& to, double x, char mode, bool from_f64) {
  if (std::isnan(x)) return from_f64 || to.bits == 64 ? i128{1} << (to.bits - 1) : 0;
  if (std::fabs(x) > 0x1p100) return x > 0 ? to.most() : to.least();
  return to.clamp(whole(x, mode));
}

TEST_CASE("floating-point numbers to integers") {
  const auto floats = column<float>(1500);
  const auto doubles = column<double>(1500);
  const auto halves = any<u16>(3000);
  for (const Integer& to : integers)
    for_registers(to.bits, [&]<class D>(D) {
      for_modes("nzmp", [&](char mode) {
        const std::string start = std::string("cvt.r") + mode + "i";
        const auto result = [&](double x, bool from_f64 = false) {
          return static_cast<D>(to.cut(to_integer(to, x, mode, from_f64)));
        };
        const std::string middle = "." + to.name;
        check_on<D>(
            start + middle + ".f32 %d, %a;", [&](float x) { return result(x); }, floats);
        check_on<D>(
            start + ".ftz" + middle + ".f32 %d, %a;", [&](float x) { return result(flushed(x)); },
            floats);
        check_on<D>(
            start + ".sat" + middle + ".f32 %d, %a;", [&](float x) { return result(x); }, floats);
        check_on<D>(
            start + middle + ".f64 %d, %a;", [&](double x) { return result(x, true); }, doubles);
        check_on<D>(
            start + middle + ".f16 %d, %a;", [&](u16 x) { return result(f16().decode(x)); },
            halves);
      });
    });
}

float nan_canonical(float x) { return std::isnan(x) ? canonical_nan_f32() : x; }
template <class T> T saturated(T x) { return x > 0 ? std::min(x, T(1)) : T(0); }

TEST_CASE("floating-point numbers to narrower ones") {
  auto floats = column<float>(6000);
  for (const u16 bits : any<u16>(3000)) {  // halfway between halves, and next to that
    const u32 middle = (u32{bits} << 16) + 0x8000, other = (u32{bits} << 13) + 0x38001000;
    for (const u32 x : {middle, other})
      for (const u32 step : {0u, 1u, ~0u}) floats.push_back(from_bits<float>(x + step));
  }
  const auto doubles = column<double>(4000);
  for (const Format* f : {&f16(), &bf16()})
    for_modes("nzmp", [&](char mode) {
      const std::string start = std::string("cvt.r") + mode, end = "." + f->name;
      check_on<u16>(
          start + end + ".f32 %d, %a;", [&](float x) { return f->encode(x, mode); }, floats);
      if (f == &bf16()) return;
      check_on<u16>(
          start + ".sat" + end + ".f32 %d, %a;",
          [&](float x) { return f->encode(saturated(x), mode); }, floats);
      check_on<u16>(
          start + ".ftz" + end + ".f32 %d, %a;",
          [&](float x) { return f->encode(flushed(x), mode); }, floats);
      check_on<u16>(
          start + end + ".f64 %d, %a;", [&](double x) { return f->encode(x, mode); }, doubles);
    });
  for_modes("nzmp", [&](char mode) {
    const std::string start = std::string("cvt.r") + mode;
    check_on<float>(
        start + ".f32.f64 %d, %a;",
        [&](double x) { return nan_canonical(rounded<float>(x, mode)); }, doubles);
    check_on<float>(
        start + ".ftz.f32.f64 %d, %a;",
        [&](double x) { return nan_canonical(flushed(rounded<float>(x, mode))); }, doubles);
    check_on<float>(
        start + ".sat.f32.f64 %d, %a;",
        [&](double x) { return rounded<float>(saturated(x), mode); }, doubles);
  });
}

TEST_CASE("pairs") {
  const auto a = column<float>(8000), b = column<float>(8000);
  for (const Format* f : {&f16(), &bf16()})
    check_on<u32>(
        "cvt.rn." + f->name + "x2.f32 %d, %a, %b;",
        [&](float x, float y) { return f->encode(x) << 16 | f->encode(y); }, a, b);
}

TEST_CASE("tf32") {
  const Format tf32("tf32", 8, 10);
  auto a = column<float>(6000);
  for (const u32 bits : any<u32>(2000)) a.push_back(from_bits<float>((bits & ~0x1fffu) | 0x1000));
  const auto bits_of = [&](float x, char mode) {
    return std::isnan(x) ? 0x7fffffffu : tf32.encode(x, mode) << 13;
  };
  check_on<u32>(
      "cvt.rna.tf32.f32 %d, %a;", [&](float x) { return bits_of(x, 'a'); }, a);
  check_on<u32>(
      "cvt.rn.tf32.f32 %d, %a;", [&](float x) { return bits_of(x, 'n'); }, a);
  check_on<u32>(
      "cvt.rz.tf32.f32 %d, %a;", [&](float x) { return bits_of(x, 'z'); }, a);
}

TEST_CASE("all halves to wider numbers") {
  const auto a = all_halves();
  const Format& f = f16();
  check_on<float>(
      "cvt.f32.f16 %d, %a;", [&](u16 x) { return nan_canonical(float(f.decode(x))); }, a);
  check_on<double>(
      "cvt.f64.f16 %d, %a;", [&](u16 x) { return f.decode(x); }, a);
  check_on<float>(
      "cvt.sat.f32.f16 %d, %a;", [&](u16 x) { return saturated(float(f.decode(x))); }, a);
  check<double, float>("cvt.f64.f32 %d, %a;", [](float x) { return double{x}; });
  check<double, float>("cvt.ftz.f64.f32 %d, %a;", [](float x) { return double{flushed(x)}; });
}

/// Keeps the sign of a zero.
double whole_number(double x, char mode) {
  if (!(std::fabs(x) < 0x1p60)) return x;
  return std::copysign(static_cast<double>(whole(x, mode)), x);
}

TEST_CASE("rounding to whole numbers within a type, and clamping") {
  for_modes("nzmp", [](char mode) {
    const std::string start = std::string("cvt.r") + mode + "i";
    check<float, float>(start + ".f32.f32 %d, %a;",
                        [=](float x) { return nan_canonical(float(whole_number(x, mode))); });
    check<float, float>(start + ".ftz.f32.f32 %d, %a;", [=](float x) {
      return nan_canonical(float(whole_number(flushed(x), mode)));
    });
    check<float, float>(start + ".sat.f32.f32 %d, %a;",
                        [=](float x) { return saturated(float(whole_number(x, mode))); });
    check<double, double>(start + ".f64.f64 %d, %a;",
                          [=](double x) { return whole_number(x, mode); });
    check_on<u16>(
        start + ".f16.f16 %d, %a;",
        [&](u16 x) { return f16().encode(whole_number(f16().decode(x), mode)); }, all_halves());
  });
  check<float, float>("cvt.sat.f32.f32 %d, %a;", [](float x) { return saturated(x); });
  check<float, float>("cvt.ftz.sat.f32.f32 %d, %a;", [](float x) { return saturated(flushed(x)); });
  check<double, double>("cvt.sat.f64.f64 %d, %a;", [](double x) { return saturated(x); });
  check_on<u16>(
      "cvt.sat.f16.f16 %d, %a;", [](u16 x) { return f16().encode(saturated(f16().decode(x))); },
      all_halves());
}

}  // namespace
}  // namespace vgpu::test
