// SPDX-License-Identifier: MIT
// cvt. In general a lane's value is brought into a double or a 128-bit integer, which hold every
// source exactly, changed there, and rounded once into the destination. The conversions of which
// programs are full are loops of vectors instead.
#include <algorithm>
#include <limits>

#include "instructions/families.h"
#include "instructions/half_format.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

using i128 = __int128;

/// What an instruction does; its bits are Instruction::immediate.
struct Conversion {
  Type to = Type::none, from = Type::none;
  Rounding rounding = Rounding::nearest;
  bool is_integral = false;  // rni, rzi, rmi, rpi: the result is a whole number
  bool saturates = false, flushes = false;
  u8 unused[2] = {};

  bool is_plain() const { return !saturates && !flushes; }
};

// ---- in general

/// The integer that the low bits are.
i128 integer(Type type, u64 bits) {
  const int rest = 64 - 8 * size_of(type);
  if (is_signed(type)) return static_cast<i64>(bits << rest) >> rest;
  return bits << rest >> rest;
}
i128 clamped(Type type, i128 value) {
  const i128 end = i128{1} << (8 * size_of(type) - is_signed(type));
  return std::clamp(value, is_signed(type) ? -end : 0, end - 1);
}

double real(Type type, u64 bits, bool ftz) {
  if (type == Type::f16) return double{Float16::widen(static_cast<u16>(bits))};
  if (type == Type::f64) return bits_as<double>(bits);
  const float x = bits_as<float>(static_cast<u32>(bits));
  return double{ftz ? flush(x) : x};
}

template <class T> T whole(T x, Rounding mode) {
  if (mode == Rounding::zero) return std::trunc(x);
  if (mode == Rounding::down) return std::floor(x);
  return mode == Rounding::up ? std::ceil(x) : std::nearbyint(x);
}

i128 to_integer(double x, const Conversion& c) {
  const int bits = 8 * size_of(c.to);
  // What the manual says of NaN.
  if (x != x) return c.from == Type::f64 || bits == 64 ? integer(c.to, u64{1} << (bits - 1)) : 0;
  return clamped(c.to, static_cast<i128>(std::clamp(whole(x, c.rounding), -0x1p100, 0x1p100)));
}

u64 to_real(double x, const Conversion& c) {
  if (c.is_integral) x = whole(x, c.rounding);
  if (c.saturates) x = saturate(x);
  if (c.to == Type::f16) return narrow<5, 10>(x, c.rounding);
  if (c.to == Type::bf16) return narrow<8, 7>(x, c.rounding);
  if (c.to == Type::tf32) return x == x ? narrow<8, 10>(x, c.rounding) << 13 : canonical_nan;
  if (c.to == Type::f64) return bits_as<u64>(x);
  const u32 bits = narrow<8, 23>(x, c.rounding);
  return c.flushes ? bits_as<u32>(flush(bits_as<float>(bits))) : bits;
}

/// To f64 in the mode of the processor; else such that rounding to less than f64 is right.
double integer_to_double(i128 value, const Conversion& c) {
  // Processors have an instruction for i64; what stands for it with u64 may give -0.
  const double x = value > INT64_MAX ? static_cast<double>(static_cast<u64>(value))
                                     : static_cast<double>(static_cast<i64>(value));
  return c.to == Type::f64 ? x : made_odd(x, static_cast<double>(value - static_cast<i128>(x)));
}

u64 converted(u64 bits, const Conversion& c) {
  if (is_float(c.from)) {
    const double x = real(c.from, bits, c.flushes);
    return is_float(c.to) ? to_real(x, c) : static_cast<u64>(to_integer(x, c));
  }
  const i128 value = integer(c.from, bits);
  if (is_float(c.to)) return to_real(integer_to_double(value, c), c);
  return static_cast<u64>(
      integer(c.to, static_cast<u64>(c.saturates ? clamped(c.to, value) : value)));
}

void convert(Warp& w, const Instruction& in, Mask mask) {
  const auto c = bits_as<Conversion>(in.immediate);
  const RoundingScope scope(is_float(c.from) ? Rounding::nearest : c.rounding);
  u64 values[lanes] = {};
  for_lanes(mask, [&](int i) {
    std::memcpy(&values[i], w.source<u8>(in.a) + i * in.source_width, in.source_width);
    values[i] = converted(values[i], c);
  });
  for_size<u16, u32, u64>(in.width, [&]<class D>() -> Handler {
    write_lanes(w.reg<D>(in.d), mask, [&](int i) { return static_cast<D>(values[i]); });
    return nullptr;
  });
}

// ---- as vectors

template <class D, class S> D number(S x) { return static_cast<D>(x); }
float single(double x) { return canonical(static_cast<float>(x)); }

/// The low bits of a register, extended into another one.
template <class D, class S, class Value> D extended(S x) {
  return static_cast<D>(static_cast<Value>(x));
}
Handler extension(const Conversion& c, const Instruction& in) {
  const int from = size_of(c.from), to = size_of(c.to);
  // One extension does, except where a signed source is first extended and then not.
  if (to > from && is_signed(c.from) && !is_signed(c.to) && in.width > to) return nullptr;
  return for_size<u16, u32, u64>(in.source_width, [&]<class S>() {
    return for_size<u16, u32, u64>(in.width, [&]<class D>() {
      return for_type<u8, u16, u32, u64, i8, i16, i32, i64>(
          to <= from ? c.to : c.from,
          []<class Value>() { return lanewise<extended<D, S, Value>>; });
    });
  });
}

