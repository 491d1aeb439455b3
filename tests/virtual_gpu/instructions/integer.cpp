// SPDX-License-Identifier: MIT
// Integers and bits: sums, products, quotients, extended precision with the carry flag of the lane,
// logic (of predicates too), shifts, and what looks at bits and bytes within a register.
#include <algorithm>
#include <tuple>

#include "instructions/families.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

/// Of T's sign and twice its size.
template <class T>
using Twice =
    std::tuple_element_t<std::countr_zero(sizeof(T)) - 1,
                         std::conditional_t<std::is_signed_v<T>, std::tuple<i32, i64, __int128>,
                                            std::tuple<u32, u64, u128>>>;

template <class T> T subtract(T a, T b) { return static_cast<T>(Wrap<T>(a) - Wrap<T>(b)); }
template <class T> T multiply(T a, T b) { return static_cast<T>(Wrap<T>(a) * Wrap<T>(b)); }
template <class T> T multiply_high(T a, T b) {
  return static_cast<T>((Twice<T>(a) * Twice<T>(b)) >> (8 * sizeof(T)));
}
template <class T> T multiply_add(T a, T b, T c) { return add(multiply(a, b), c); }
template <class T> T multiply_high_add(T a, T b, T c) { return add(multiply_high(a, b), c); }
template <class T> Twice<T> multiply_wide(T a, T b) { return Twice<T>(a) * b; }
template <class T> Twice<T> multiply_wide_add(T a, T b, Twice<T> c) {
  return add(multiply_wide(a, b), c);
}

// The manual leaves division by zero open; the device gives all ones, and the dividend as
// remainder.
template <class T> T divide(T a, T b) {
  if (b == 0) return static_cast<T>(-1);
  if (std::is_signed_v<T> && b == static_cast<T>(-1)) return subtract(T{0}, a);
  return static_cast<T>(a / b);
}
template <class T> T remainder_of(T a, T b) {
  if (b == 0) return a;
  if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
  return static_cast<T>(a % b);
}

template <class T> T negate(T a) { return subtract(T{0}, a); }
template <class T> T absolute(T a) { return a < 0 ? negate(a) : a; }
template <auto form> constexpr auto of_narrow = OfTypes<u16, u32, i16, i32>::select<form, "+wide">;

// ---- extended precision: each lane has a carry flag, Warp::carry

enum CarryFlag : u8 { carry_in = 1, carry_out = 2 };
enum class Extended { add, subtract, product_low, product_high };

/// The result, of which bits above T are the carry out.
template <class T, Extended operation> u128 extended(T a, T b, T c, u32 carry) {
  using U = std::make_unsigned_t<T>;
  if constexpr (operation == Extended::add) return u128{U(a)} + U(b) + carry;
  if constexpr (operation == Extended::subtract) return u128{U(a)} - U(b) - carry;
  if constexpr (operation == Extended::product_low) return u128{U(multiply(a, b))} + U(c) + carry;
  return u128{U(multiply_high(a, b))} + U(c) + carry;
}
template <class T, Extended operation> void with_carry(Warp& w, const Instruction& in, Mask mask) {
  const T* const a = w.source<T>(in.a);
  const T* const b = w.source<T>(in.b);
  const T* const c = in.sources == 3 ? w.source<T>(in.c) : b;
  T* const d = w.reg<T>(in.d);
  for_lanes(mask, [&](int i) {
    const u32 carry = in.flags & carry_in ? w.carry >> i & 1 : 0;
    const u128 result = extended<T, operation>(a[i], b[i], c[i], carry);
    d[i] = static_cast<T>(result);
    const Mask bit = Mask{1} << i;
    if (in.flags & carry_out)
      w.carry = (w.carry & ~bit) | (result >> (8 * sizeof(T)) & 1 ? bit : 0);
  });
}
template <Extended operation, u8 flags, Words words>
Handler carrying(const Opcode& op, Instruction& in) {
  in.flags = static_cast<u8>(flags | (op.has("cc") ? carry_out : 0));
  constexpr auto form = []<class T> { return with_carry<T, operation>; };
  return of_wide<form, words>(op, in);
}

// ---- logic

template <class T> T bit_not(T a) { return static_cast<T>(~a); }

template <auto F> void predicate_logic(Warp& w, const Instruction& in, Mask mask) {
  w.set_predicate(in.d, F(w.predicate_source(in.a), w.predicate_source(in.b)), mask);
}
template <Handler handler> Handler of_predicates(const Opcode& op, Instruction&) {
  return is_form(op, 1) && op.type() == Type::pred ? handler : nullptr;
}

// ---- shifts: amounts beyond the width act like the width

