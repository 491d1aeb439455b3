// SPDX-License-Identifier: MIT
// Arithmetic of f32 and f64. Results of f32 that are NaN get the canonical pattern.
#include "instructions/families.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

template <bool ftz, class T> T flushed(T x) {
  if constexpr (ftz) return flush(x);
  return x;
}
/// f64 keeps the payload of the first operand that is NaN. Without this, which one that is would
/// depend on how the compiler has ordered the operands of an instruction.
inline double first_nan(double result) { return result; }
template <class... Rest> double first_nan(double result, double a, Rest... rest) {
  const double quiet = bits_as<double>(bits_as<u64>(a) | u64{1} << 51);
  return a != a ? quiet : first_nan(result, rest...);
}
template <class... Rest> float first_nan(float result, Rest...) { return canonical(result); }

/// Whether an operation makes a new NaN of NaN, or chooses an operand or changes its sign.
enum class Nan : u8 { made, kept };

template <auto operation, Nan nan, bool ftz, class T, class... Rest> T apply(T a, Rest... rest) {
  const T result = flushed<ftz>(operation(flushed<ftz>(a), flushed<ftz>(rest)...));
  return nan == Nan::made ? first_nan(result, a, rest...) : result;
}
/// With as many sources as the operation has.
template <auto operation, Nan nan, bool ftz, class T> constexpr Handler plain() {
  if constexpr (requires(T x) { operation(x); })
    return lanewise<apply<operation, nan, ftz, T>>;
  else if constexpr (requires(T x) { operation(x, x); })
    return lanewise<apply<operation, nan, ftz, T, T>>;
  else
    return lanewise<apply<operation, nan, ftz, T, T, T>>;
}
/// Saturated (flags), or not rounded to nearest: in another mode of the processor.
template <auto operation, Nan nan, bool ftz, class T>
void modified(Warp& w, const Instruction& in, Mask mask) {
  {
    const RoundingScope scope(static_cast<Rounding>(in.target));
    plain<operation, nan, ftz, T>()(w, in, mask);
  }
  T* const d = w.reg<T>(in.d);
  if (in.flags) write_lanes(d, mask, [=](int i) { return saturate(d[i]); });
}

/// The modifiers of f32 and of f64.
template <auto operation, Words single, Words twice, Nan nan = Nan::made>
Handler real(const Opcode& op, Instruction& in) {
  const bool is_f64 = op.type() == Type::f64;
  if (!is_form(op, 1, is_f64 ? std::string_view(twice) : single) ||
      (!is_f64 && op.type() != Type::f32))
    return nullptr;
  const Rounding rounding = rounding_of(op);
  in.target = static_cast<i32>(rounding);
  in.flags = op.has("sat");
  if (is_f64) in.cls = Class::f64;
  const bool is_plain = rounding == Rounding::nearest && !in.flags;
  const auto form = [&]<bool ftz, class T>() {
    return is_plain ? plain<operation, nan, ftz, T>() : modified<operation, nan, ftz, T>;
  };
  if constexpr (std::string_view(twice) != never)
    if (is_f64) return form.template operator()<false, double>();
  return op.has("ftz") ? form.template operator()<true, float>()
                       : form.template operator()<false, float>();
}

/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64 see and give the upper 32 bits only.
template <auto operation> double upper_half(double a) {
  constexpr u64 upper = ~u64{0} << 32;
  const auto flush_f64 = [](double x) {
    return std::fabs(x) < 0x1p-1022 ? std::copysign(0.0, x) : x;
  };
  const double x = flush_f64(bits_as<double>(bits_as<u64>(a) & upper));
  const double result = flush_f64(operation(x));
  return a != a ? a : bits_as<double>(bits_as<u64>(result) & upper);
}
template <auto operation> Handler f64_upper_half(const Opcode& op, Instruction&) {
  const bool known = op.type() == Type::f64 && is_form(op, 1, "+approx +ftz");
  return known ? lanewise<upper_half<operation>> : nullptr;
}

constexpr Words rounded = "rn rz rm rp";
constexpr Words rounded_or_flushed = "rn rz rm rp ftz";
constexpr Words arithmetic = "rn rz rm rp ftz sat";
constexpr Words approximate = "+approx ftz";

constexpr Signature table[] = {
    {"add", "=T T T", Class::f32, real<sum, arithmetic, rounded>},
    {"sub", "=T T T", Class::f32, real<difference, arithmetic, rounded>},
    {"mul", "=T T T", Class::f32, real<product, arithmetic, rounded>},
    {"fma", "=T T T T", Class::f32, real<fused_sum, arithmetic, rounded>},
    {"div", "=T T T", Class::f32, real<quotient, rounded_or_flushed, rounded>},
    {"div", "=T T T", Class::f32, real<quotient, "+full ftz", never>},
    {"div", "=T T T", Class::f32, real<approximate_quotient, approximate, never>},
    {"rcp", "=T T", Class::f32, real<reciprocal, rounded_or_flushed, rounded>},
    {"rcp", "=T T", Class::f32, real<reciprocal, approximate, never>},
    {"rcp", "=T T", Class::f64, f64_upper_half<reciprocal>},
    {"sqrt", "=T T", Class::f32, real<square_root, rounded_or_flushed, rounded>},
    {"sqrt", "=T T", Class::f32, real<square_root, approximate, never>},
    {"rsqrt", "=T T", Class::f32, real<reciprocal_root, approximate, "+approx">},
    {"rsqrt", "=T T", Class::f64, f64_upper_half<reciprocal_root>},
    {"ex2", "=T T", Class::f32, real<exponential, approximate, never>},
    {"lg2", "=T T", Class::f32, real<logarithm, approximate, never>},
    {"sin", "=T T", Class::f32, real<sine, approximate, never>},
    {"cos", "=T T", Class::f32, real<cosine, approximate, never>},
    {"tanh", "=T T", Class::f32, real<hyperbolic_tangent, "+approx", never>},
    {"min", "=T T T", Class::f32, real<minimum, "ftz", "", Nan::kept>},
    {"min", "=T T T", Class::f32, real<extreme_nan<false>, "+NaN ftz", never>},
    {"max", "=T T T", Class::f32, real<maximum, "ftz", "", Nan::kept>},
    {"max", "=T T T", Class::f32, real<extreme_nan<true>, "+NaN ftz", never>},
    {"neg", "=T T", Class::f32, real<negated, "ftz", "", Nan::kept>},
    {"abs", "=T T", Class::f32, real<magnitude, "ftz", "", Nan::kept>},
    {"copysign", "=T T T", Class::f32, real<with_sign_of_first, "", "", Nan::kept>},
};

}  // namespace

std::span<const Signature> float_instructions() { return table; }

}  // namespace vgpu
