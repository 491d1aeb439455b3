// SPDX-License-Identifier: MIT
// The inputs of the values recorded from PyTorch, made by a formula instead of being stored, and
// the comparison with what was recorded. formula.py is the same in Python, and says why there are
// no ties. Needs nothing of the library.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace golden {

inline constexpr std::int64_t modulus = 999983;
inline constexpr std::size_t longest_stored = 32;
inline constexpr std::int64_t digest_seed = 99;

/// k^5 mod 999983 with k = i + 1 + 104729 seed: a permutation of 0 .. 999982.
constexpr std::int64_t residue(std::int64_t i, std::int64_t seed) {
  const std::int64_t k = (i + 1 + 104729 * seed) % modulus;
  const std::int64_t square = k * k % modulus;
  return square * square % modulus * k % modulus;
}

/// n values in (-scale, scale).
inline std::vector<double> formula(std::int64_t n, std::int64_t seed, double scale = 1) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t numerator = 2 * residue(i, seed) - (modulus - 1);
    values.push_back(static_cast<double>(numerator) / static_cast<double>(modulus) * scale);
  }
  return values;
}

/// n values in [0.5, 2.5).
inline std::vector<double> positive(std::int64_t n, std::int64_t seed) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i)
    values.push_back(static_cast<double>(residue(i, seed) + 250000) / 500000.0);
  return values;
}

/// n integers in 0 .. classes - 1.
inline std::vector<std::int64_t> labels(std::int64_t n, std::int64_t seed, std::int64_t classes) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(residue(i, seed) % classes);
  return values;
}

/// n start values in (-1, 1) / sqrt(fan_in), the bound of PyTorch's Linear and Conv2d.
inline std::vector<double> parameter(std::int64_t n, std::int64_t seed, std::int64_t fan_in) {
  std::vector<double> values = formula(n, seed);
  for (double& value : values) value /= std::sqrt(static_cast<double>(fan_in));
  return values;
}

/// What goldens.h stores of an array: all of it if at most 32 long; else its 2-norm, its product
/// with formula(n, 99), and the elements k (n - 1) / 5, k = 0 .. 5.
template <class T> std::vector<double> recorded(const std::vector<T>& values) {
  const std::size_t n = values.size();
  std::vector<double> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(static_cast<double>(values[i]));
  if (n <= longest_stored) return all;
  const std::vector<double> probe = formula(static_cast<std::int64_t>(n), digest_seed);
  double squares = 0, product = 0;
  for (std::size_t i = 0; i < n; ++i) {
    squares += all[i] * all[i];
    product += all[i] * probe[i];
  }
  std::vector<double> digest{std::sqrt(squares), product};
  for (std::size_t k = 0; k <= 5; ++k) digest.push_back(all[k * (n - 1) / 5]);
  return digest;
}

/// Largest |recorded(values) - expected|, divided by the largest finite |expected| where that
/// exceeds 1. Infinite if the lengths differ, or where one is NaN or infinite and the other is not
/// the same.
template <class T> double mismatch(const std::vector<T>& values, std::span<const double> expected) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> actual = recorded(values);
  if (actual.size() != expected.size()) return infinity;
  double largest = 0, scale = 1;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = actual[i], e = expected[i];
    const bool finite = std::isfinite(a) && std::isfinite(e);
    if (!finite && !(a == e || (std::isnan(a) && std::isnan(e)))) return infinity;
    if (finite) scale = std::max(scale, std::abs(e));
    if (finite) largest = std::max(largest, std::abs(a - e));
  }
  return largest / scale;
}

}  // namespace golden