template <class T> T shift_left(T a, u32 b) {
  constexpr u32 width = 8 * sizeof(T);
  const T shifted = static_cast<T>(a << (b & (width - 1)));
  return b < width ? shifted : T{0};
}
template <class T> T shift_right(T a, u32 b) {
  constexpr u32 width = 8 * sizeof(T);
  if (std::is_signed_v<T>) return static_cast<T>(a >> std::min(b, width - 1));
  const T shifted = static_cast<T>(a >> (b & (width - 1)));
  return b < width ? shifted : T{0};
}
template <bool left> u32 funnel(u32 low, u32 high, u32 amount) {
  const u64 both = u64{high} << 32 | low;
  return static_cast<u32>(left ? both << (amount & 31) >> 32 : both >> (amount & 31));
}

// ---- counting and finding

template <class T> u32 count_ones(T a) { return static_cast<u32>(std::popcount(a)); }
template <class T> u32 leading_zeros(T a) { return static_cast<u32>(std::countl_zero(a)); }

/// The highest bit that is not a copy of the sign, from below or (amount) from above.
template <class T, bool amount> u32 find_bit(T a) {
  using U = std::make_unsigned_t<T>;
  const U value = static_cast<U>(a < 0 ? ~a : a);
  const u32 zeros = leading_zeros(value), top = 8 * sizeof(T) - 1;
  return value == 0 ? ~0u : amount ? zeros : top - zeros;
}
template <class T> T reverse_bits(T x) {
  constexpr T ones = static_cast<T>(~T{0});
  x = (x >> 1 & ones / 3) | (x & ones / 3) << 1;
  x = (x >> 2 & ones / 5) | (x & ones / 5) << 2;
  x = (x >> 4 & ones / 17) | (x & ones / 17) << 4;
  return sizeof(T) == 4 ? static_cast<T>(__builtin_bswap32(static_cast<u32>(x)))
                        : static_cast<T>(__builtin_bswap64(x));
}
/// fns: the offset-th set bit from a base upwards, or downwards for negative offsets; for 0 the bit
/// at the base.
u32 find_nth_set(u32 bits, u32 base, u32 offset) {
  const i64 n = static_cast<i32>(offset), step = n < 0 ? -1 : 1;
  i64 left = n == 0 ? 1 : n * step;
  for (i64 at = base; at >= 0 && at < 32; at += step) {
    if (bits >> at & 1 && --left == 0) return static_cast<u32>(at);
    if (n == 0) break;
  }
  return ~0u;
}

// ---- fields of bits, and bytes

template <class T> T low_ones(u32 count) {
  constexpr u32 width = 8 * sizeof(T);
  return count < width ? (T{1} << (count & (width - 1))) - 1 : static_cast<T>(~T{0});
}
template <class T> T extract_field(T a, u32 position, u32 length) {
  using U = std::make_unsigned_t<T>;
  constexpr u32 width = 8 * sizeof(T);
  position &= 255;
  length &= 255;
  const u32 top = std::min(position + length - 1, width - 1);
  const bool negative = std::is_signed_v<T> && length != 0 && (a >> (top & (width - 1)) & 1);
  const U shifted = position < width ? static_cast<U>(a) >> (position & (width - 1)) : U{0};
  const U field = low_ones<U>(position < width ? std::min(length, width - position) : 0);
  return static_cast<T>((shifted & field) | (negative ? ~field : U{0}));
}
template <class T> void insert_field(Warp& w, const Instruction& in, Mask mask) {
  constexpr u32 width = 8 * sizeof(T);
  const T* const a = w.source<T>(in.a);
  const T* const b = w.source<T>(in.b);
  const u32* const position = w.source<u32>(in.c);
  const u32* const length = w.source<u32>(in.extra[0]);
  write_lanes(w.reg<T>(in.d), mask, [=](int i) {
    const u32 at = position[i] & 255, shift = at & (width - 1);
    const T field = at < width ? low_ones<T>(length[i] & 255) << shift : T{0};
    return static_cast<T>((b[i] & ~field) | (static_cast<T>(a[i] << shift) & field));
  });
}
u32 make_mask(u32 position, u32 count) {
  return position < 32 ? low_ones<u32>(count) << position : 0;
}

/// Each four bits of the selector choose one of the eight bytes of b:a, or its sign repeated.
u32 permute(u32 a, u32 b, u32 selector) {
  const u64 bytes = u64{b} << 32 | a;
  u32 result = 0;
  for (u32 k = 0; k < 4; ++k) {
    const u32 choice = selector >> (4 * k) & 15;
    const u32 byte = static_cast<u32>(bytes >> (8 * (choice & 7))) & 255;
    const u32 sign = byte & 128 ? 255 : 0;
    result |= (choice & 8 ? sign : byte) << (8 * k);
  }
  return result;
}
using enum Class;

