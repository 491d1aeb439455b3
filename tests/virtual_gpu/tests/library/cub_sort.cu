// SPDX-License-Identifier: MIT
// CUB's sorts, selections and histograms against the standard library.
#include <cub/device/device_histogram.cuh>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_segmented_sort.cuh>
#include <cub/device/device_select.cuh>

#include <algorithm>
#include <numeric>

#include "cub.h"

namespace {

const std::size_t sizes[] = {1, 31, 1000, 4097, 70'001};

struct is_odd {
  __host__ __device__ bool operator()(int x) const { return x % 2 != 0; }
};

std::vector<int> counted(std::size_t n) {
  std::vector<int> values(n);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

TEST_CASE("CUB: radix sort of keys and of pairs is stable") {
  for (const std::size_t n : sizes) {
    const auto a = random_integers(n, n < 100 ? 5 : 1000);
    DeviceArray<int> keys(a), values(counted(n)), sorted(n), order(n);
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceRadixSort::SortPairs(s, bytes, keys.data(), sorted.data(), values.data(),
                                             order.data(), static_cast<int>(n));
    });
    auto expected = counted(n);
    std::stable_sort(expected.begin(), expected.end(), [&](int p, int q) {
      return a[static_cast<std::size_t>(p)] < a[static_cast<std::size_t>(q)];
    });
    CHECK(order.values() == expected);
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceRadixSort::SortKeysDescending(s, bytes, keys.data(), sorted.data(),
                                                      static_cast<int>(n));
    });
    auto descending = a;
    std::sort(descending.begin(), descending.end(), std::greater<>{});
    CHECK(sorted.values() == descending);
  }
}

TEST_CASE("CUB: segmented sort of short, middle and long segments") {
  std::vector<int> offsets{0};
  for (int i = 0; i < 60; ++i) offsets.push_back(offsets.back() + (i % 3 == 0 ? i / 3 : 37 * i));
  offsets.push_back(offsets.back() + 9000);
  const std::size_t n = static_cast<std::size_t>(offsets.back());
  const int segments = static_cast<int>(offsets.size()) - 1;
  const auto a = random_integers(n, 1'000'000);
  DeviceArray<int> keys(a), ends(offsets), sorted(n);
  run_cub([&](void* s, std::size_t& bytes) {
    return cub::DeviceSegmentedSort::SortKeys(s, bytes, keys.data(), sorted.data(),
                                              static_cast<int>(n), segments, ends.data(),
                                              ends.data() + 1);
  });
  auto expected = a;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
    std::sort(expected.begin() + offsets[i], expected.begin() + offsets[i + 1]);
  CHECK(sorted.values() == expected);
}

TEST_CASE("CUB: select") {
  for (const std::size_t n : sizes) {
    const auto a = random_integers(n, 1000);
    DeviceArray<int> x(a), y(n), count(1);
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceSelect::If(s, bytes, x.data(), y.data(), count.data(), static_cast<int>(n),
                                   is_odd{});
    });
    std::vector<int> expected;
    std::copy_if(a.begin(), a.end(), std::back_inserter(expected), is_odd{});
    auto selected = y.values();
    selected.resize(static_cast<std::size_t>(count.values()[0]));
    CHECK(selected == expected);
  }
}

TEST_CASE("CUB: histogram") {
  const int bins = 10;
  for (const std::size_t n : sizes) {
    const auto a = random_integers(n, bins);
    DeviceArray<int> x(a), counts(std::vector<int>(bins, 0));
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceHistogram::HistogramEven(s, bytes, x.data(), counts.data(), bins + 1, 0,
                                                 bins, static_cast<int>(n));
    });
    std::vector<int> expected(bins, 0);
    for (const int value : a) ++expected[static_cast<std::size_t>(value)];
    CHECK(counts.values() == expected);
  }
}
