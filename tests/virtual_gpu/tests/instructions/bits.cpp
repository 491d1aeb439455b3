// SPDX-License-Identifier: MIT
// Logic, shifts, bits and bytes against what the PTX manual says of them, written bit by bit.
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

TEST_CASE("logic") {
  for_bits([]<class T>(T) {
    const std::string t = untyped_name<T>();
    check<T, T, T>("and." + t + " %d, %a, %b;", [](T a, T b) { return T(a & b); });
    check<T, T, T>("or." + t + " %d, %a, %b;", [](T a, T b) { return T(a | b); });
    check<T, T, T>("xor." + t + " %d, %a, %b;", [](T a, T b) { return T(a ^ b); });
    check<T, T>("not." + t + " %d, %a;", [](T a) { return T(~a); });
  });
  check<Flag, Flag, Flag>("and.pred %d, %a, %b;", [](Flag a, Flag b) { return a && b; });
  check<Flag, Flag, Flag>("or.pred %d, %a, %b;", [](Flag a, Flag b) { return a || b; });
  check<Flag, Flag, Flag>("xor.pred %d, %a, %b;", [](Flag a, Flag b) { return a != b; });
  check<Flag, Flag>("not.pred %d, %a;", [](Flag a) { return !a; });
  check<Flag, Flag, Flag>("and.pred %d, %a, !%b;", [](Flag a, Flag b) { return a && !b; });
}

TEST_CASE("shifts") {
  for_bits([]<class T>(T) {
    const std::string t = untyped_name<T>();
    check<T, T, u32>("shl." + t + " %d, %a, %b;",
                     [](T a, u32 b) { return b >= u32(width<T>) ? T(0) : T(u64{a} << b); });
    check<T, T, u32>("shr." + t + " %d, %a, %b;",
                     [](T a, u32 b) { return b >= u32(width<T>) ? T(0) : T(a >> b); });
  });
  for_integers([]<class T>(T) {
    check<T, T, u32>("shr." + type_name<T>() + " %d, %a, %b;",
                     [](T a, u32 b) { return wrapped<T>(i128{a} >> std::min(b, u32(width<T>))); });
  });
  check<u32, u32, u32, u32>("shf.l.wrap.b32 %d, %a, %b, %c;", [](u32 a, u32 b, u32 c) {
    const u32 n = c & 31;
    return n == 0 ? b : b << n | a >> (32 - n);
  });
  check<u32, u32, u32, u32>("shf.r.wrap.b32 %d, %a, %b, %c;", [](u32 a, u32 b, u32 c) {
    const u32 n = c & 31;
    return n == 0 ? a : b << (32 - n) | a >> n;
  });
}

template <class T> int top_bit(T a) {
  for (int i = width<T> - 1; i >= 0; --i)
    if (a >> i & 1) return i;
  return -1;
}

TEST_CASE("counting and finding bits") {
  const auto both = []<class T>(T) {
    const std::string t = untyped_name<T>();
    check<u32, T>("popc." + t + " %d, %a;", [](T a) {
      u32 n = 0;
      for (; a != 0; a = T(a & (a - 1))) ++n;
      return n;
    });
    check<u32, T>("clz." + t + " %d, %a;", [](T a) { return width<T> - 1 - top_bit(a); });
    check<T, T>("brev." + t + " %d, %a;", [](T a) {
      T d = 0;
      for (int i = 0; i < width<T>; ++i) d |= (a >> i & 1) << (width<T> - 1 - i);
      return d;
    });
    using S = std::make_signed_t<T>;
    check<u32, T>("bfind." + type_name<T>() + " %d, %a;", top_bit<T>);
    check<u32, T>("bfind.shiftamt." + type_name<T>() + " %d, %a;",
                  [](T a) { return a == 0 ? -1 : width<T> - 1 - top_bit(a); });
    check<u32, T>("bfind." + type_name<S>() + " %d, %a;",
                  [](T a) { return top_bit<T>(S(a) < 0 ? T(~a) : a); });
    check<u32, T>("bfind.shiftamt." + type_name<S>() + " %d, %a;", [](T a) {
      const int top = top_bit<T>(S(a) < 0 ? T(~a) : a);
      return top < 0 ? -1 : width<T> - 1 - top;
    });
  };
  both(u32{});
  both(u64{});
}

TEST_CASE("the n-th set bit") {
  const auto masks = any<u32>(4096);
  std::vector<u32> base(4096);
  std::vector<i32> offset(4096);
  for (std::size_t i = 0; i < base.size(); ++i) {
    base[i] = i % 32;
    offset[i] = static_cast<i32>(i / 32 % 41) - 20;
  }
  check_on<u32>(
      "fns.b32 %d, %a, %b, %c;",
      [](u32 mask, u32 from, i32 n) {
        if (n == 0) return mask >> from & 1 ? from : ~0u;
        int left = std::abs(n) - 1;
        for (int at = static_cast<int>(from); at >= 0 && at<32; at += n> 0 ? 1 : -1)
          if (mask >> at & 1 && left-- == 0) return u32(at);
        return ~0u;
      },
      masks, base, offset);
}

TEST_CASE("fields of bits") {
  const auto of = []<class T>(T) {
    check<T, T, u32, u32>("bfe." + type_name<T>() + " %d, %a, %b, %c;", [](T a, u32 b, u32 c) {
      const int most = width<T> - 1;
      const int position = b & 0xff, length = c & 0xff;
      const bool sign =
          std::is_signed_v<T> && length != 0 && (a >> std::min(position + length - 1, most) & 1);
      u64 d = 0;
      for (int i = 0; i <= most; ++i) {
        const bool inside = i < length && position + i <= most;
        d |= u64{inside ? (a >> (position + i) & 1) != 0 : sign} << i;
      }
      return static_cast<T>(d);
    });
  };
  of(u32{});
  of(i32{});
  of(u64{});
  of(i64{});
  const auto insert = []<class T>(T) {
    check<T, T, T, u32, u32>("bfi." + untyped_name<T>() + " %d, %a, %b, %c, %e;",
                             [](T a, T b, u32 c, u32 e) {
                               const int most = width<T> - 1;
                               const int position = c & 0xff, length = e & 0xff;
                               for (int i = 0; i < length && position + i <= most; ++i) {
                                 const T bit = T(1) << (position + i);
                                 b = a >> i & 1 ? b | bit : b & ~bit;
                               }
                               return b;
                             });
  };
  insert(u32{});
  insert(u64{});
}

TEST_CASE("bmsk") {
  check<u32, u32, u32>("bmsk.clamp.b32 %d, %a, %b;", [](u32 a, u32 b) {
    u32 d = 0;
    for (u64 i = a; i < u64{a} + b && i < 32; ++i) d |= 1u << i;
    return d;
  });
}

TEST_CASE("prmt") {
  check_on<u32>(
      "prmt.b32 %d, %a, %b, %c;",
      [](u32 a, u32 b, u32 c) {
        u32 d = 0;
        for (u32 k = 0; k < 4; ++k) {
          const u32 choice = c >> (4 * k) & 15, i = choice & 7;
          const u32 value = (i < 4 ? a >> (8 * i) : b >> (8 * (i - 4))) & 255;
          d |= (choice < 8 ? value : value >= 128 ? 255u : 0u) << (8 * k);
        }
        return d;
      },
      any<u32>(9000), any<u32>(9000), any<u32>(9000));
}

}  // namespace
}  // namespace vgpu::test
