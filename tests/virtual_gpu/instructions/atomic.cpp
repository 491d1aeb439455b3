// SPDX-License-Identifier: MIT
// atom and red. Lanes go in order. A block runs on one core, so only what several blocks can reach
// needs the CPU's atomic operations, and that only if blocks run on several cores.
#include <algorithm>

#include "checks/observe.h"
#include "instructions/addresses.h"
#include "instructions/families.h"
#include "instructions/half_format.h"
#include "instructions/modifiers.h"

namespace vgpu {
namespace {

// ---- operations: the new value, of the old one and the operands

constexpr auto exchange = [](auto, auto b, auto) { return b; };
constexpr auto compare_and_swap = [](auto old, auto b, auto c) { return old == b ? c : old; };
constexpr auto add = [](auto old, auto b, auto) { return old + b; };  // signed: as unsigned
constexpr auto least = [](auto old, auto b, auto) { return std::min(old, b); };
constexpr auto greatest = [](auto old, auto b, auto) { return std::max(old, b); };
constexpr auto bit_and = [](auto old, auto b, auto) { return old & b; };
constexpr auto bit_or = [](auto old, auto b, auto) { return old | b; };
constexpr auto bit_xor = [](auto old, auto b, auto) { return old ^ b; };
constexpr auto increment = [](u32 old, u32 b, u32) { return old >= b ? 0 : old + 1; };
constexpr auto decrement = [](u32 old, u32 b, u32) { return old == 0 || old > b ? b : old - 1; };
constexpr auto add_f32 = [](float old, float b, float) { return canonical(old + b); };
constexpr auto add_f32_flushed = [](float old, float b, float) {
  return canonical(flush(flush(old) + flush(b)));
};

// A sum of two halves in f32 is rounded once more without harm: f32 has more than twice the digits.
template <class Format> u16 add_half(u16 old, u16 b, u16) {
  return Format::narrow(Format::widen(old) + Format::widen(b));
}
template <class Format> u32 add_halves(u32 old, u32 b, u32) {
  const auto sum = [=](int shift) {
    return u32{add_half<Format>(static_cast<u16>(old >> shift), static_cast<u16>(b >> shift), 0)};
  };
  return sum(0) | sum(16) << 16;
}

// ---- execution

/// Replaces the value at p, atomically if other cores use it too; returns the old one.
template <class T, auto F> T replace(T* p, T b, T c, bool locked) {
  T old;
  std::memcpy(&old, p, sizeof old);
  T value = F(old, b, c);
  if (!locked) std::memcpy(p, &value, sizeof value);
  while (locked &&
         !__atomic_compare_exchange(p, &old, &value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    value = F(old, b, c);
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

constexpr Form forms[] = {
    {"and.b32", atomic<u32, bit_and>},
    {"and.b64", atomic<u64, bit_and>},
    {"or.b32", atomic<u32, bit_or>},
    {"or.b64", atomic<u64, bit_or>},
    {"xor.b32", atomic<u32, bit_xor>},
    {"xor.b64", atomic<u64, bit_xor>},
    {"add.u32", atomic<u32, add>},
    {"add.s32", atomic<u32, add>},
    {"add.u64", atomic<u64, add>},
    {"add.s64", atomic<u64, add>},
    {"add.f32", atomic_add_f32},
    {"add.f64", atomic<double, add>},
    {"add.noftz.f16", atomic<u16, add_half<Float16>>},
    {"add.noftz.bf16", atomic<u16, add_half<BFloat16>>},
    {"add.noftz.f16x2", atomic<u32, add_halves<Float16>>},
    {"add.noftz.bf16x2", atomic<u32, add_halves<BFloat16>>},
    {"min.u32", atomic<u32, least>},
    {"min.s32", atomic<i32, least>},
    {"min.u64", atomic<u64, least>},
    {"min.s64", atomic<i64, least>},
    {"max.u32", atomic<u32, greatest>},
    {"max.s32", atomic<i32, greatest>},
    {"max.u64", atomic<u64, greatest>},
    {"max.s64", atomic<i64, greatest>},
    {"inc.u32", atomic<u32, increment>},
    {"dec.u32", atomic<u32, decrement>},
};
constexpr Form forms_with_result[] = {{"exch.b32", atomic<u32, exchange>},
                                      {"exch.b64", atomic<u64, exchange>},
                                      {"cas.b16", atomic<u16, compare_and_swap>},
                                      {"cas.b32", atomic<u32, compare_and_swap>},
                                      {"cas.b64", atomic<u64, compare_and_swap>}};

Handler select_atomic(const Opcode& opcode, Instruction& in) {
  const auto form =
      form_of(opcode, "global shared shared::cta cta gpu sys", "relaxed acquire release acq_rel");
  in.flags = opcode.name == "atom";
  if (!can_be_addressed(in)) return nullptr;
  if (const Handler run = find_form(forms, form)) return run;
  return in.flags != 0 ? find_form(forms_with_result, form) : nullptr;
}

constexpr Signature table[] = {
    {"atom", "=T [a] T ?T", Class::atomic, select_atomic},
    {"red", "[a] T", Class::atomic, select_atomic},
};

}  // namespace

std::span<const Signature> atomic_instructions() { return table; }

}  // namespace vgpu
