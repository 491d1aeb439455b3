// SPDX-License-Identifier: MIT
// Moves: between registers, packing and unpacking, of special registers, and of addresses: those of
// variables, and from and to the generic space.
#include <chrono>

#include "instructions/families.h"
#include "instructions/select.h"
#include "machine/options.h"
#include "memory/device_memory.h"

namespace vgpu {
namespace {

template <class T> T same(T a) { return a; }
void move_predicate(Warp& w, const Instruction& in, Mask mask) {
  w.set_predicate(in.d, w.predicate_source(in.a), mask);
}
Handler select_move(const Opcode& op, Instruction&) {
  if (!is_form(op, 1)) return nullptr;
  if (op.type() == Type::pred) return move_predicate;
  return for_size<u16, u32, u64>(size_of(op.type()), []<class T>() { return lanewise<same<T>>; });
}

/// Whole is as wide as all elements together.
template <class Whole, class Element> void pack(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) Whole packed[lanes] = {};
  for (int k = 0; k < in.count; ++k) {
    const Element* const from = w.source<Element>(in.extra[k]);
    for (int i = 0; i < lanes; ++i)
      packed[i] |= static_cast<Whole>(Whole{from[i]} << (8 * int{sizeof(Element)} * k));
  }
  write_lanes(w.reg<Whole>(in.d), mask, [&](int i) { return packed[i]; });
}
template <class Whole, class Element> void unpack(Warp& w, const Instruction& in, Mask mask) {
  alignas(64) Whole whole[lanes];  // a destination may be the source
  std::memcpy(whole, w.source<Whole>(in.a), sizeof whole);
  for (int k = 0; k < in.count; ++k)
    write_lanes(w.reg<Element>(in.extra[k]), mask, [&](int i) {
      return static_cast<Element>(whole[i] >> (8 * int{sizeof(Element)} * k));
    });
}
template <bool packs> Handler select_parts(const Opcode& op, Instruction& in) {
  const int bytes = size_of(op.type());
  if (!is_form(op, 1) || op.type() == Type::pred) return nullptr;
  if (bytes == 4 && in.count == 2) return packs ? pack<u32, u16> : unpack<u32, u16>;
  if (bytes == 8 && in.count == 2) return packs ? pack<u64, u32> : unpack<u64, u32>;
  if (bytes == 8 && in.count == 4) return packs ? pack<u64, u16> : unpack<u64, u16>;
  return nullptr;
}

// ---- the generic space: what it calls a lane's address is that of the host, but of shared memory

template <bool to_generic> void convert_shared(Warp& w, const Instruction& in, Mask mask) {
  const u64 start = device_address(w.block->shared);
  const u64 added = to_generic ? start : 0 - start;
  const u64* const a = w.source<u64>(in.a);
  write_lanes(w.reg<u64>(in.d), mask, [=](int i) { return a[i] + added; });
}
Handler select_cvta(const Opcode& op, Instruction& in) {
  if (!is_form(op, 1, "to global shared shared::cta local const param")) return nullptr;
  if (op.type() != Type::u64 || op.modifiers.size() != (op.has("to") ? 3 : 2)) return nullptr;
  if (in.space != Space::shared) return lanewise<same<u64>>;
  return op.has("to") ? convert_shared<false> : convert_shared<true>;
}

/// Constants and the kernel's parameters count as global memory.
Space space_at(const Warp& w, u64 address) {
  const auto is_in = [address](const void* memory, u64 bytes) {
    return address - device_address(memory) < bytes;
  };
  if (is_in(w.block->shared, w.block->shared_bytes)) return Space::shared;
  for (const Frame* frame = w.frame; frame != nullptr; frame = frame->parent)
    if (is_in(frame->memory, frame->function->frame_bytes())) return Space::local;
  return Space::global;
}
void isspacep(Warp& w, const Instruction& in, Mask mask) {
  Mask result = 0;
  const u64* const a = w.source<u64>(in.a);
  for_lanes(mask, [&](int i) { result |= Mask{space_at(w, a[i]) == in.space} << i; });
  w.set_predicate(in.d, result, mask);
}
Handler select_isspacep(const Opcode& op, Instruction&) {
  const bool known = is_form(op, 0, "global shared shared::cta local");
  return known && op.modifiers.size() == 1 ? isspacep : nullptr;
}

/// Writes value(lane) to a register of in.width bytes.
template <class Value> void write(Warp& w, const Instruction& in, Mask mask, const Value& value) {
  for_size<u16, u32, u64>(in.width, [&]<class T>() -> Handler {
    write_lanes(w.reg<T>(in.d), mask, [&](int i) { return static_cast<T>(value(i)); });
    return nullptr;
  });
}

// ---- special registers

/// In the order of SpecialRegister.
constexpr std::string_view registers_of_lanes[] = {
    "%tid.x",   "%tid.y",   "%tid.z",    "%ntid.x",   "%ntid.y",   "%ntid.z", "%ctaid.x",
    "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid"};
static_assert(std::size(registers_of_lanes) == special_registers);

void read_by_lane(Warp& w, const Instruction& in, Mask mask) {
  const u32* const from = w.special[in.target];
  write(w, in, mask, [=](int i) { return from[i]; });
}

/// Nanoseconds serve as cycles too.
u64 clock_value(const Warp&, int) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

struct Computed {
  std::string_view name;
  u64 (*value)(const Warp&, int lane);
};
constexpr Computed computed[] = {
    {"%lanemask_eq", [](const Warp&, int lane) { return u64{1} << lane; }},
    {"%lanemask_lt", [](const Warp&, int lane) { return (u64{1} << lane) - 1; }},
    {"%lanemask_le", [](const Warp&, int lane) { return (u64{2} << lane) - 1; }},
    {"%lanemask_gt", [](const Warp&, int lane) { return u64{all_lanes} & (~u64{1} << lane); }},
    {"%lanemask_ge", [](const Warp&, int lane) { return u64{all_lanes} & (~u64{0} << lane); }},
    {"%clock", clock_value},
    {"%clock64", clock_value},
    {"%globaltimer", clock_value},
    {"%smid", [](const Warp& w, int) { return w.block->index % u64(options.multiprocessors); }},
    {"%nsmid", [](const Warp&, int) { return u64(options.multiprocessors); }},
    {"%dynamic_smem_size", [](const Warp& w, int) { return u64{w.launch->dynamic_shared}; }},
    {"%total_smem_size",
     [](const Warp& w, int) { return u64{w.block->shared_bytes - shared_begin}; }},
    {"%reserved_smem_offset_1", [](const Warp&, int) { return u64{0}; }},
    // Set by the driver: the address of the workspace for barriers of a whole grid.
    {"%envreg1", [](const Warp& w, int) { return w.launch->grid_workspace >> 32; }},
    {"%envreg2", [](const Warp& w, int) { return w.launch->grid_workspace & ~0u; }},
};
void compute(Warp& w, const Instruction& in, Mask mask) {
  const auto value = computed[in.target].value;
  write(w, in, mask, [&](int i) { return value(w, i); });
}

constexpr Signature table[] = {
    {"mov", "=T T", Class::move, select_move},
    {"mov", "=T {T}", Class::move, select_parts<true>},
    {"mov", "={T} T", Class::move, select_parts<false>},
    {"cvta", "=T T", Class::move, select_cvta},
    {"isspacep", "=pred u64", Class::integer, select_isspacep},
};

}  // namespace

