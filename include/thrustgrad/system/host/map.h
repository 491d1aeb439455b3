// SPDX-License-Identifier: MIT
// Pointwise work of the host system. Elements are taken in blocks that stay in the first-level
// cache: operands that are not dense, or not of the type in which the functor computes, are
// gathered and widened into a block first. So a functor is compiled as one plain loop over arrays,
// whatever the strides and element types of its operands are.
#pragma once
#include <algorithm>
#include <array>
#include <tuple>

#include "thrustgrad/config.h"
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/core/shape.h"
#include "thrustgrad/system/host/block.h"
#include "thrustgrad/system/host/for_each.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// The offset of a position in a strided array.
inline index_t offset_of(index_t position, const Shape& sizes, const Shape& strides) {
  index_t offset = 0;
  for (int axis = sizes.rank() - 1; axis >= 0; --axis) {
    const index_t size = sizes.begin()[axis];
    offset += position % size * strides.begin()[axis];
    position /= size;
  }
  return offset;
}

/// One block: y[i] = f(x[i]...).
using Kernel = void (*)(const void* f, index_t n, void* const* y, const void* const* x);

/// The innermost loop. A functor with several results returns them as a pack.
template <class F, class... Y> struct pointwise_loop {
  template <class... X>
  void operator()(const F f, index_t n, Y* __restrict... y, const X*... x) const {
    run(std::index_sequence_for<Y...>{}, f, n, y..., x...);
  }
  template <std::size_t... O, class... X>
  static void run(std::index_sequence<O...>, const F f, index_t n, Y* __restrict... y,
                  const X*... x) {
#pragma omp simd
    for (index_t i = 0; i < n; ++i) one<O...>(f, y[i]..., load(x + i)...);
  }
  template <class X> static THRUSTGRAD_FN X load(const X* x) { return *x; }
  // g++ vectorises a comparison of bytes, but not a bool that it has loaded.
  static inline bool load(const bool* x) { return *reinterpret_cast<const unsigned char*>(x) != 0; }
  // A function of its own: of a pack that is declared within the loop g++ makes an array in memory,
  // and then does not vectorise.
  template <std::size_t... O, class... X>
  static THRUSTGRAD_FN void one(const F& f, Y&... y, X... x) {
    if constexpr (sizeof...(Y) == 1) {
      ((y = static_cast<Y>(f(x...))), ...);
    } else {
      const auto values = f(x...);
      ((y = static_cast<Y>(values[O])), ...);
    }
  }
};

/// All that is compiled anew for a functor.
template <class F, class... Y, class... X, std::size_t... O, std::size_t... I>
Kernel kernel(std::tuple<Y*...>, std::tuple<X*...>, std::index_sequence<O...>,
              std::index_sequence<I...>) {
  return [](const void* f, index_t n, void* const* y, const void* const* x) {
    run_simd(pointwise_loop<F, Y...>{}, *static_cast<const F*>(f), n, static_cast<Y*>(y[O])...,
             static_cast<const X*>(x[I])...);
  };
}

inline constexpr std::size_t most_operands = 16;

// Room for a block of the widest type, and a little more: buffers a multiple of 4096 bytes apart
// would share the same few lines of the cache.
using block_room = std::byte[block * sizeof(double) + 192];

