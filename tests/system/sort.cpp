// SPDX-License-Identifier: MIT
// Sorting: positions as std::stable_sort finds them, for every type, with ties, both zeros,
// infinities and NaNs of either sign.
#include "thrustgrad/system/system.h"

#include <numeric>

#include "system/arrays.h"

namespace {
namespace primitive_sort_test {

using namespace primitives;

template <class T> std::vector<T> keys(index_t n) {
  std::vector<T> x = drawn<T>(n, 9, 40);
  const auto put = [&x](std::size_t place, T value) {
    for (std::size_t i = place; i < x.size(); i += 23) x[i] = value;
  };
  if constexpr (tg::floating<T>) {
    using C = tg::compute_t<T>;
    const C infinite = std::numeric_limits<C>::infinity();
    put(3, T(infinite));
    put(4, T(-infinite));
    put(5, T(C(0)));
    put(6, T(-C(0)));
    put(7, T(std::numeric_limits<C>::quiet_NaN()));
    put(9, T(-std::numeric_limits<C>::quiet_NaN()));
    put(11, T(C(0.25)));
    put(13, T(C(-0.25)));
  } else if constexpr (!std::same_as<T, bool>) {
    put(3, std::numeric_limits<T>::max());
    put(4, std::numeric_limits<T>::min());
    put(5, static_cast<T>(std::numeric_limits<T>::max() / 2));
  }
  return x;
}

template <class T> bool comes_before(T a, T b) {
  const tg::compute_t<T> x = a, y = b;
  return x < y || (y != y && x == x);
}

template <class T> void check_sort(index_t rows, index_t n) {
  Array<T> x(keys<T>(rows * n));
  for (bool descending : {false, true}) {
    CAPTURE(rows);
    CAPTURE(n);
    CAPTURE(descending);
    Array<index_t> order(rows * n);
    device::argsort_rows(static_cast<const T*>(x.data()), order.data(), rows, n, descending,
                         tg::Scratch{});
    std::vector<index_t> expected(static_cast<std::size_t>(rows * n));
    for (index_t r = 0; r < rows; ++r) {
      const auto begin = expected.begin() + r * n;
      std::iota(begin, begin + n, index_t{0});
      const auto key = [&](index_t i) -> T {
        return x.before()[static_cast<std::size_t>(r * n + i)];
      };
      std::stable_sort(begin, begin + n, [&](index_t i, index_t j) {
        return descending ? comes_before(key(j), key(i)) : comes_before(key(i), key(j));
      });
    }
    CHECK(order.now() == expected);
  }
}

template <class T> void check_sorts() {
  for (index_t n : {0, 1, 2, 31, 900}) check_sort<T>(1, n);
  check_sort<T>(0, 5);
  check_sort<T>(7, 31);
  check_sort<T>(33, 1);
  check_sort<T>(180, 5);
}

TEST_CASE("rows of floats are sorted stably, up and down, with NaN as the largest") {
  check_sorts<float>();
  check_sorts<double>();
  check_sorts<tg::bf16>();
  check_sorts<tg::half>();
}

TEST_CASE("rows of integers and bools are sorted stably, up and down") {
  check_sorts<std::int32_t>();
  check_sorts<index_t>();
  check_sorts<std::uint8_t>();
  check_sorts<bool>();
}

TEST_CASE("long rows are sorted, and many") {
  check_sort<float>(1, 7001);
  check_sort<double>(3, 1500);
}

TEST_CASE("positions are sorted with where they came from; -1 comes first") {
  for (index_t n : {0, 1, 31, 900}) {
    for (index_t bound : {0, 1, 2, 255, 256, 100000}) {
      CAPTURE(n);
      CAPTURE(bound);
      std::vector<index_t> x;
      for (index_t i = 0; i < n; ++i) {
        const index_t key = draw(i, 10, 1 << 20) + (1 << 20);
        x.push_back(bound == 0 || i % 7 == 3 ? -1 : key % bound);
      }
      Array<index_t> sorted(x), sources(n);
      device::sort_indices(sorted.data(), sources.data(), n, bound, tg::Scratch{});
      std::vector<index_t> from(x.size());
      std::iota(from.begin(), from.end(), index_t{0});
      const auto key = [&x](index_t i) { return x[static_cast<std::size_t>(i)]; };
      std::stable_sort(from.begin(), from.end(),
                       [&](index_t i, index_t j) { return key(i) < key(j); });
      std::vector<index_t> expected;
      for (index_t i : from) expected.push_back(key(i));
      CHECK(sorted.now() == expected);
      CHECK(sources.now() == from);
    }
  }
}

}  // namespace primitive_sort_test
}  // namespace
