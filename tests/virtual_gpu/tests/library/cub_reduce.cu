// SPDX-License-Identifier: MIT
// CUB's transforms, reductions and scans against the standard library.
#include <cub/device/device_for.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_segmented_reduce.cuh>
#include <cub/device/device_transform.cuh>

#include <algorithm>
#include <cuda/std/functional>
#include <map>
#include <numeric>

#include "cub.h"

namespace {

struct square_plus {
  __host__ __device__ int operator()(int a, int b) const { return a * a + b; }
};

struct store_twice {
  const int* x;
  int* y;
  __device__ void operator()(int i) const { y[i] = 2 * x[i]; }
};

// The sizes at which algorithms change: one thread, one block, several, not a multiple of anything.
const std::size_t sizes[] = {1, 31, 1000, 4097, 100'003};

}  // namespace

TEST_CASE("CUB: transform and bulk loops") {
  for (const std::size_t n : sizes) {
    const auto a = random_integers(n, 1000), b = random_integers(n, 1000, 7);
    DeviceArray<int> x(a), y(b), z(n);
    REQUIRE_CUDA(cub::DeviceTransform::Transform(cuda::std::make_tuple(x.data(), y.data()),
                                                 z.data(), static_cast<int>(n), square_plus{}));
    std::vector<int> expected(n);
    std::transform(a.begin(), a.end(), b.begin(), expected.begin(), square_plus{});
    CHECK(z.values() == expected);
    REQUIRE_CUDA(cub::DeviceFor::Bulk(static_cast<int>(n), store_twice{x.data(), z.data()}));
    std::transform(a.begin(), a.end(), expected.begin(), [](int v) { return 2 * v; });
    CHECK(z.values() == expected);
  }
}

TEST_CASE("CUB: reductions") {
  for (const std::size_t n : sizes) {
    const auto a = random_integers(n, 100'000);
    DeviceArray<int> x(a), result(1);
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceReduce::Sum(s, bytes, x.data(), result.data(), static_cast<int>(n));
    });
    CHECK(result.values()[0] == std::accumulate(a.begin(), a.end(), 0));
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceReduce::Max(s, bytes, x.data(), result.data(), static_cast<int>(n));
    });
    CHECK(result.values()[0] == *std::max_element(a.begin(), a.end()));
  }
}

TEST_CASE("CUB: segmented reductions, empty segments too") {
  const auto a = random_integers(50'000, 1000);
  std::vector<int> offsets{0};
  for (const int length : random_integers(300, 330, 3))
    offsets.push_back(std::min<int>(offsets.back() + (length % 5 == 0 ? 0 : length), 50'000));
  const int segments = static_cast<int>(offsets.size()) - 1;
  DeviceArray<int> x(a), ends(offsets), sums(static_cast<std::size_t>(segments));
  run_cub([&](void* s, std::size_t& bytes) {
    return cub::DeviceSegmentedReduce::Sum(s, bytes, x.data(), sums.data(), segments, ends.data(),
                                           ends.data() + 1);
  });
  std::vector<int> expected;
  for (int i = 0; i < segments; ++i)
    expected.push_back(std::accumulate(a.begin() + offsets[static_cast<std::size_t>(i)],
                                       a.begin() + offsets[static_cast<std::size_t>(i) + 1], 0));
  CHECK(sums.values() == expected);
}

TEST_CASE("CUB: scans") {
  for (const std::size_t n : sizes) {
    const auto a = random_integers(n, 1000);
    DeviceArray<int> x(a), y(n);
    std::vector<int> expected(n);
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceScan::InclusiveSum(s, bytes, x.data(), y.data(), static_cast<int>(n));
    });
    std::inclusive_scan(a.begin(), a.end(), expected.begin());
    CHECK(y.values() == expected);
    run_cub([&](void* s, std::size_t& bytes) {
      return cub::DeviceScan::ExclusiveScan(s, bytes, x.data(), y.data(), cuda::maximum<>{}, -1,
                                            static_cast<int>(n));
    });
    std::exclusive_scan(a.begin(), a.end(), expected.begin(), -1,
                        [](int p, int q) { return std::max(p, q); });
    CHECK(y.values() == expected);
  }
}

TEST_CASE("CUB: reduce by key") {
  std::vector<int> keys;
  for (const int length : random_integers(2000, 20, 5))
    keys.insert(keys.end(), static_cast<std::size_t>(length) + 1, static_cast<int>(keys.size()));
  const auto a = random_integers(keys.size(), 100);
  DeviceArray<int> k(keys), x(a), unique(keys.size()), sums(keys.size()), runs(1);
  run_cub([&](void* s, std::size_t& bytes) {
    return cub::DeviceReduce::ReduceByKey(s, bytes, k.data(), unique.data(), x.data(), sums.data(),
                                          runs.data(), cuda::std::plus<>{},
                                          static_cast<int>(keys.size()));
  });
  std::map<int, int> expected;
  for (std::size_t i = 0; i < keys.size(); ++i) expected[keys[i]] += a[i];
  REQUIRE(runs.values()[0] == static_cast<int>(expected.size()));
  const auto found_keys = unique.values(), found_sums = sums.values();
  std::size_t i = 0;
  for (const auto& [key, sum] : expected) {
    CHECK(found_keys[i] == key);
    CHECK(found_sums[i++] == sum);
  }
}