Handler special_register(std::string_view name, Instruction& in) {
  const auto by_lane = std::ranges::find(registers_of_lanes, name);
  in.target = static_cast<i32>(by_lane - registers_of_lanes);
  if (by_lane != std::end(registers_of_lanes)) return read_by_lane;
  const auto found = std::ranges::find(computed, name, &Computed::name);
  in.target = static_cast<i32>(found - computed);
  return found == std::end(computed) ? nullptr : compute;
}

void move_address(Warp& w, const Instruction& in, Mask mask) {
  const Function& function = *w.frame->function;
  const u64 calls = device_address(w.registers) + function.register_bytes;
  u64 start = static_cast<u64>(in.immediate), stride = 0;
  if (in.target == address_dynamic_shared) {
    start += (w.launch->kernel->shared_bytes + 127) / 128 * 128;
  } else if (in.target == address_parameter) {
    start += device_address(w.launch->parameters.data());
  } else if (in.target == address_local) {
    start += calls + u64{lanes} * function.call_bytes;
    stride = function.local_bytes;
  } else if (in.target == address_call) {
    start += calls;
    stride = static_cast<u64>(in.offset2);
  }
  write(w, in, mask, [=](int i) { return start + stride * static_cast<u64>(i); });
}

std::span<const Signature> move_instructions() { return table; }

}  // namespace vgpu
