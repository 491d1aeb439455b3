// SPDX-License-Identifier: MIT
// Arithmetic of f16, bf16 and their packed pairs, which are 64 numbers in a row to these handlers.
// It is done in float, which has digits enough that rounding twice is the same as once; fma, where
// that does not hold, rounds its sum to odd first.
#include "instructions/families.h"
#include "instructions/half_format.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

enum HalfFlag : u8 { flag_sat = 1, flag_relu = 2 };

/// Exact holds products of two halves.
template <class Exact> float fused(Exact a, Exact b, Exact c) {
  const Exact ab = a * b, nearest = ab + c, back = nearest - ab;
  const Exact odd = made_odd(nearest, (ab - (nearest - back)) + (c - back));
  if constexpr (sizeof(Exact) == 4) return odd;
  const float single = static_cast<float>(odd);
  return std::fabs(single) < INFINITY ? made_odd(single, odd - Exact{single}) : single;
}

/// n numbers: as many as lanes, or twice as many if they are packed.
template <class Format, auto operation, int n>
void calculate(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) float a[n], b[n], c[n], value[n];
  alignas(64) u16 result[n];
  widen_all<Format, n>(w.source<u16>(in.a), a);
  if (in.sources > 1) widen_all<Format, n>(w.source<u16>(in.b), b);
  if (in.sources > 2) widen_all<Format, n>(w.source<u16>(in.c), c);
  for (int i = 0; i < n; ++i) {
    if constexpr (requires { operation(a[i]); })
      value[i] = operation(a[i]);
    else if constexpr (requires { operation(a[i], b[i]); })
      value[i] = operation(a[i], b[i]);
    else
      value[i] = fused<typename Format::Exact>(a[i], b[i], c[i]);
  }
  if (in.flags & flag_relu)
    for (int i = 0; i < n; ++i) value[i] = relu(value[i]);
  if (in.flags & flag_sat)
    for (int i = 0; i < n; ++i) value[i] = saturate(value[i]);
  narrow_all<Format, n>(value, result);

  using Lane = std::conditional_t<n == lanes, u16, u32>;
  alignas(64) Lane by_lane[lanes];
  std::memcpy(by_lane, result, sizeof by_lane);
  write_lanes(w.reg<Lane>(in.d), mask, [&](int i) { return by_lane[i]; });
}

/// The modifiers of f16 and of bf16.
template <auto operation, Words words, Words words_of_bf16>
Handler half(const Opcode& op, Instruction& in) {
  const Type type = op.type();
  const bool is_bf16 = type == Type::bf16 || type == Type::bf16x2;
  if (!is_half(type) || !is_form(op, 1, is_bf16 ? std::string_view(words_of_bf16) : words))
    return nullptr;
  in.flags = static_cast<u8>((op.has("sat") ? flag_sat : 0) | (op.has("relu") ? flag_relu : 0));
  const auto form = [type]<class Format>() {
    return size_of(type) == 4 ? calculate<Format, operation, 2 * lanes>
                              : calculate<Format, operation, lanes>;
  };
  return is_bf16 ? form.template operator()<BFloat16>() : form.template operator()<Float16>();
}

// Signs change on the bits: NaN is nothing special.
template <class Bits> Bits negated_bits(Bits a) { return a ^ static_cast<Bits>(0x80008000); }
template <class Bits> Bits magnitude_bits(Bits a) { return a & static_cast<Bits>(0x7fff7fff); }
template <auto single, auto pair> Handler sign(const Opcode& op, Instruction&) {
  if (!is_half(op.type()) || !is_form(op, 1)) return nullptr;
  return size_of(op.type()) == 4 ? lanewise<pair> : lanewise<single>;
}

constexpr Signature table[] = {
    {"add", "=T T T", Class::half, half<sum, "rn sat", "rn">},
    {"sub", "=T T T", Class::half, half<difference, "rn sat", "rn">},
    {"mul", "=T T T", Class::half, half<product, "rn sat", "rn">},
    {"fma", "=T T T T", Class::half, half<fused_sum, "rn sat", "rn relu">},
    {"fma", "=T T T T", Class::half, half<fused_sum, "rn +relu", never>},
    {"min", "=T T T", Class::half, half<minimum, "", "">},
    {"min", "=T T T", Class::half, half<extreme_nan<false>, "+NaN", "+NaN">},
    {"max", "=T T T", Class::half, half<maximum, "", "">},
    {"max", "=T T T", Class::half, half<extreme_nan<true>, "+NaN", "+NaN">},
    {"neg", "=T T", Class::half, sign<negated_bits<u16>, negated_bits<u32>>},
    {"abs", "=T T", Class::half, sign<magnitude_bits<u16>, magnitude_bits<u32>>},
    {"tanh", "=T T", Class::half, half<hyperbolic_tangent, "+approx", "+approx">},
};

}  // namespace

std::span<const Signature> half_instructions() { return table; }

}  // namespace vgpu
