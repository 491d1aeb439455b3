// SPDX-License-Identifier: MIT
// Sorting of the cuda system: CUB's radix sort, which is stable, of one kind of pair for all
// element types: 64 bits in the order of the keys, and a position of 32 bits. NaN counts as larger
// than every number, as in PyTorch and NumPy.
#pragma once
#include "thrustgrad/config.h"  // before CUB

#include <bit>
#include <cub/device/device_radix_sort.cuh>

#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/cuda/for_each.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

using thrustgrad::detail::bits_of;

/// An unsigned number that is smaller if and only if the key comes before.
template <class T> THRUSTGRAD_FN bits_of<T> ordered_bits(const T& key) {
  using U = bits_of<T>;
  if constexpr (std::unsigned_integral<T>) {  // bool is one
    return static_cast<U>(key);
  } else {
    const auto bits = thrustgrad::detail::bit_cast<U>(key);
    constexpr auto sign = static_cast<U>(U(1) << (8 * sizeof(T) - 1));
    if constexpr (std::integral<T>) {
      return static_cast<U>(bits ^ sign);
    } else {  // a sign and a magnitude; there are two zeros and many NaNs
      const auto x = static_cast<compute_t<T>>(key);
      if (x != x) return static_cast<U>(~U(0));
      if (x == 0) return sign;
      return static_cast<U>(bits & sign ? ~bits : bits | sign);
    }
  }
}

/// The bits of the numbers 0, ..., most.
inline int width_of(index_t most) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(most)));
}

/// What is sorted, and room for the pass of a radix sort to write to.
struct SortPairs {
  cub::DoubleBuffer<std::uint64_t> bits;
  cub::DoubleBuffer<std::uint32_t> positions;
  index_t n;

  template <class Scratch> SortPairs(index_t count, Scratch& scratch) : n(count) {
    constexpr index_t most = ~std::uint32_t{0};
    require(n <= most, "sort", "cannot sort ", n, " elements at once, at most ", most);
    const auto size = static_cast<std::size_t>(n);
    for (int i = 0; i < 2; ++i) {
      bits.d_buffers[i] = static_cast<std::uint64_t*>(scratch(size * sizeof(std::uint64_t)));
      positions.d_buffers[i] = static_cast<std::uint32_t*>(scratch(size * sizeof(std::uint32_t)));
    }
  }

  /// Sorts by the lowest `width` bits.
  template <class Scratch> void sort(int width, Scratch& scratch) {
    std::size_t bytes = 0;
    const auto run = [&](void* temporary) {
      check_launch(cub::DeviceRadixSort::SortPairs(temporary, bytes, bits, positions, n, 0, width,
                                                   stream()));
    };
    run(nullptr);
    run(scratch(bytes));
  }
};

/// The pair of each key. Where the bits have room for the number of its row, that leads.
template <class T> struct row_pair_fn {
  const T* keys;
  std::uint64_t* bits;
  std::uint32_t* positions;
  std::uint32_t row_size;
  bool descending;
  THRUSTGRAD_FN void operator()(index_t i) const {
    const auto position = static_cast<std::uint32_t>(i);
    const bits_of<T> key = ordered_bits(keys[i]);
    std::uint64_t pair = descending ? static_cast<bits_of<T>>(~key) : key;
    if constexpr (sizeof(T) < 8)
      pair |= static_cast<std::uint64_t>(position / row_size) << (8 * sizeof(T));
    bits[i] = pair;
    positions[i] = position;
  }
};

struct row_number_fn {
  const std::uint32_t* positions;
  std::uint64_t* bits;
  std::uint32_t row_size;
  THRUSTGRAD_FN void operator()(index_t i) const { bits[i] = positions[i] / row_size; }
};

struct row_position_fn {
  const std::uint32_t* positions;
  index_t* order;
  std::uint32_t row_size;
  THRUSTGRAD_FN void operator()(index_t i) const { order[i] = positions[i] % row_size; }
};

struct index_pair_fn {
  const index_t* keys;
  std::uint64_t* bits;
  std::uint32_t* positions;
  THRUSTGRAD_FN void operator()(index_t i) const {
    bits[i] = static_cast<std::uint64_t>(keys[i] + 1);
    positions[i] = static_cast<std::uint32_t>(i);
  }
};

struct sorted_index_fn {
  const std::uint64_t* bits;
  const std::uint32_t* positions;
  index_t *keys, *sources;
  THRUSTGRAD_FN void operator()(index_t i) const {
    keys[i] = static_cast<index_t>(bits[i]) - 1;
    sources[i] = positions[i];
  }
};

}  // namespace detail

/// order[r, i] is the position in row r of its i-th key in ascending or descending order, for dense
/// rows of n keys; equal keys keep their order. Temporary memory comes from scratch(bytes).
template <class T, class Scratch>
void argsort_rows(const T* keys, index_t* order, index_t rows, index_t n, bool descending,
                  Scratch&& scratch) {
  const index_t count = rows * n;
  if (count == 0) return;
  detail::SortPairs pairs(count, scratch);
  const auto row_size = static_cast<std::uint32_t>(n);
  constexpr int key_width = 8 * sizeof(T);
  const int row_width = detail::width_of(rows - 1);
  for_each(count, detail::row_pair_fn<T>{keys, pairs.bits.Current(), pairs.positions.Current(),
                                         row_size, descending});
  if constexpr (key_width < 64) {
    pairs.sort(key_width + row_width, scratch);
  } else {  // by key, and then, as sorting is stable, by row
    pairs.sort(key_width, scratch);
    if (rows > 1) {
      for_each(count,
               detail::row_number_fn{pairs.positions.Current(), pairs.bits.Current(), row_size});
      pairs.sort(row_width, scratch);
    }
  }
  for_each(count, detail::row_position_fn{pairs.positions.Current(), order, row_size});
}

/// Sorts n keys from [-1, bound) in place; sources[i] is where the i-th stood before. Equal keys
/// keep their order. Temporary memory comes from scratch(bytes).
template <class Scratch>
void sort_indices(index_t* keys, index_t* sources, index_t n, index_t bound, Scratch&& scratch) {
  if (n == 0) return;
  detail::SortPairs pairs(n, scratch);
  for_each(n, detail::index_pair_fn{keys, pairs.bits.Current(), pairs.positions.Current()});
  pairs.sort(detail::width_of(bound | 1), scratch);
  for_each(n,
           detail::sorted_index_fn{pairs.bits.Current(), pairs.positions.Current(), keys, sources});
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
