// SPDX-License-Identifier: MIT
// How the operands of pointwise work become blocks that stay in the first-level cache: those that
// are not dense, or not of the type in which a functor computes, are gathered and widened into a
// buffer, and results are rounded from one.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "thrustgrad/config.h"
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/host/simd.h"
#include "thrustgrad/system/operands.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

inline constexpr index_t block = 512;        // elements worked on at a time
inline constexpr index_t chunk = 8 * block;  // elements of one task

/// Copies elements [start, start + count) of a strided operand, in the loop's order, to `to`, and
/// converts them to its type.
template <class T, class To> struct gather_block {
  To* to;
  const T* from;
  const Shape* sizes;
  const Shape* strides;

  void operator()(index_t start, index_t count) const {
    const int last = sizes->rank() - 1;
    const index_t run = sizes->end()[-1], step = strides->end()[-1];
    std::array<index_t, Shape::max_rank> at{};
    index_t offset = 0, rest = start;
    for (int axis = last; axis >= 0; --axis) {
      const index_t size = sizes->begin()[axis];
      at[static_cast<std::size_t>(axis)] = rest % size;
      offset += rest % size * strides->begin()[axis];
      rest /= size;
    }
    index_t inner = at[static_cast<std::size_t>(last)];
    for (index_t done = 0; done < count;) {
      const index_t n = std::min(count - done, run - inner);
      copy_run(to + done, from + offset, n, step);
      done += n;
      offset += n * step;
      inner = 0;
      if (done == count) break;
      offset -= run * step;  // to the start of the next run
      for (int axis = last - 1; axis >= 0; --axis) {
        auto& i = at[static_cast<std::size_t>(axis)];
        offset += strides->begin()[axis];
        if (++i < sizes->begin()[axis]) break;
        offset -= i * strides->begin()[axis];
        i = 0;
      }
    }
  }

  static void copy_run(To* __restrict to, const T* __restrict from, index_t n, index_t step) {
    if (step == 1) {
#pragma omp simd
      for (index_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
    } else if (step == 0) {
      const auto value = static_cast<To>(*from);
#pragma omp simd
      for (index_t i = 0; i < n; ++i) to[i] = value;
    } else {
      for (index_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i * step]);
    }
  }
};

// Assigns member by member: g++ keeps a temporary of class type in memory and gives up vectorising.
template <class T> constexpr void assign_rounded(T& to, compute_t<T> x) {
  if constexpr (std::is_class_v<T>)
    to.bits = T(x).bits;
  else
    to = x;
}

/// Rounds a block to a dense result of another type.
template <class T> struct round_block {
  T* to;
  const compute_t<T>* from;
  void operator()(index_t n) const {
#pragma omp simd
    for (index_t i = 0; i < n; ++i) assign_rounded(to[i], from[i]);
  }
};

// Where every operand is a dense bf16 array or a constant, full blocks are taken as pairs of
// neighbours, the halves of an integer: a buffer holds the first ones of all pairs, then the second
// ones. A functor does not mind the order, and widening and rounding need not move values between
// the lanes of a vector, which costs as much as their arithmetic.
template <class T> inline constexpr bool has_pairs = std::is_same_v<T, bf16>;

/// Widens a full block, dense, to the order of pairs.
template <class T> struct widen_pairs {
  void operator()(float* __restrict to, const T* __restrict from) const {
#pragma omp simd
    for (index_t i = 0; i < block / 2; ++i) {
      std::uint32_t pair = 0;
      __builtin_memcpy(&pair, from + 2 * i, sizeof pair);
      to[i] = T::from_bits(static_cast<std::uint16_t>(pair));
      to[i + block / 2] = T::from_bits(static_cast<std::uint16_t>(pair >> 16));
    }
  }
};

/// Rounds a full block that is in the order of pairs.
template <class T> struct round_pairs {
  void operator()(T* __restrict to, const float* __restrict from) const {
#pragma omp simd
    for (index_t i = 0; i < block / 2; ++i) {
      const std::uint32_t first = T(from[i]).bits, second = T(from[i + block / 2]).bits;
      const std::uint32_t pair = first | second << 16;
      __builtin_memcpy(to + 2 * i, &pair, sizeof pair);
    }
  }
};

/// An input as the tasks see it, without its type: `gather` widens a block of it, and is null where
/// blocks can be read in place.
struct Source {
  const void* data;
  const Shape* sizes;
  Shape strides;
  std::size_t itemsize;
  bool constant;  // one element, repeated
  bool dense;     // in the loop's order
  bool pairs;     // may be in a block of pairs
  void (*gather)(void* to, const Source& from, index_t start, index_t n, bool pairs);
};

/// A result as the tasks see it: dense in the loop's order. `round` is null where blocks can be
/// written in place.
struct Sink {
  void* data;
  std::size_t itemsize;
  bool pairs;  // may be in a block of pairs
  void (*round)(void* to, const void* from, index_t n, bool pairs);
};

/// Asks for the next block of a dense array, so that it arrives while this one is computed.
inline void prefetch(const void* data, std::size_t itemsize, index_t start) {
  constexpr std::size_t line = 64;
  const char* const from =
      static_cast<const char*>(data) + static_cast<std::size_t>(start) * itemsize;
  for (std::size_t at = 0; at < static_cast<std::size_t>(block) * itemsize; at += line)
    __builtin_prefetch(from + at);
}

template <class T> void gather(void* to, const Source& from, index_t start, index_t n, bool pairs) {
  using C = compute_t<T>;
  const auto buffer = static_cast<C*>(to);
  const auto data = static_cast<const T*>(from.data);
  if constexpr (has_pairs<T>) {
    if (pairs) return run_simd(widen_pairs<T>{}, buffer, data + start);
  }
  run_simd(gather_block<T, C>{buffer, data, from.sizes, &from.strides}, start, n);
}
template <class T> void round(void* to, const void* from, index_t n, bool pairs) {
  const auto data = static_cast<T*>(to);
  const auto buffer = static_cast<const compute_t<T>*>(from);
  if constexpr (has_pairs<T>) {
    if (pairs) return run_simd(round_pairs<T>{}, data, buffer);
  }
  run_simd(round_block<T>{data, buffer}, n);
}

template <class T>
Source source(const Strided<const T>& x, const Shape& sizes, const Shape& dense) {
  const bool in_order = x.strides == dense, constant = x.strides == Shape::repeat(sizes.rank(), 0);
  const bool in_place = std::is_same_v<T, compute_t<T>> && in_order;
  return {x.data,
          &sizes,
          x.strides,
          sizeof(T),
          constant,
          in_order,
          constant || (has_pairs<T> && in_order),
          in_place ? nullptr : &gather<T>};
}
template <class T> Sink sink(T* y) {
  return {y, sizeof(T), has_pairs<T>, std::is_same_v<T, compute_t<T>> ? nullptr : &round<T>};
}

}  // namespace detail
}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