/// Only values of i32 are converted, for which processors have an instruction; those of u32 are
/// moved down by half their range for that.
template <class D, Rounding mode> D whole_of(float x) {
  if constexpr (std::is_same_v<D, float>) {
    return canonical(whole(x, mode));
  } else {
    using Limits = std::numeric_limits<D>;
    constexpr double least = Limits::min(), most = Limits::max(), middle = least == 0 ? 0x1p31 : 0;
    const double value = x == x ? std::clamp(double{whole(x, mode)}, least, most) : 0;
    return static_cast<D>(static_cast<u32>(static_cast<i32>(value - middle)) +
                          static_cast<u32>(middle));
  }
}
template <class D> Handler from_f32(Rounding mode) {
  constexpr Handler by_mode[] = {
      lanewise<whole_of<D, Rounding::nearest>>, lanewise<whole_of<D, Rounding::zero>>,
      lanewise<whole_of<D, Rounding::down>>, lanewise<whole_of<D, Rounding::up>>};
  return by_mode[static_cast<int>(mode)];
}

template <class Format> void narrow_lanes(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) u16 result[lanes];
  narrow_all<Format, lanes>(w.source<float>(in.a), result);
  write_lanes(w.reg<u16>(in.d), mask, [&](int i) { return result[i]; });
}
void widen_lanes(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) float result[lanes];
  widen_all<Float16, lanes>(w.source<u16>(in.a), result);
  write_lanes(w.reg<float>(in.d), mask, [&](int i) { return canonical(result[i]); });
}
/// a goes into the upper half.
template <class Format> void narrow_pairs(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) u16 high[lanes], low[lanes];
  narrow_all<Format, lanes>(w.source<float>(in.a), high);
  narrow_all<Format, lanes>(w.source<float>(in.b), low);
  write_lanes(w.reg<u32>(in.d), mask, [&](int i) { return u32{high[i]} << 16 | low[i]; });
}

/// Between floating-point types, to nearest.
struct Fast {
  Type to, from;
  Handler run;
};
constexpr Fast fast_forms[] = {
    {Type::f16, Type::f32, narrow_lanes<Float16>},
    {Type::bf16, Type::f32, narrow_lanes<BFloat16>},
    {Type::f16x2, Type::f32, narrow_pairs<Float16>},
    {Type::bf16x2, Type::f32, narrow_pairs<BFloat16>},
    {Type::f32, Type::f16, widen_lanes},
    {Type::f32, Type::f64, lanewise<single>},
    {Type::f64, Type::f32, lanewise<number<double, float>>},
};

/// The handler for a frequent conversion; null: the general one must do.
Handler fast_conversion(const Conversion& c, const Instruction& in) {
  if (!is_float(c.to) && !is_float(c.from)) return c.is_plain() ? extension(c, in) : nullptr;
  if (c.from == Type::f32 && c.to == Type::f32 && c.saturates && !c.is_integral && !c.flushes)
    return lanewise<saturate<float>>;
  if (!c.is_plain() || in.source_width != size_of(c.from) || in.width != size_of(c.to))
    return nullptr;
  if (c.from == Type::f32) {
    if (c.to == Type::s32) return from_f32<i32>(c.rounding);
    if (c.to == Type::u32) return from_f32<u32>(c.rounding);
    if (c.to == Type::f32 && c.is_integral) return from_f32<float>(c.rounding);
  }
  if (c.is_integral || c.rounding != Rounding::nearest) return nullptr;
  const auto to_f32 = []<class S>() { return lanewise<number<float, S>>; };
  const auto to_f64 = []<class S>() { return lanewise<number<double, S>>; };
  if (c.to == Type::f32 && !is_float(c.from))
    return for_type<u16, u32, u64, i16, i32, i64>(c.from, to_f32);
  if (c.to == Type::f64 && !is_float(c.from))
    return for_type<u16, u32, u64, i16, i32, i64>(c.from, to_f64);
  for (const Fast& form : fast_forms)
    if (form.to == c.to && form.from == c.from) return form.run;
  return nullptr;
}

// ---- selection

bool is_pair(Type type) { return type == Type::f16x2 || type == Type::bf16x2; }

/// Whether the types and modifiers go together. Pairs are left to fast_conversion.
bool is_valid(const Conversion& c) {
  const auto is_number = [](Type type) {
    return (type >= Type::u8 && type <= Type::s64) || type == Type::f16 || type == Type::f32 ||
           type == Type::f64;
  };
  if (!is_number(c.from)) return false;
  if (is_number(c.to)) return c.rounding != Rounding::away;
  return is_float(c.to) && c.from == Type::f32 && c.is_plain() && !c.is_integral;
}

Handler select_convert(const Opcode& op, Instruction& in) {
  if (!is_form(op, 2, "rn rz rm rp rna rni rzi rmi rpi ftz sat")) return nullptr;
  Conversion c;
  c.to = op.type();
  c.from = op.type(1);
  c.rounding = rounding_of(op);
  c.is_integral = op.has("rni") || op.has("rzi") || op.has("rmi") || op.has("rpi");
  c.saturates = op.has("sat");
  c.flushes = op.has("ftz");
  if (!is_valid(c) || in.sources != (is_pair(c.to) ? 2 : 1)) return nullptr;
  in.immediate = bits_as<i64>(c);
  if (const Handler fast = fast_conversion(c, in)) return fast;
  return is_pair(c.to) ? nullptr : convert;
}

constexpr Signature table[] = {
    {"cvt", "=T S ?S", Class::convert, select_convert},
};

}  // namespace

std::span<const Signature> convert_instructions() { return table; }

}  // namespace vgpu
