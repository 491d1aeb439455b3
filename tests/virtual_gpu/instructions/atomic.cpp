// SPDX-License-Identifier: MIT
// atom and red. Lanes go in order. A block runs on one core, so only what several blocks can reach
// needs the CPU's atomic operations, and that only if blocks run on several cores.
#include "checks/observe.h"
#include "instructions/addresses.h"
#include "instructions/families.h"
#include "instructions/half_format.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

// ---- operations: the new value, of the old one and one or two operands

template <class T> T exchange(T, T b) { return b; }
template <class T> T compare_and_swap(T old, T b, T c) { return old == b ? c : old; }
u32 increment(u32 old, u32 b) { return old >= b ? 0 : old + 1; }
u32 decrement(u32 old, u32 b) { return old == 0 || old > b ? b : old - 1; }
double add_f64(double old, double b) { return old + b; }
float add_f32(float old, float b) { return canonical(old + b); }
float add_f32_flushed(float old, float b) { return canonical(flush(flush(old) + flush(b))); }

// A sum of two halves in f32 is rounded once more without harm: f32 has more than twice the digits.
u16 add_f16(u16 old, u16 b) { return Float16::narrow(Float16::widen(old) + Float16::widen(b)); }
u32 add_f16x2(u32 old, u32 b) {
  const auto sum = [=](int shift) {
    return u32{add_f16(static_cast<u16>(old >> shift), static_cast<u16>(b >> shift))};
  };
  return sum(0) | sum(16) << 16;
}

// ---- execution

/// Replaces the value at p, atomically if other cores use it too; returns the old one.
template <class T, auto F> T replace(T* p, T b, T c, bool locked) {
  const auto applied = [=](T old) {
    if constexpr (requires { F(old, b, c); })
      return F(old, b, c);
    else
      return F(old, b);
  };
  T old;
  std::memcpy(&old, p, sizeof old);
  T value = applied(old);
  if (!locked) std::memcpy(p, &value, sizeof value);
  while (locked &&
         !__atomic_compare_exchange(p, &old, &value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    value = applied(old);
  return old;
}

template <class T, auto F> void atomic(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) u64 addresses[lanes];
  find_addresses(w, in, addresses);
  mask = observed(w, in, mask, addresses, sizeof(T), Access::atomic);
  const bool returns = in.flags != 0, locked = options.threads > 1 && in.space != Space::shared;
  const T *const b = w.source<T>(in.b), *const c = w.source<T>(in.c);
  T unused[lanes];
  T* const d = returns ? w.reg<T>(in.d) : unused;
  for_lanes(mask, [&](int i) {
    d[i] = replace<T, F>(reinterpret_cast<T*>(addresses[i]), b[i], c[i], locked);
  });
}

/// Global memory's unit for atomic operations does not know subnormal numbers; shared memory's does
/// (PTX manual, atom). A generic address may lie in either.
void atomic_add_f32(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) u64 addresses[lanes];
  find_addresses(w, in, addresses);
  const u64 shared = reinterpret_cast<u64>(w.block->shared);
  Mask inside = 0;
  for (int i = 0; i < lanes; ++i)
    inside |= static_cast<Mask>(addresses[i] - shared < w.block->shared_bytes) << i;
  if ((mask & inside) != 0) atomic<float, add_f32>(w, in, mask & inside);
  if ((mask & ~inside) != 0) atomic<float, add_f32_flushed>(w, in, mask & ~inside);
}

// ---- the choice of a handler

/// By the name of the operation.
template <class T>
constexpr Form of_bits[] = {
    {"and", atomic<T, bit_and<T>>},          {"or", atomic<T, bit_or<T>>},
    {"xor", atomic<T, bit_xor<T>>},          {"exch", atomic<T, exchange<T>>},
    {"cas", atomic<T, compare_and_swap<T>>},
};
template <class T>
constexpr Form of_numbers[] = {
    {"add", atomic<T, add<T>>},
    {"min", atomic<T, least<T>>},
    {"max", atomic<T, greatest<T>>},
};
/// By all that is not a space, an order or a scope.
constexpr Form forms[] = {
    {"inc.u32", atomic<u32, increment>},
    {"dec.u32", atomic<u32, decrement>},
    {"add.f32", atomic_add_f32},
    {"add.f64", atomic<double, add_f64>},
    {"add.noftz.f16", atomic<u16, add_f16>},
    {"add.noftz.f16x2", atomic<u32, add_f16x2>},
    {"cas.b16", atomic<u16, compare_and_swap<u16>>},
};

Handler select_atomic(const Opcode& opcode, Instruction& in) {
  constexpr std::string_view skipped =
      "global shared shared::cta cta gpu sys relaxed acquire release acq_rel";
  const auto form = form_of(opcode, skipped),
             name = form_of(opcode, skipped, "b32 b64 u32 u64 s32 s64");
  in.flags = opcode.name == "atom";
  if (!can_be_addressed(in) || (!in.flags && is_in(name, "exch cas"))) return nullptr;
  if (const Handler run = find_form(forms, form)) return run;
  if (opcode.type() <= Type::b64)
    return for_type<u32, u64>(opcode.type(),
                              [&]<class T>() { return find_form(of_bits<T>, name); });
  return for_type<u32, u64, i32, i64>(opcode.type(),
                                      [&]<class T>() { return find_form(of_numbers<T>, name); });
}

constexpr Signature table[] = {
    {"atom", "=T [a] T ?T", Class::atomic, select_atomic},
    {"red", "[a] T", Class::atomic, select_atomic},
};

}  // namespace

std::span<const Signature> atomic_instructions() { return table; }

}  // namespace vgpu