inline void map_blocks(index_t total, const void* f, Kernel kernel, std::span<const Sink> sinks,
                       std::span<const Source> sources) {
  const auto in_pairs = [](const auto& operand) { return operand.pairs; };
  const bool all_pairs =
      std::ranges::all_of(sources, in_pairs) && std::ranges::all_of(sinks, in_pairs);
  const auto task = [=](index_t c) {
    alignas(64) block_room buffers[most_operands];
    const void* x[most_operands];
    void* y[most_operands];
    const index_t begin = c * chunk, end = std::min(total, begin + chunk);
    for (index_t start = begin; start < end; start += block) {
      const index_t n = std::min(block, end - start);
      const bool pairs = all_pairs && n == block;
      block_room* buffer = buffers;
      for (std::size_t i = 0; i < sources.size(); ++i) {
        const Source& from = sources[i];
        if (from.gather == nullptr) {
          x[i] = static_cast<const std::byte*>(from.data) +
                 static_cast<std::size_t>(start) * from.itemsize;
          continue;
        }
        x[i] = *buffer;
        if (!from.constant)
          from.gather(*buffer, from, start, n, pairs);
        else if (start == begin)
          from.gather(*buffer, from, start, block, false);
        ++buffer;
      }
      for (std::size_t o = 0; o < sinks.size(); ++o) {
        std::byte* const place = static_cast<std::byte*>(sinks[o].data) +
                                 static_cast<std::size_t>(start) * sinks[o].itemsize;
        y[o] = sinks[o].round == nullptr ? place : *buffer++;
      }
      if (start + block < end) {
        for (const Source& from : sources) {
          if (from.dense && from.gather != nullptr)
            prefetch(from.data, from.itemsize, start + block);
        }
      }
      kernel(f, n, y, x);
      for (std::size_t o = 0; o < sinks.size(); ++o) {
        std::byte* const place = static_cast<std::byte*>(sinks[o].data) +
                                 static_cast<std::size_t>(start) * sinks[o].itemsize;
        if (sinks[o].round != nullptr) sinks[o].round(place, y[o], n, pairs);
      }
    }
  };
  for_each_task((total + chunk - 1) / chunk, total, task);
}

/// map with the functor's type erased: compiled once for all functors of the same operands.
template <class... Y, class... X>
void map_erased(const void* f, Kernel kernel, const Shape& sizes, const std::tuple<Y*...>& y,
                const Strided<const X>&... x) {
  const index_t total = sizes.numel();
  if (total == 0) return;
  [[maybe_unused]] const Shape dense = contiguous_strides(sizes);
  const auto sinks = std::apply([](Y*... to) { return std::array{sink(to)...}; }, y);
  const std::array<Source, sizeof...(X)> sources{source(x, sizes, dense)...};
  map_blocks(total, f, kernel, sinks, sources);
}

}  // namespace detail

/// y[i] = f(x[i]...) for every position i of a loop over `sizes`. Inputs may have any strides; the
/// results are dense in the loop's order. f computes in float for the 16-bit types; with several
/// results it returns something that is indexed by result.
template <class F, class... Y, class... X>
void map(const F& f, const Shape& sizes, const std::tuple<Y*...>& y, const Strided<const X>&... x) {
  static_assert(sizeof...(Y) + sizeof...(X) <= detail::most_operands,
                "thrustgrad: a functor has at most 16 operands and results");
  const auto kernel =
      detail::kernel<F>(std::tuple<compute_t<Y>*...>{}, std::tuple<compute_t<X>*...>{},
                        std::index_sequence_for<Y...>{}, std::index_sequence_for<X...>{});
  detail::map_erased(&f, kernel, sizes, y, x...);
}

/// to[i] = from[i] for every position i of a loop over `sizes`; both may have any strides. It fills
/// a part of a tensor: padding, concatenation.
template <class T>
void copy_strided(const Shape& sizes, const Strided<T>& to, const Strided<const T>& from) {
  const index_t run = sizes.back(), to_step = to.strides.back(), from_step = from.strides.back();
  if (sizes.numel() == 0) return;
  const Shape outer = sizes.slice(0, sizes.rank() - 1);
  const index_t rows = outer.numel(), rows_per_task = std::max<index_t>(detail::chunk / run, 1);
  for_each_task((rows + rows_per_task - 1) / rows_per_task, rows * run, [&](index_t task) {
    for (index_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task);
         ++row) {
      T* const y = to.data + detail::offset_of(row, outer, to.strides);
      const T* const x = from.data + detail::offset_of(row, outer, from.strides);
      if (to_step == 1 && from_step == 1)
        std::copy_n(x, run, y);
      else
        for (index_t i = 0; i < run; ++i) y[i * to_step] = x[i * from_step];
    }
  });
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
