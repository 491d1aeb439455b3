// SPDX-License-Identifier: MIT
// Comparisons and choices: setp, set, selp.
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

/// The even or odd ones of `stride` times 32 halves, as floats.
template <class Format> void load_halves(const u16* from, int stride, float* to, bool ftz) {
  alignas(64) u16 halves[lanes];
  for (int i = 0; i < lanes; ++i) halves[i] = from[stride * i];
  Format::template widen<lanes>(halves, to);
  for (int i = 0; ftz && i < lanes; ++i)
    if (std::fabs(to[i]) < Format::smallest_normal) to[i] = 0;
}
template <class Comparison, class Format>
Mask compare_halves(Warp& w, const Instruction& in, int part) {
  alignas(64) float a[lanes], b[lanes];
  const int stride = in.source_width / 2;
  load_halves<Format>(w.source<u16>(in.a) + part, stride, a, in.flags & flag_ftz);
  load_halves<Format>(w.source<u16>(in.b) + part, stride, b, in.flags & flag_ftz);
  return compare_lanes<Comparison>(a, b);
}

/// Instruction::target is all ones if the results are to be inverted, else 0.
template <class Comparison, class T> Results compare(Warp& w, const Instruction& in) {
  const Mask inverted = static_cast<Mask>(in.target);
  Mask result;
  if constexpr (requires { T::smallest_normal; }) {
    result = compare_halves<Comparison, T>(w, in, 0) ^ inverted;
    if (in.source_width == 4) return {result, compare_halves<Comparison, T>(w, in, 1) ^ inverted};
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

enum class For : u8 { all, unsigned_integers, floats };
struct Form {
  std::string_view name;
  For types;
  bool inverted;
  Handler setp, set;
};
template <class T, class Comparison>
constexpr Form form(std::string_view name, For types = For::all, bool inverted = false) {
  return {name, types, inverted, setp<compare<Comparison, T>>, set<compare<Comparison, T>>};
}
/// Names that end in u are for floating-point numbers and hold for NaN too.
template <class T>
constexpr Form forms[] = {
    form<T, std::equal_to<>>("eq"),
    form<T, LessOrGreater>("ne"),
    form<T, std::less<>>("lt"),
    form<T, std::less_equal<>>("le"),
    form<T, std::greater<>>("gt"),
    form<T, std::greater_equal<>>("ge"),
    form<T, std::less<>>("lo", For::unsigned_integers),
    form<T, std::less_equal<>>("ls", For::unsigned_integers),
    form<T, std::greater<>>("hi", For::unsigned_integers),
    form<T, std::greater_equal<>>("hs", For::unsigned_integers),
    form<T, LessOrGreater>("equ", For::floats, true),
    form<T, std::equal_to<>>("neu", For::floats, true),
    form<T, std::greater_equal<>>("ltu", For::floats, true),
    form<T, std::greater<>>("leu", For::floats, true),
    form<T, std::less_equal<>>("gtu", For::floats, true),
    form<T, std::less<>>("geu", For::floats, true),
    form<T, Ordered>("num", For::floats),
    form<T, Ordered>("nan", For::floats, true),
};

/// The handler for a comparison by name, with what it needs in the instruction.
template <class T> Handler find(std::string_view name, bool is_setp, Instruction& in) {
  const For types = std::is_unsigned_v<T>   ? For::unsigned_integers
                    : std::is_integral_v<T> ? For::all
                                            : For::floats;
  for (const Form& f : forms<T>)
    if (f.name == name && (f.types == For::all || f.types == types)) {
      in.target = f.inverted ? -1 : 0;
      return is_setp ? f.setp : f.set;
    }
  return nullptr;
}
Handler find_by_type(Type type, std::string_view name, bool is_setp, Instruction& in) {
  switch (type) {
    case Type::f32:
      in.cls = Class::f32;
      return find<float>(name, is_setp, in);
    case Type::f64:
      in.cls = Class::f64;
      return find<double>(name, is_setp, in);
    case Type::f16:
    case Type::f16x2:
      in.cls = Class::half;
      return find<Float16>(name, is_setp, in);
    case Type::bf16:
    case Type::bf16x2:
      in.cls = Class::half;
      return find<BFloat16>(name, is_setp, in);
    default:
      if (type <= Type::b128 && name != "eq" && name != "ne") return nullptr;
      return for_type<u16, u32, u64, i16, i32, i64>(
          type, [&]<class T>() { return find<T>(name, is_setp, in); });
  }
}

/// setp.op{.and}{.ftz}.type: the first modifier is the comparison.
Handler select_setp(const Opcode& op, Instruction& in) {
  in.flags = static_cast<u8>((op.has("and") ? flag_and : 0) | (op.has("or") ? flag_or : 0) |
                             (op.has("xor") ? flag_xor : 0) | (op.has("ftz") ? flag_ftz : 0));
  const int combined = std::popcount(in.flags & unsigned{combinations});
  const std::size_t understood = 2 + combined + op.has("ftz");
  if (op.types.size() != 1 || op.modifiers.size() != understood || combined > 1 ||
      in.sources != 2 + combined ||
      (op.has("ftz") && (!is_float(op.type()) || size_of(op.type()) == 8)))
    return nullptr;
  return find_by_type(op.type(), op.modifiers[0], true, in);
}

/// set.op{.ftz}.type.type.
Handler select_set(const Opcode& op, Instruction& in) {
  static constexpr std::pair<Type, u32> values[] = {
      {Type::u32, ~0u},          {Type::s32, ~0u},           {Type::f32, 0x3f800000},
      {Type::u16, 0xffff},       {Type::f16, 0x3c00},        {Type::bf16, 0x3f80},
      {Type::f16x2, 0x3c003c00}, {Type::bf16x2, 0x3f803f80},
  };
  const auto is_pair = [](Type type) { return type == Type::f16x2 || type == Type::bf16x2; };
  const auto value = std::ranges::find(values, op.type(), &std::pair<Type, u32>::first);
  const bool pairs = is_pair(op.type(1)), ftz = op.has("ftz");
  if (op.types.size() != 2 || op.modifiers.size() != (ftz ? 4 : 3) || value == std::end(values))
    return nullptr;
  if (pairs ? size_of(op.type()) != 4 || op.type() == Type::f32 : is_pair(op.type()))
    return nullptr;
  if (ftz && op.type(1) != Type::f32 && !is_half(op.type(1))) return nullptr;
  in.immediate = value->second;
  in.flags = static_cast<u8>((pairs ? flag_pairs : 0) | (ftz ? flag_ftz : 0));
  return find_by_type(op.type(1), op.modifiers[0], false, in);
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
