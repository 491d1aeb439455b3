// SPDX-License-Identifier: MIT
// Running sums of the cuda system: of short rows by a thread each; of longer ones in chunks of a
// fixed size, each read once for its sum and once, raised by the sums of the ones before, for
// the result. (cub::DeviceScan adds floats in an order that changes from run to run.)
#pragma once
#include "thrustgrad/system/cuda/for_each.h"
#include "thrustgrad/system/cuda/scan.cuh"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

template <class T> struct scan_row_fn {
  T* y;
  index_t n;
  THRUSTGRAD_FN void operator()(index_t r) const {
    T* const row = y + r * n;
    T sum = row[0];
    for (index_t i = 1; i < n; ++i) row[i] = sum += row[i];
  }
};

}  // namespace detail

/// Replaces each of `rows` dense rows of n elements by its running sum. Temporary memory comes from
/// scratch(bytes).
template <class T, class Scratch>
void inclusive_scan_rows(T* y, index_t rows, index_t n, Scratch&& scratch) {
  constexpr index_t shortest = 32;  // that is worth a block
  if (rows == 0 || n < 2) return;
  if (n < shortest) return for_each(rows, detail::scan_row_fn<T>{y, n});
  const index_t chunks = (n + detail::scan_chunk - 1) / detail::scan_chunk;
  T* sums = nullptr;
  if (chunks > 1) {
    sums = static_cast<T*>(scratch(static_cast<std::size_t>(rows * chunks) * sizeof(T)));
    detail::launch_scan<T>(y, rows, n, chunks, nullptr, sums);
    inclusive_scan_rows(sums, rows, chunks, scratch);
  }
  detail::launch_scan<T>(y, rows, n, chunks, sums, nullptr);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
