// SPDX-License-Identifier: MIT
// The vocabulary of the virtual GPU: numbers, lane masks, PTX types and state spaces.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace vgpu {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using u128 = unsigned __int128;

inline constexpr int lanes = 32;

/// A set of lanes of a warp: bit i is lane i. A predicate register is one too.
using Mask = u32;
inline constexpr Mask all_lanes = ~0u;

inline bool has(Mask mask, int lane) { return mask >> lane & 1; }
inline int first_lane(Mask mask) { return std::countr_zero(mask); }

/// Calls body(lane) for the lanes of a mask, in order.
template <class Body> inline void for_lanes(Mask mask, Body&& body) {
  for (; mask != 0; mask &= mask - 1) body(std::countr_zero(mask));
}

template <class T> constexpr T round_up(T value, std::type_identity_t<T> multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// A value's bits as another type of the same size.
template <class To, class From> inline To bits_as(From from) { return std::bit_cast<To>(from); }

// clang-format off
enum class Type : u8 { none, b8, b16, b32, b64, b128, u8, u16, u32, u64, s8, s16, s32, s64,
                       f16, bf16, f16x2, bf16x2, tf32, f32, f64, pred };
// clang-format on

/// The names and sizes of types, in the order of Type. A predicate takes one bit of a mask.
struct TypeEntry {
  std::string_view name;
  int bytes;
};
inline constexpr TypeEntry types[] = {
    {"", 4},     {"b8", 1},  {"b16", 2}, {"b32", 4},  {"b64", 8},   {"b128", 16},
    {"u8", 1},   {"u16", 2}, {"u32", 4}, {"u64", 8},  {"s8", 1},    {"s16", 2},
    {"s32", 4},  {"s64", 8}, {"f16", 2}, {"bf16", 2}, {"f16x2", 4}, {"bf16x2", 4},
    {"tf32", 4}, {"f32", 4}, {"f64", 8}, {"pred", 4}};

inline constexpr int size_of(Type type) { return types[static_cast<u8>(type)].bytes; }
inline constexpr bool is_signed(Type t) { return t >= Type::s8 && t <= Type::s64; }
inline constexpr bool is_float(Type t) { return t >= Type::f16 && t <= Type::f64; }

/// State spaces. An entry's parameters (`param`) are the same for all threads; those of a call
/// (`call`) lie in the frame, as local memory does.
enum class Space : u8 { generic, global, shared, local, constant, param, call };

/// What the counters tell apart.
enum class Class : u8 {
  integer,
  f32,
  f64,
  half,
  convert,
  move,
  load_global,
  store_global,
  load_shared,
  store_shared,
  local,
  param,
  atomic,
  sync,
  control,
  mma,
  ldmatrix,
  copy_async,
  count
};

}  // namespace vgpu
