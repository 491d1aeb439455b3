// SPDX-License-Identifier: MIT
// Sorting of the host system: stable, so that the result is unique whatever the number of threads.
// NaN counts as larger than every number, as in PyTorch and NumPy.
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/sort.h>

#include <numeric>

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

/// Sorts n keys and their positions 0, ..., n - 1 with them.
template <class Policy, class T, class Less>
void sort_with_positions(const Policy& policy, T* keys, index_t* positions, index_t n, Less less) {
  std::iota(positions, positions + n, index_t{0});
  thrust::stable_sort_by_key(policy, keys, keys + n, positions, less);
}

template <class T, class Less>
void argsort_rows(const T* keys, T* sorted, index_t* order, index_t rows, index_t n, Less less) {
  const auto sort_row = [=](const auto& policy, index_t row) {
    std::copy_n(keys + row * n, n, sorted + row * n);
    sort_with_positions(policy, sorted + row * n, order + row * n, n, less);
  };
  if (rows == 1) return sort_row(thrust::omp::par, 0);
  for_each_task(rows, rows * n, [&](index_t row) { sort_row(thrust::seq, row); });
}

}  // namespace detail

/// order[r, i] is the position in row r of its i-th key in ascending or descending order, for dense
/// rows of n keys; equal keys keep their order. Temporary memory comes from scratch(bytes).
template <class T, class Scratch>
void argsort_rows(const T* keys, index_t* order, index_t rows, index_t n, bool descending,
                  Scratch&& scratch) {
  auto* const sorted = static_cast<T*>(scratch(static_cast<std::size_t>(rows * n) * sizeof(T)));
  if (descending)
    detail::argsort_rows(keys, sorted, order, rows, n, detail::descending{});
  else
    detail::argsort_rows(keys, sorted, order, rows, n, detail::ascending{});
}

/// Sorts n keys from [-1, bound) in place; sources[i] is where the i-th stood before. Equal keys
/// keep their order.
template <class Scratch>
void sort_indices(index_t* keys, index_t* sources, index_t n, index_t /*bound*/, Scratch&&) {
  detail::sort_with_positions(thrust::omp::par, keys, sources, n, detail::ascending{});
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
