// SPDX-License-Identifier: MIT
// Sorting of the host system: stable, so that the result is unique whatever the number of threads.
// NaN counts as larger than every number, as in PyTorch and NumPy.
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/sort.h>

#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/host/for_each.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

struct ascending {
  template <class T> bool operator()(const T& a, const T& b) const {
    return a < b || (b != b && a == a);
  }
};
struct descending {
  template <class T> bool operator()(const T& a, const T& b) const { return ascending{}(b, a); }
};

template <class T, class Less>
void sort_rows(T* keys, index_t* positions, index_t rows, index_t n, Less less) {
  if (rows == 1) {
    thrust::stable_sort_by_key(thrust::omp::par, keys, keys + n, positions, less);
    return;
  }
  for_each_task(rows, rows * n, [&](index_t row) {
    thrust::stable_sort_by_key(thrust::seq, keys + row * n, keys + (row + 1) * n,
                               positions + row * n, less);
  });
}

}  // namespace detail

/// Sorts each of `rows` dense rows of n keys in place, and its positions with it; equal keys keep
/// their order.
template <class T>
void sort_rows(T* keys, index_t* positions, index_t rows, index_t n, bool descending) {
  if (descending)
    detail::sort_rows(keys, positions, rows, n, detail::descending{});
  else
    detail::sort_rows(keys, positions, rows, n, detail::ascending{});
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
