// SPDX-License-Identifier: MIT
// Comparisons and choices: setp, set (of floating-point numbers), selp.
#include <functional>

#include "instructions/families.h"
#include "instructions/half_format.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

/// False if an operand is NaN, as the other comparisons are.
struct Ordered {
  template <class T> bool operator()(T a, T b) const { return a == a && b == b; }
};
struct LessOrGreater {
  template <class T> bool operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return a != b;
    return a < b || a > b;
  }
};

/// .ftz compares subnormal numbers as zeros.
enum CompareFlag : u8 { flag_and = 1, flag_or = 2, flag_xor = 4, flag_ftz = 8, flag_pairs = 16 };
constexpr u8 combinations = flag_and | flag_or | flag_xor;

/// For the first and the second destination: the opposite, or of pairs the upper halves' result.
struct Results {
  Mask first = 0, second = 0;
};

template <class Comparison, class T> Mask compare_lanes(const T* a, const T* b) {
  Mask result = 0;
  for (int i = 0; i < lanes; ++i) result |= Comparison{}(a[i], b[i]) ? Mask{1} << i : 0;
  return result;
}

/// Of pairs of halves the lower or (part 1) the upper ones.
template <class Comparison> Mask compare_halves(Warp& w, const Instruction& in, int part) {
  alignas(64) float a[lanes], b[lanes];
  const int stride = in.source_width / 2;
  for (int i = 0; i < lanes; ++i) {
    a[i] = Float16::widen(w.source<u16>(in.a)[stride * i + part]);
    b[i] = Float16::widen(w.source<u16>(in.b)[stride * i + part]);
  }
  return compare_lanes<Comparison>(a, b);
}

/// Instruction::target is all ones if the results are to be inverted, else 0.
template <class Comparison, class T> Results compare(Warp& w, const Instruction& in) {
  const Mask inverted = static_cast<Mask>(in.target);
  Mask result;
  if constexpr (std::is_same_v<T, Float16>) {
    result = compare_halves<Comparison>(w, in, 0) ^ inverted;
    if (in.source_width == 4) return {result, compare_halves<Comparison>(w, in, 1) ^ inverted};
  } else if (std::is_same_v<T, float> && in.flags & flag_ftz) {
    alignas(64) float a[lanes], b[lanes];
    for (int i = 0; i < lanes; ++i) a[i] = flush(w.source<float>(in.a)[i]);
    for (int i = 0; i < lanes; ++i) b[i] = flush(w.source<float>(in.b)[i]);
    result = compare_lanes<Comparison>(a, b) ^ inverted;
  } else {
    result = compare_lanes<Comparison>(w.source<T>(in.a), w.source<T>(in.b)) ^ inverted;
  }
  return {result, ~result};
}

template <auto of> void setp(Warp& w, const Instruction& in, Mask mask) {
  const Results results = of(w, in);
  const Mask with = in.flags & combinations ? w.predicate_source(in.c) : 0;
  const auto combined = [&](Mask result) {
    if (in.flags & flag_and) return result & with;
    if (in.flags & flag_or) return result | with;
    return result ^ with;
  };
  w.set_predicate(in.d, combined(results.first), mask);
  if (in.has_second) w.set_predicate(in.d2, combined(results.second), mask);
}

/// Writes Instruction::immediate, all ones or 1.0, where the comparison holds.
template <auto of> void set(Warp& w, const Instruction& in, Mask mask) {
  const Results results = of(w, in);
  const Mask low = results.first, high = in.flags & flag_pairs ? results.second : low;
  const u32 value = static_cast<u32>(in.immediate);
  const auto chosen = [=](int i) {
    return (low >> i & 1 ? value & 0xffffu : 0) | (high >> i & 1 ? value & 0xffff0000u : 0);
  };
  if (in.width == 2)
    write_lanes(w.reg<u16>(in.d), mask, [=](int i) { return static_cast<u16>(chosen(i)); });
  else
    write_lanes(w.reg<u32>(in.d), mask, chosen);
}

// ---- selection

