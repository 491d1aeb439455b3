// SPDX-License-Identifier: MIT
// Thrust algorithms on tensors, and who may write to what.
#include "thrustgrad/interop/thrust.h"

#include <doctest/doctest.h>
#include <thrust/functional.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace thrust_test {

namespace tg = thrustgrad;

namespace {

template <class F> std::string message(const F& f) {
  try {
    f();
  } catch (const tg::Error& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct by_value {
  THRUSTGRAD_FN bool operator()(float a, float b) const { return a < b; }
};

struct square_plus {
  float term;
  THRUSTGRAD_FN float operator()(float x) const { return x * x + term; }
};

}  // namespace

TEST_CASE("thrust::sort sorts a parameter in place") {
  tg::Parameter<float> w = tg::from_host<float>({3, 1, 2, 6, 5, 4}, {2, 3});
  const float* const address = w.data();
  thrust::sort(tg::policy(), tg::mutable_begin(w), tg::mutable_end(w));
  CHECK(tg::to_host(w) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(w.data() == address);
  CHECK(w.shape == tg::Shape{2, 3});
}

TEST_CASE("thrust::reduce reads a tensor, an empty one too") {
  const auto x = tg::arange<std::int64_t>(1000);
  CHECK(thrust::reduce(tg::policy(), tg::begin(x), tg::end(x), std::int64_t{0}) == 499500);
  const auto none = tg::zeros<std::int64_t>({0, 3});
  CHECK(thrust::reduce(tg::policy(), tg::begin(none), tg::end(none), std::int64_t{7}) == 7);
}

TEST_CASE("thrust::transform and thrust::inclusive_scan write to a tensor just made") {
  const auto x = tg::from_host<float>({1, 2, 3, 4}, {4});
  auto y = tg::empty<float>({4});
  thrust::transform(tg::policy(), tg::begin(x), tg::end(x), tg::mutable_begin(y),
                    square_plus{0.5f});
  CHECK(tg::to_host(y) == std::vector<float>{1.5f, 4.5f, 9.5f, 16.5f});

  auto sums = tg::empty<float>({4});
  thrust::inclusive_scan(tg::policy(), tg::begin(x), tg::end(x), tg::mutable_begin(sums));
  CHECK(tg::to_host(sums) == std::vector<float>{1, 3, 6, 10});
}

TEST_CASE("the pointers carry the device system, so that a call without a policy finds it") {
  const auto x = tg::from_host<float>({4, 9, 2}, {3});
  using Pointer = decltype(tg::begin(x));
#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_HOST
  using System = thrust::omp::tag;
#else
  using System = thrust::cuda::tag;
#endif
  CHECK(std::is_same_v<thrust::iterator_system<Pointer>::type, System>);
  CHECK(thrust::reduce(tg::begin(x), tg::end(x), 0.0f, thrust::maximum<float>()) == 9);
  CHECK(tg::end(x) - tg::begin(x) == 3);
}

TEST_CASE("temporaries of Thrust come from the pool and go back to it") {
  constexpr tg::index_t n = 20000;
  auto x = tg::arange<float>(n, float(n), -1.0f);
  // With so much in use, whatever is asked for now is the most so far.
  const tg::PoolStatistics so_far = tg::Pool::instance().statistics();
  const tg::Storage filler(so_far.peak - so_far.in_use);
  const tg::PoolStatistics before = tg::Pool::instance().statistics();
  thrust::stable_sort(tg::policy(), tg::mutable_begin(x), tg::mutable_end(x), by_value{});
  const tg::PoolStatistics after = tg::Pool::instance().statistics();
  CHECK(after.peak > before.peak + 1000);
  CHECK(after.in_use == before.in_use);
  const auto sorted = tg::to_host(x);
  CHECK(std::is_sorted(sorted.begin(), sorted.end()));
}

TEST_CASE("writing to a parameter makes stale what was taken from it") {
  tg::Parameter<float> w = tg::from_host<float>({2, 1}, {2});
  const tg::Tensor<float> before = w;
  const auto y = w + 1;
  thrust::sort(tg::policy(), tg::mutable_begin(w), tg::mutable_end(w));
  CHECK(has(message([&] { tg::begin(before); }), "begin: an operand of shape (2) is stale"));
  CHECK(tg::to_host(y) == std::vector<float>{3, 2});
  CHECK(tg::to_host(w) == std::vector<float>{1, 2});
}

TEST_CASE("a tensor that somebody else can see is not written to") {
  auto x = tg::from_host<float>({2, 1}, {2});
  const auto view = tg::reshape(x, {2, 1});
  CHECK(
      has(message([&] { tg::mutable_begin(x); }), "mutable_begin: a tensor of shape (2) is seen"));
  tg::Parameter<float> w = tg::ones<float>({2});
  tg::Tensor<float> alias = w;
  CHECK(has(message([&] { tg::mutable_begin(alias); }), "write to a copy(x)"));
  auto own = tg::copy(x);
  CHECK_NOTHROW(tg::mutable_begin(own));
}

TEST_CASE("a tensor with a recorded gradient is not written to") {
  tg::Parameter<float> w = tg::ones<float>({2});
  const auto f = [](const tg::Parameter<float>& p) {
    auto y = p + p;
    tg::mutable_begin(y);
    return tg::sum(y);
  };
  CHECK(has(message([&] { tg::grad(f, w); }), "a recorded gradient"));
}

TEST_CASE("begin refuses tensors that are absent or not contiguous") {
  const auto x = tg::from_host<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const auto columns = tg::transpose(x);
  CHECK(message([&] { tg::begin(columns); }) ==
        "begin: the elements of (3, 2) with strides (1, 3) are not contiguous; use copy(x) or "
        "contiguous(x)");
  CHECK(has(message([] {
              const tg::Tensor<float> none;
              tg::begin(none);
            }),
            "begin: an operand is absent"));
  tg::Parameter<float> grid = tg::copy(x);
  tg::Parameter<float> turned = tg::transpose(grid);
  CHECK(has(message([&] { tg::mutable_begin(turned); }), "mutable_begin: the elements of (3, 2)"));
}

}  // namespace thrust_test