constexpr Signature table[] = {
    {"add", "=T T T", integer, of_any<[]<class T> { return add<T>; }>},
    {"sub", "=T T T", integer, of_any<[]<class T> { return subtract<T>; }>},
    {"mul", "=W T T", integer, of_any<[]<class T> { return multiply<T>; }, "+lo">},
    {"mul", "=W T T", integer, of_any<[]<class T> { return multiply_high<T>; }, "+hi">},
    {"mul", "=W T T", integer, of_narrow<[]<class T> { return multiply_wide<T>; }>},
    {"mad", "=W T T W", integer, of_any<[]<class T> { return multiply_add<T>; }, "+lo">},
    {"mad", "=W T T W", integer, of_any<[]<class T> { return multiply_high_add<T>; }, "+hi">},
    {"mad", "=W T T W", integer, of_narrow<[]<class T> { return multiply_wide_add<T>; }>},
    {"div", "=T T T", integer, of_any<[]<class T> { return divide<T>; }>},
    {"rem", "=T T T", integer, of_any<[]<class T> { return remainder_of<T>; }>},
    {"min", "=T T T", integer, of_any<[]<class T> { return least<T>; }>},
    {"max", "=T T T", integer, of_any<[]<class T> { return greatest<T>; }>},
    {"neg", "=T T", integer, of_any<[]<class T> { return negate<T>; }>},
    {"abs", "=T T", integer, of_any<[]<class T> { return absolute<T>; }>},
    {"add", "=T T T", integer, carrying<Extended::add, 0, "+cc">},
    {"addc", "=T T T", integer, carrying<Extended::add, carry_in, "cc">},
    {"sub", "=T T T", integer, carrying<Extended::subtract, 0, "+cc">},
    {"subc", "=T T T", integer, carrying<Extended::subtract, carry_in, "cc">},
    {"mad", "=W T T W", integer, carrying<Extended::product_low, 0, "+lo +cc">},
    {"mad", "=W T T W", integer, carrying<Extended::product_high, 0, "+hi +cc">},
    {"madc", "=T T T T", integer, carrying<Extended::product_low, carry_in, "+lo cc">},
    {"madc", "=T T T T", integer, carrying<Extended::product_high, carry_in, "+hi cc">},
    {"and", "=T T T", integer, of_bits<[]<class T> { return bit_and<T>; }>},
    {"or", "=T T T", integer, of_bits<[]<class T> { return bit_or<T>; }>},
    {"xor", "=T T T", integer, of_bits<[]<class T> { return bit_xor<T>; }>},
    {"not", "=T T", integer, of_bits<[]<class T> { return bit_not<T>; }>},
    {"and", "=T T T", integer, of_predicates<predicate_logic<bit_and<Mask>>>},
    {"or", "=T T T", integer, of_predicates<predicate_logic<bit_or<Mask>>>},
    {"xor", "=T T T", integer, of_predicates<predicate_logic<bit_xor<Mask>>>},
    {"not", "=T T", integer, of_predicates<negate_predicate>},
    {"shl", "=T T u32", integer, of_bits<[]<class T> { return shift_left<T>; }>},
    {"shr", "=T T u32", integer, of_any<[]<class T> { return shift_right<T>; }>},
    {"shf", "=T T T u32", integer, of_b32<funnel<true>, "+l +wrap">},
    {"shf", "=T T T u32", integer, of_b32<funnel<false>, "+r +wrap">},
    {"popc", "=u32 T", integer, of_unsigned<[]<class T> { return count_ones<T>; }>},
    {"clz", "=u32 T", integer, of_unsigned<[]<class T> { return leading_zeros<T>; }>},
    {"brev", "=T T", integer, of_unsigned<[]<class T> { return reverse_bits<T>; }>},
    {"bfind", "=u32 T", integer, of_wide<[]<class T> { return find_bit<T, false>; }>},
    {"bfind", "=u32 T", integer, of_wide<[]<class T> { return find_bit<T, true>; }, "+shiftamt">},
    {"fns", "=b32 b32 b32 b32", integer, of_b32<find_nth_set>},
    {"bfe", "=T T u32 u32", integer, of_wide<[]<class T> { return extract_field<T>; }>},
    {"bfi", "=T T T u32 u32", integer, of_unsigned<[]<class T> { return insert_field<T>; }>},
    {"bmsk", "=b32 u32 u32", integer, of_b32<make_mask, "+clamp">},
    {"prmt", "=b32 b32 b32 b32", integer, of_b32<permute>},
};

}  // namespace

void negate_predicate(Warp& w, const Instruction& in, Mask mask) {
  w.set_predicate(in.d, ~w.predicate_source(in.a), mask);
}

std::span<const Signature> integer_instructions() { return table; }

}  // namespace vgpu
