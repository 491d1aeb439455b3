// SPDX-License-Identifier: MIT
// Integer arithmetic against what the PTX manual says of it, written in 128-bit arithmetic.
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

TEST_CASE("sums and differences") {
  for_integers([]<class T>(T) {
    const std::string t = type_name<T>();
    check<T, T, T>("add." + t + " %d, %a, %b;", [](T a, T b) { return wrapped<T>(i128{a} + b); });
    check<T, T, T>("sub." + t + " %d, %a, %b;", [](T a, T b) { return wrapped<T>(i128{a} - b); });
    check<T, T, T>("min." + t + " %d, %a, %b;", [](T a, T b) { return std::min(a, b); });
    check<T, T, T>("max." + t + " %d, %a, %b;", [](T a, T b) { return std::max(a, b); });
    check<T, T>("add." + t + " %d, %a, 17;", [](T a) { return wrapped<T>(i128{a} + 17); });
    check<T, T>("sub." + t + " %d, -5, %a;", [](T a) { return wrapped<T>(i128{-5} - a); });
  });
  for_signed([]<class T>(T) {
    const std::string t = type_name<T>();
    check<T, T>("neg." + t + " %d, %a;", [](T a) { return wrapped<T>(-i128{a}); });
    check<T, T>("abs." + t + " %d, %a;", [](T a) { return wrapped<T>(a < 0 ? -i128{a} : a); });
  });
}

/// The product as unsigned __int128, since that of two u64 does not fit the signed one.
template <class T> u128 product(T a, T b) {
  return static_cast<u128>(static_cast<i128>(a)) * static_cast<u128>(static_cast<i128>(b));
}
template <class T> T high(T a, T b) { return static_cast<T>(product(a, b) >> width<T>); }

TEST_CASE("products") {
  for_integers([]<class T>(T) {
    const std::string t = type_name<T>();
    check<T, T, T>("mul.lo." + t + " %d, %a, %b;",
                   [](T a, T b) { return static_cast<T>(product(a, b)); });
    check<T, T, T>("mul.hi." + t + " %d, %a, %b;", high<T>);
    check<T, T, T, T>("mad.lo." + t + " %d, %a, %b, %c;", [](T a, T b, T c) {
      return static_cast<T>(product(a, b) + static_cast<u128>(i128{c}));
    });
    check<T, T, T, T>("mad.hi." + t + " %d, %a, %b, %c;",
                      [](T a, T b, T c) { return wrapped<T>(i128{high(a, b)} + c); });
  });
  const auto wide = []<class D, class T>(D, T) {
    const std::string t = type_name<T>();
    check<D, T, T>("mul.wide." + t + " %d, %a, %b;",
                   [](T a, T b) { return static_cast<D>(product(a, b)); });
    check<D, T, T, D>("mad.wide." + t + " %d, %a, %b, %c;", [](T a, T b, D c) {
      return static_cast<D>(product(a, b) + static_cast<u128>(i128{c}));
    });
  };
  wide(i32{}, i16{});
  wide(u32{}, u16{});
  wide(i64{}, i32{});
  wide(u64{}, u32{});
}

TEST_CASE("quotients") {
  for_integers([]<class T>(T) {
    const std::string t = type_name<T>();
    check<T, T, T>("div." + t + " %d, %a, %b;",
                   [](T a, T b) { return b == 0 ? static_cast<T>(-1) : wrapped<T>(i128{a} / b); });
    check<T, T, T>("rem." + t + " %d, %a, %b;",
                   [](T a, T b) { return b == 0 ? a : wrapped<T>(i128{a} % b); });
  });
}

/// Two registers as one number of twice the width, and a third pair of operands for the carry.
TEST_CASE("extended precision") {
  check<u64, u64, u64>(
      ".reg .b32 %al, %ah, %bl, %bh, %dl, %dh; mov.b64 {%al, %ah}, %a; mov.b64 {%bl, %bh}, %b; "
      "add.cc.u32 %dl, %al, %bl; addc.u32 %dh, %ah, %bh; mov.b64 %d, {%dl, %dh};",
      [](u64 a, u64 b) { return a + b; });
  check<u64, u64, u64>(
      ".reg .b32 %al, %ah, %bl, %bh, %dl, %dh; mov.b64 {%al, %ah}, %a; mov.b64 {%bl, %bh}, %b; "
      "sub.cc.u32 %dl, %al, %bl; subc.u32 %dh, %ah, %bh; mov.b64 %d, {%dl, %dh};",
      [](u64 a, u64 b) { return a - b; });
  // The flag itself, out of the middle of three and of the last of two.
  check<u32, u32, u32, u32>(
      ".reg .b32 %t; add.cc.u32 %t, %a, %b; addc.cc.u32 %t, %c, %c; addc.u32 %d, 0, 0;",
      [](u32 a, u32 b, u32 c) { return (2 * u64{c} + ((u64{a} + b) >> 32)) >> 32; });
  check<u32, u32, u32, u32>(
      ".reg .b32 %t; sub.cc.u32 %t, %a, %b; subc.cc.u32 %t, %b, %c; subc.u32 %d, 0, 0;",
      [](u32 a, u32 b, u32 c) { return i128{b} - c - (a < b) < 0 ? ~0u : 0; });
  check<u64, u64, u64>(".reg .b64 %t; add.cc.u64 %t, %a, %b; addc.u64 %d, %a, %b;",
                       [](u64 a, u64 b) { return a + b + ((u128{a} + b) >> 64); });
  check<i64, i64, i64>(".reg .b64 %t; sub.cc.s64 %t, %a, %b; subc.s64 %d, %a, %b;",
                       [](i64 a, i64 b) { return wrapped<i64>(i128{a} - b - (u64(a) < u64(b))); });
  check<u64, u64, u64, u64>(
      ".reg .b64 %t; mad.lo.cc.u64 %t, %a, %b, %c; madc.hi.u64 %d, %a, %b, 0;",
      [](u64 a, u64 b, u64 c) { return static_cast<u64>((u128{a} * b + c) >> 64); });
  check<u32, u32, u32, u32>(
      ".reg .b32 %t; mad.lo.cc.u32 %t, %a, %b, %c; madc.hi.cc.u32 %t, %a, %b, %c; "
      "addc.u32 %d, 0, 0;",
      [](u32 a, u32 b, u32 c) {
        const u64 p = u64{a} * b;
        return ((p >> 32) + c + ((u64{static_cast<u32>(p)} + c) >> 32)) >> 32;
      });
  check<u32, u32, u32, u32>(
      ".reg .b32 %t; mad.hi.cc.s32 %t, %a, %b, %c; madc.lo.u32 %d, %a, %b, %c;",
      [](u32 a, u32 b, u32 c) {
        const u32 upper = static_cast<u32>(high<i32>(static_cast<i32>(a), static_cast<i32>(b)));
        return a * b + c + static_cast<u32>((u64{upper} + c) >> 32);
      });
}

}  // namespace
}  // namespace vgpu::test
