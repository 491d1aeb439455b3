// SPDX-License-Identifier: MIT
// ld and st in all state spaces, hints for caches, which do nothing, and fences. 32 lanes at
// contiguous addresses, or all at the same one, are moved as vectors, others a lane at a time.
#include <atomic>

#include "checks/observe.h"
#include "instructions/addresses.h"
#include "instructions/families.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

u8* pointer(u64 address) { return reinterpret_cast<u8*>(address); }

// ---- one lane's access

/// Whether blocks on other cores may use the same memory at the same time.
bool is_strong(const Instruction& in) { return in.order != weak && options.threads > 1; }

/// What the CPU moves at once: up to 16 bytes, as on the device, whose libraries rely on it.
using Pair = u64 __attribute__((vector_size(16), aligned(1), may_alias));
template <std::size_t bytes> struct WordOf { using type = Pair; };
template <> struct WordOf<1> { using type = u8; };
template <> struct WordOf<2> { using type [[gnu::may_alias]] = u16; };
template <> struct WordOf<4> { using type [[gnu::may_alias]] = u32; };
template <> struct WordOf<8> { using type [[gnu::may_alias]] = u64; };

/// From memory into `values`, or the other way round.
template <std::size_t bytes> void move(void* to, const void* from, bool strong) {
  if (!strong) {
    std::memcpy(to, from, bytes);
    return;
  }
  using Word = typename WordOf<bytes>::type;
  std::atomic_thread_fence(std::memory_order_release);
  for (std::size_t k = 0; k < bytes / sizeof(Word); ++k)
    static_cast<volatile Word*>(to)[k] = static_cast<const volatile Word*>(from)[k];
  std::atomic_thread_fence(std::memory_order_acquire);
}

// ---- contiguous vectors of all lanes

/// Transposes 4 x 4 words, by two perfect shuffles.
using Words = u32 __attribute__((vector_size(16)));
inline void transpose(Words (&rows)[4]) {
  for (int step = 0; step < 2; ++step) {
    const Words next[4] = {__builtin_shufflevector(rows[0], rows[2], 0, 4, 1, 5),
                           __builtin_shufflevector(rows[0], rows[2], 2, 6, 3, 7),
                           __builtin_shufflevector(rows[1], rows[3], 0, 4, 1, 5),
                           __builtin_shufflevector(rows[1], rows[3], 2, 6, 3, 7)};
    for (int i = 0; i < 4; ++i) rows[i] = next[i];
  }
}

template <class T, class R, int N>
inline constexpr bool is_quad = N == 4 && sizeof(T) == 4 && sizeof(R) == 4;

template <class T, class R, int N> void load_vectors(R* const* d, const u8* from) {
  if constexpr (is_quad<T, R, N>) {
    for (int i = 0; i < lanes; i += 4, from += 4 * sizeof(Words)) {
      Words rows[4];
      std::memcpy(rows, from, sizeof rows);
      transpose(rows);
      for (int k = 0; k < 4; ++k) std::memcpy(d[k] + i, &rows[k], sizeof(Words));
    }
  } else {
    alignas(64) T values[lanes * N];
    std::memcpy(values, from, sizeof values);
    for (int k = 0; k < N; ++k) {
      R* const to = d[k];
#pragma GCC ivdep
      for (int i = 0; i < lanes; ++i) to[i] = static_cast<R>(values[N * i + k]);
    }
  }
}

template <class T, class R, int N> void store_vectors(u8* to, const R* const* s) {
  if constexpr (is_quad<T, R, N>) {
    for (int i = 0; i < lanes; i += 4, to += 4 * sizeof(Words)) {
      Words rows[4];
      for (int k = 0; k < 4; ++k) std::memcpy(&rows[k], s[k] + i, sizeof(Words));
      transpose(rows);
      std::memcpy(to, rows, sizeof rows);
    }
  } else {
    alignas(64) T values[lanes * N];
#pragma GCC ivdep
    for (int i = 0; i < lanes; ++i)
      for (int k = 0; k < N; ++k) values[N * i + k] = static_cast<T>(s[k][i]);
    std::memcpy(to, values, sizeof values);
  }
}

// ---- ld and st: T is the type in memory, R that of the registers, N the length of the vector

/// Parameters belong to the launch or the frame, not to memory that others can reach.
Mask observed_memory(Warp& w, const Instruction& in, Mask mask, const u64* addresses,
                     std::size_t bytes, Access access) {
  if (in.space == Space::param || in.space == Space::call) return mask;
  return observed(w, in, mask, addresses, static_cast<u32>(bytes), access);
}

template <class T, class R, int N> void load(Warp& w, const Instruction& in, Mask mask) {
  R* d[N];
  for (int k = 0; k < N; ++k) d[k] = w.reg<R>(in.extra[k]);
  alignas(64) u64 addresses[lanes];
  const u64 stride = find_addresses(w, in, addresses);
  mask = observed_memory(w, in, mask, addresses, sizeof(T) * N, Access::read);
  const bool strong = is_strong(in);
  if (stride == sizeof(T) * N && mask == all_lanes && !strong)
    return load_vectors<T, R, N>(d, pointer(addresses[0]));
  T values[N];
  if (stride == 0 && mask != 0) {
    move<sizeof values>(values, pointer(addresses[0]), strong);
    for (int k = 0; k < N; ++k)
      write_lanes(d[k], mask, [value = static_cast<R>(values[k])](int) { return value; });
    return;
  }
  for_lanes(mask, [&](int i) {
    move<sizeof values>(values, pointer(addresses[i]), strong);
    for (int k = 0; k < N; ++k) d[k][i] = static_cast<R>(values[k]);
  });
}

