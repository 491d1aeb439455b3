// SPDX-License-Identifier: MIT
// Thrust's algorithms against the standard library, on raw pointers of the device and on a stream.
#include <thrust/copy.h>
#include <thrust/device_ptr.h>
#include <thrust/execution_policy.h>
#include <thrust/extrema.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sequence.h>
#include <thrust/sort.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>

#include <algorithm>
#include <numeric>

#include "device_array.h"

namespace {

struct affine {
  int a, b;
  __host__ __device__ int operator()(int x) const { return a * x + b; }
};
struct is_small {
  __host__ __device__ bool operator()(int x) const { return x < 300; }
};
struct by_last_digit {
  __host__ __device__ bool operator()(int a, int b) const { return a % 10 < b % 10; }
};
struct store_index {
  int* y;
  __device__ void operator()(int i) const { y[i] = 3 * i; }
};

constexpr std::size_t n = 20'011;

}  // namespace

TEST_CASE("Thrust: transform, for_each, sequence, copy_if") {
  const auto a = random_integers(n, 1000);
  DeviceArray<int> x(a), y(n);
  std::vector<int> expected(n);
  thrust::transform(thrust::device, x.data(), x.data() + n, y.data(), affine{3, -1});
  std::transform(a.begin(), a.end(), expected.begin(), affine{3, -1});
  CHECK(y.values() == expected);
  thrust::for_each_n(thrust::device, thrust::counting_iterator<int>(0), n, store_index{y.data()});
  for (std::size_t i = 0; i < n; ++i) expected[i] = static_cast<int>(3 * i);
  CHECK(y.values() == expected);
  thrust::sequence(thrust::device, y.data(), y.data() + n, 5);
  std::iota(expected.begin(), expected.end(), 5);
  CHECK(y.values() == expected);
  int* const end = thrust::copy_if(thrust::device, x.data(), x.data() + n, y.data(), is_small{});
  expected.clear();
  std::copy_if(a.begin(), a.end(), std::back_inserter(expected), is_small{});
  auto selected = y.values();
  selected.resize(static_cast<std::size_t>(end - y.data()));
  CHECK(selected == expected);
}

TEST_CASE("Thrust: reductions and scans") {
  const auto a = random_integers(n, 1000);
  DeviceArray<int> x(a), y(n);
  CHECK(thrust::reduce(thrust::device, x.data(), x.data() + n) ==
        std::accumulate(a.begin(), a.end(), 0));
  CHECK(thrust::transform_reduce(thrust::device, x.data(), x.data() + n, affine{2, 1}, 7,
                                 thrust::plus<int>()) ==
        std::transform_reduce(a.begin(), a.end(), 7, std::plus<>{}, affine{2, 1}));
  CHECK(thrust::max_element(thrust::device, x.data(), x.data() + n) - x.data() ==
        std::max_element(a.begin(), a.end()) - a.begin());
  std::vector<int> expected(n);
  thrust::inclusive_scan(thrust::device, x.data(), x.data() + n, y.data());
  std::inclusive_scan(a.begin(), a.end(), expected.begin());
  CHECK(y.values() == expected);
}

TEST_CASE("Thrust: radix and merge sorts") {
  const auto a = random_integers(n, 100'000);
  DeviceArray<int> x(a);
  auto expected = a;
  thrust::sort(thrust::device, x.data(), x.data() + n);
  std::sort(expected.begin(), expected.end());
  CHECK(x.values() == expected);
  DeviceArray<int> y(a);
  expected = a;
  thrust::stable_sort(thrust::device, y.data(), y.data() + n, by_last_digit{});
  std::stable_sort(expected.begin(), expected.end(), by_last_digit{});
  CHECK(y.values() == expected);
}

TEST_CASE("Thrust: work on a stream of the caller's, without a synchronisation of its own") {
  cudaStream_t stream;
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  const auto a = random_integers(n, 1000);
  DeviceArray<int> x(a), y(n);
  const auto policy = thrust::cuda::par_nosync.on(stream);
  thrust::transform(policy, x.data(), x.data() + n, y.data(), affine{5, 2});
  thrust::transform(policy, y.data(), y.data() + n, y.data(), affine{-1, 0});
  REQUIRE_CUDA(cudaStreamSynchronize(stream));
  std::vector<int> expected(n);
  for (std::size_t i = 0; i < n; ++i) expected[i] = -(5 * a[i] + 2);
  CHECK(y.values() == expected);
  REQUIRE_CUDA(cudaStreamDestroy(stream));
}
