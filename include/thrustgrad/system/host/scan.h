// SPDX-License-Identifier: MIT
// Running sums of the host system: chunks of a fixed size are summed one by one, then each is
// raised by the sum of the ones before it, in order. (Thrust's own OpenMP scan is parallel from
// CCCL 3.2 on, and was wrong in some of those releases; it is called here for one chunk only,
// sequentially.)
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/scan.h>

#include "thrustgrad/system/host/for_each.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// Replaces each of `rows` dense rows of n elements by its running sum.
template <class T, class Scratch>
void inclusive_scan_rows(T* y, index_t rows, index_t n, Scratch&&) {
  constexpr index_t chunk = 4096;
  const index_t chunks = (n + chunk - 1) / chunk;
  for_each_task(rows * chunks, rows * n, [&](index_t task) {
    T* const row = y + task / chunks * n;
    const index_t begin = task % chunks * chunk, end = std::min(n, begin + chunk);
    thrust::inclusive_scan(thrust::seq, row + begin, row + end, row + begin);
  });
  if (chunks < 2) return;
  for_each_task(rows, rows * n, [&](index_t r) {
    T* const row = y + r * n;
    for (index_t begin = chunk; begin < n; begin += chunk) {
      const T before = row[begin - 1];
      for (index_t i = begin; i < std::min(n, begin + chunk); ++i)
        row[i] = static_cast<T>(row[i] + before);
    }
  });
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