struct Comparing {
  std::string_view name;
  bool inverted;
  Handler setp, set;
};
template <class T, class Comparison>
constexpr Comparing by(std::string_view name, bool inverted = false) {
  return {name, inverted, setp<compare<Comparison, T>>, set<compare<Comparison, T>>};
}
/// Names of three letters are for floating-point numbers; those that end in u hold for NaN too.
template <class T>
constexpr Comparing comparisons[] = {
    by<T, std::equal_to<>>("eq"),
    by<T, LessOrGreater>("ne"),
    by<T, std::less<>>("lt"),
    by<T, std::less_equal<>>("le"),
    by<T, std::greater<>>("gt"),
    by<T, std::greater_equal<>>("ge"),
    by<T, LessOrGreater>("equ", true),
    by<T, std::equal_to<>>("neu", true),
    by<T, std::greater_equal<>>("ltu", true),
    by<T, std::greater<>>("leu", true),
    by<T, std::less_equal<>>("gtu", true),
    by<T, std::less<>>("geu", true),
    by<T, Ordered>("num"),
    by<T, Ordered>("nan", true),
};

/// The handler for a comparison by name, with what it needs in the instruction.
template <class T> Handler find(std::string_view name, bool is_setp, Instruction& in) {
  if (std::is_integral_v<T> && name.size() == 3) return nullptr;
  const auto found = std::ranges::find(comparisons<T>, name, &Comparing::name);
  if (found == std::end(comparisons<T>)) return nullptr;
  in.target = found->inverted ? -1 : 0;
  return is_setp ? found->setp : found->set;
}
Handler find_by_type(Type type, std::string_view name, bool is_setp, Instruction& in) {
  const bool is_f16 = type == Type::f16 || type == Type::f16x2;
  in.cls = is_f16              ? Class::half
           : type == Type::f32 ? Class::f32
           : type == Type::f64 ? Class::f64
                               : Class::integer;
  if (is_f16) return find<Float16>(name, is_setp, in);
  if (type == Type::f32) return find<float>(name, is_setp, in);
  if (type == Type::f64) return find<double>(name, is_setp, in);
  if (type <= Type::b128 && name != "eq" && name != "ne") return nullptr;
  return for_type<u16, u32, u64, i16, i32, i64>(
      type, [&]<class T>() { return find<T>(name, is_setp, in); });
}

/// setp.op{.and}{.ftz}.type: the first modifier is the comparison.
Handler select_setp(const Opcode& op, Instruction& in) {
  in.flags = static_cast<u8>((op.has("and") ? flag_and : 0) | (op.has("or") ? flag_or : 0) |
                             (op.has("xor") ? flag_xor : 0) | (op.has("ftz") ? flag_ftz : 0));
  const int combined = std::popcount(in.flags & unsigned{combinations});
  const std::size_t understood = 2 + combined + op.has("ftz");
  if (op.types.size() != 1 || op.modifiers.size() != understood || combined > 1 ||
      in.sources != 2 + combined || (op.has("ftz") && op.type() != Type::f32))
    return nullptr;
  return find_by_type(op.type(), op.modifiers[0], true, in);
}

/// set.op{.ftz}.type.type.
Handler select_set(const Opcode& op, Instruction& in) {
  struct Known {
    Type to, from;
    u32 value;
  };
  static constexpr Known known[] = {{Type::f32, Type::f32, 0x3f800000},
                                    {Type::f16, Type::f16, 0x3c00},
                                    {Type::f16x2, Type::f16x2, 0x3c003c00},
                                    {Type::u32, Type::f16x2, ~0u}};
  const bool ftz = op.has("ftz");
  for (const auto& [to, from, value] : known) {
    if (to != op.type() || from != op.type(1) || op.modifiers.size() != (ftz ? 4 : 3)) continue;
    if (ftz && from != Type::f32) return nullptr;
    in.immediate = value;
    in.flags = static_cast<u8>((from == Type::f16x2 ? flag_pairs : 0) | (ftz ? flag_ftz : 0));
    return find_by_type(from, op.modifiers[0], false, in);
  }
  return nullptr;
}

// ---- choices

template <class T> void selp(Warp& w, const Instruction& in, Mask mask) {
  const T* const a = w.source<T>(in.a);
  const T* const b = w.source<T>(in.b);
  const Mask p = w.predicate_source(in.c);
  write_lanes(w.reg<T>(in.d), mask, [=](int i) { return p >> i & 1 ? a[i] : b[i]; });
}
Handler select_selp(const Opcode& op, Instruction&) {
  if (!is_form(op, 1) || op.type() == Type::pred) return nullptr;
  return for_size<u16, u32, u64>(size_of(op.type()), []<class T>() { return selp<T>; });
}

constexpr Signature table[] = {
    {"setp", "=pred|p T T ?pred", Class::integer, select_setp},
    {"set", "=T S S", Class::integer, select_set},
    {"selp", "=T T T pred", Class::move, select_selp},
};

}  // namespace

std::span<const Signature> compare_instructions() { return table; }

}  // namespace vgpu