template <class T, class R, int N> void store(Warp& w, const Instruction& in, Mask mask) {
  const R* s[N];
  for (int k = 0; k < N; ++k) s[k] = w.source<R>(in.extra[k]);
  alignas(64) u64 addresses[lanes];
  const u64 stride = find_addresses(w, in, addresses);
  mask = observed_memory(w, in, mask, addresses, sizeof(T) * N, Access::write);
  const bool strong = is_strong(in);
  if (stride == sizeof(T) * N && mask == all_lanes && !strong)
    return store_vectors<T, R, N>(pointer(addresses[0]), s);
  if (stride == 0) mask = std::bit_floor(mask);  // what the last lane writes stays
  for_lanes(mask, [&](int i) {
    T values[N];
    for (int k = 0; k < N; ++k) values[k] = static_cast<T>(s[k][i]);
    move<sizeof values>(pointer(addresses[i]), values, strong);
  });
}

/// Lanes and warps of a block run one at a time; only blocks on other cores see another order.
void fence(Warp& w, const Instruction& in, Mask mask) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (options.check) observe_fence(w, in, mask);
}

void nothing(Warp&, const Instruction&, Mask) {}

// ---- the choice of a handler

/// Registers may be wider than what is moved.
template <bool is_load> Handler by_size(const Instruction& in, bool extends_sign = false) {
  const auto of_types = [&]<class T, class R>() -> Handler {
    if (in.count == 1) return is_load ? load<T, R, 1> : store<T, R, 1>;
    if (in.count == 2) return is_load ? load<T, R, 2> : store<T, R, 2>;
    if (in.count == 4) return is_load ? load<T, R, 4> : store<T, R, 4>;
    return nullptr;
  };
  const auto of_type = [&]<class T>() {
    return for_size<u16, u32, u64>(in.width, [&]<class R>() -> Handler {
      if constexpr (sizeof(T) <= sizeof(R)) return of_types.template operator()<T, R>();
      return nullptr;
    });
  };
  if (extends_sign) return for_size<i8, i16, i32>(in.size, of_type, true);
  return for_size<u8, u16, u32, u64>(in.size, of_type);
}

constexpr std::string_view type_words = "b8 b16 b32 b64 u8 u16 u32 u64 s8 s16 s32 s64 f32 f64";
/// Words of ld and st: what does not concern the order of accesses are spaces and wishes about
/// caches, which all mean the same without caches.
constexpr std::string_view access_words =
    "global shared shared::cta local param param::entry param::func v2 v4 weak volatile relaxed "
    "cta gpu sys cg cs L1::evict_normal L1::evict_unchanged L1::evict_first L1::evict_last "
    "L1::no_allocate L2::64B L2::128B L2::256B";

Class class_of(Space space, Class global, Class shared) {
  if (space == Space::shared) return shared;
  if (space == Space::local) return Class::local;
  return space == Space::param || space == Space::call ? Class::param : global;
}

Handler select_load(const Opcode& opcode, Instruction& in) {
  const auto type = form_of(opcode, access_words, "acquire const ca lu cv nc");
  if (!is_in(type, type_words) || !can_be_addressed(in)) return nullptr;
  in.cls = class_of(in.space, Class::load_global, Class::load_shared);
  return by_size<true>(in, is_signed(opcode.type()) && in.width > in.size);
}

Handler select_store(const Opcode& opcode, Instruction& in) {
  const auto type = form_of(opcode, access_words, "release wb wt");
  if (!is_in(type, type_words) || !can_be_addressed(in) || in.space == Space::param) return nullptr;
  in.cls = class_of(in.space, Class::store_global, Class::store_shared);
  return by_size<false>(in);
}

Handler select_hint(const Opcode& opcode, Instruction&) {
  constexpr std::string_view forms = "L1 L2 global.L1 global.L2 local.L1 local.L2";
  return is_in(form_of(opcode), forms) ? nothing : nullptr;
}

Handler select_fence(const Opcode& opcode, Instruction&) {
  constexpr std::string_view forms =
      "cta gl sys sc.cta sc.gpu sc.sys acq_rel.cta acq_rel.gpu acq_rel.sys";
  return is_in(form_of(opcode), forms) ? fence : nullptr;
}

constexpr Signature table[] = {
    {"ld", "={T} [a]", Class::load_global, select_load},
    {"st", "[a] {T}", Class::store_global, select_store},
    {"prefetch", "[a]", Class::sync, select_hint},
    {"membar", "", Class::sync, select_fence},
    {"fence", "", Class::sync, select_fence},
};

}  // namespace

std::span<const Signature> load_store_instructions() { return table; }

}  // namespace vgpu
