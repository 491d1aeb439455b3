// SPDX-License-Identifier: MIT
// Random tensors: each distribution against its moments and its distribution function, and the
// promises about threads, sizes, keys and steps.
#include "thrustgrad/core/random.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

namespace random_test {

namespace tg = thrustgrad;

namespace {

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};

template <class T> Moments moments(const std::vector<T>& x) {
  const auto n = static_cast<double>(x.size());
  Moments m;
  for (T value : x) m.mean += static_cast<double>(value) / n;
  for (T value : x) {
    const double d = static_cast<double>(value) - m.mean;
    m.variance += d * d / n;
    m.skewness += d * d * d / n;
    m.kurtosis += d * d * d * d / n;
  }
  m.skewness /= std::pow(m.variance, 1.5);
  m.kurtosis /= m.variance * m.variance;
  return m;
}

/// The statistic of Kolmogorov and Smirnov times sqrt(n); above 1.95 with probability 0.001.
template <class T, class Distribution> double ks(std::vector<T> x, Distribution distribution) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = distribution(static_cast<double>(x[i]));
    worst = std::max({worst, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return worst * std::sqrt(n);
}

double identity(double x) { return x; }
double normal(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

template <class T> double correlation(const std::vector<T>& a, const std::vector<T>& b) {
  const Moments p = moments(a), q = moments(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += (static_cast<double>(a[i]) - p.mean) * (static_cast<double>(b[i]) - q.mean);
  }
  return sum / static_cast<double>(a.size()) / std::sqrt(p.variance * q.variance);
}

constexpr tg::index_t many = 1 << 18;
const double deviation = 1 / std::sqrt(static_cast<double>(many));  // of a mean of unit variance

}  // namespace

TEST_CASE_TEMPLATE("uniform follows the uniform distribution", T, float, double) {
  const auto x = tg::to_host(tg::uniform<T>(tg::Key(1), {many}));
  const Moments m = moments(x);
  CHECK(std::abs(m.mean - 0.5) < 4 * deviation / std::sqrt(12.0));
  CHECK(m.variance == doctest::Approx(1 / 12.0).epsilon(0.01));
  CHECK(ks(x, identity) < 1.95);
  CHECK(*std::min_element(x.begin(), x.end()) >= T(0));
  CHECK(*std::max_element(x.begin(), x.end()) < T(1));
}

TEST_CASE("uniform scales to its bounds") {
  const auto x = tg::to_host(tg::uniform(tg::Key(2), {many}, -3, 5));
  CHECK(std::abs(moments(x).mean - 1) < 4 * deviation * 8 / std::sqrt(12.0));
  CHECK(*std::min_element(x.begin(), x.end()) < -2.99f);
  CHECK(*std::max_element(x.begin(), x.end()) > 4.99f);
  CHECK(tg::uniform(tg::Key(2), {}, 7, 7).item() == 7.0f);
}

TEST_CASE_TEMPLATE("randn follows the normal distribution", T, float, double) {
  const auto x = tg::to_host(tg::randn<T>(tg::Key(3), {many}));
  const Moments m = moments(x);
  CHECK(std::abs(m.mean) < 4 * deviation);
  CHECK(std::abs(m.variance - 1) < 4 * deviation * std::sqrt(2.0));
  CHECK(std::abs(m.skewness) < 4 * deviation * std::sqrt(6.0));
  CHECK(std::abs(m.kurtosis - 3) < 4 * deviation * std::sqrt(24.0));
  CHECK(ks(x, normal) < 1.95);
  CHECK(*std::max_element(x.begin(), x.end()) > T(4));
}

TEST_CASE("neighbouring elements are uncorrelated") {
  const auto x = tg::to_host(tg::randn(tg::Key(4), {many + 4}));
  for (int lag = 1; lag <= 4; ++lag) {
    const std::vector<float> a(x.begin(), x.end() - 4), b(x.begin() + lag, x.end() - 4 + lag);
    CHECK(std::abs(correlation(a, b)) < 4 * deviation);
  }
}

TEST_CASE_TEMPLATE("16-bit numbers are the float numbers, rounded", T, tg::bf16, tg::half) {
  const auto wide = tg::to_host(tg::randn(tg::Key(5), {1001}));
  const auto narrow = tg::to_host(tg::randn<T>(tg::Key(5), {1001}));
  int differing = 0;
  for (std::size_t i = 0; i < wide.size(); ++i) differing += narrow[i].bits != T(wide[i]).bits;
  CHECK(differing == 0);
}

TEST_CASE_TEMPLATE("randint gives every integer of its range equally often", T, std::int32_t,
                   std::int64_t) {
  const auto x = tg::to_host(tg::randint<T>(tg::Key(6), {many}, -5, 12));
  REQUIRE(*std::min_element(x.begin(), x.end()) == -5);
  REQUIRE(*std::max_element(x.begin(), x.end()) == 11);
  std::vector<double> count(17);
  for (T value : x) ++count[static_cast<std::size_t>(value + 5)];
  const double expected = static_cast<double>(many) / 17;
  double chi_square = 0;
  for (double c : count) chi_square += (c - expected) * (c - expected) / expected;
  CHECK(chi_square < 39.3);  // 16 degrees of freedom, p = 0.001
}

TEST_CASE("randint reaches the ends of its type") {
  const auto bytes = tg::to_host(tg::randint<std::uint8_t>(tg::Key(7), {many}, 0, 256));
  CHECK(*std::max_element(bytes.begin(), bytes.end()) == 255);
  CHECK(*std::min_element(bytes.begin(), bytes.end()) == 0);
  using limits = std::numeric_limits<std::int64_t>;
  const auto wide = tg::to_host(tg::randint(tg::Key(7), {many}, limits::min(), limits::max()));
  const auto negative = std::count_if(wide.begin(), wide.end(), [](auto v) { return v < 0; });
  CHECK(std::abs(static_cast<double>(negative) - many / 2.0) < 2.0 * many * deviation);
  CHECK(tg::randint(tg::Key(7), {}, 9, 10).item() == 9);
}

TEST_CASE("bernoulli is true with its probability") {
  for (double p : {0.0, 1e-3, 0.3, 0.9, 1.0}) {
    const auto x = tg::to_host(tg::bernoulli(tg::Key(8), {many}, p));
    const auto share = static_cast<double>(std::count(x.begin(), x.end(), true)) / many;
    CHECK(std::abs(share - p) <= 4 * deviation * std::sqrt(p * (1 - p)));
  }
}

TEST_CASE("the same bits come for any number of threads") {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto uniform = tg::to_host(tg::uniform(tg::Key(9), {100003}));
  const auto normal = tg::to_host(tg::randn<double>(tg::Key(9), {100003}));
  const auto order = tg::to_host(tg::permutation(tg::Key(9), 100003));
  for (int threads : {2, 3, 8}) {
    omp_set_num_threads(threads);
    CHECK(tg::to_host(tg::uniform(tg::Key(9), {100003})) == uniform);
    CHECK(tg::to_host(tg::randn<double>(tg::Key(9), {100003})) == normal);
    CHECK(tg::to_host(tg::permutation(tg::Key(9), 100003)) == order);
  }
  omp_set_num_threads(before);
}

TEST_CASE("a longer tensor begins with the elements of a shorter one") {
  const auto longer = tg::to_host(tg::randn(tg::Key(10), {7, 11}));
  for (tg::index_t n : {0, 1, 2, 3, 4, 5, 63}) {
    const auto shorter = tg::to_host(tg::randn(tg::Key(10), {n}));
    CHECK(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  }
}

TEST_CASE("seeds and folded keys are independent sequences") {
  const tg::Key key(11);
  const std::vector<tg::Key> keys{key,
                                  tg::Key(12),
                                  tg::fold(key, 0),
                                  tg::fold(key, 1),
                                  tg::fold(tg::fold(key, 0), 1),
                                  tg::fold(tg::fold(key, 1), 0)};
  std::vector<std::vector<float>> draws;
  for (const auto& k : keys) draws.push_back(tg::to_host(tg::uniform(k, {many})));
  for (std::size_t i = 0; i < draws.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      CHECK(keys[i].seed != keys[j].seed);
      CHECK(std::abs(correlation(draws[i], draws[j])) < 4 * deviation);
    }
  }
}

TEST_CASE("advancing the step changes the draw, and no step is like step 0") {
  tg::Step step;
  const tg::Key key = tg::Key(13);
  const auto first = tg::to_host(tg::uniform(key.at(step.value), {many}));
  CHECK(first == tg::to_host(tg::uniform(key, {many})));
  const tg::Key at_first = tg::fold(key.at(step.value), 5);
  tg::advance(step);
  CHECK(step.value.item() == 1);
  const auto second = tg::to_host(tg::uniform(key.at(step.value), {many}));
  CHECK(std::abs(correlation(first, second)) < 4 * deviation);
  CHECK(second == tg::to_host(tg::uniform(key.at(tg::scalar<std::int64_t>(1)), {many})));
  CHECK_THROWS_WITH_AS(tg::uniform(at_first, {2}), doctest::Contains("stale"), tg::Error);
}

TEST_CASE("permutation gives every number once, in another order for every key and epoch") {
  for (tg::index_t n : {0, 1, 2, 1000, 50000}) {
    auto x = tg::to_host(tg::permutation(tg::Key(14), n));
    REQUIRE(x.size() == static_cast<std::size_t>(n));
    std::sort(x.begin(), x.end());
    CHECK(x == tg::to_host(tg::arange<std::int64_t>(n)));
  }
  const auto at = [](std::uint64_t seed, std::int64_t epoch) {
    return tg::to_host(tg::permutation(tg::Key(seed).at(tg::scalar(epoch)), 50000));
  };
  const auto first = at(14, 0);
  CHECK(std::abs(correlation(first, tg::to_host(tg::arange<std::int64_t>(50000)))) < 0.02);
  CHECK(std::abs(correlation(first, at(14, 1))) < 0.02);
  CHECK(std::abs(correlation(first, at(15, 0))) < 0.02);
  CHECK(first == at(14, 0));
}

TEST_CASE("all permutations of four numbers are equally likely") {
  std::map<std::vector<std::int64_t>, int> count;
  for (std::int64_t epoch = 0; epoch < 4800; ++epoch) {
    ++count[tg::to_host(tg::permutation(tg::Key(16).at(tg::scalar(epoch)), 4))];
  }
  REQUIRE(count.size() == 24);
  double chi_square = 0;
  for (const auto& [order, c] : count) chi_square += (c - 200) * (c - 200) / 200.0;
  CHECK(chi_square < 49.8);  // 23 degrees of freedom, p = 0.001
}

TEST_CASE("random ops name what is wrong with their arguments") {
  const tg::Key key(1);
  CHECK_THROWS_WITH_AS(tg::uniform(key, {2}, 1, 0), "uniform: low 1 is above high 0", tg::Error);
  CHECK_THROWS_WITH_AS(tg::randint(key, {2}, 3, 3), "randint: [3, 3) is empty", tg::Error);
  CHECK_THROWS_WITH_AS(tg::randint<std::uint8_t>(key, {2}, 0, 257),
                       "randint: [0, 257) does not fit into uint8", tg::Error);
  CHECK_THROWS_WITH_AS(tg::bernoulli(key, {2}, 1.5), "bernoulli: p is 1.5, expected 0 to 1",
                       tg::Error);
  CHECK_THROWS_AS(tg::bernoulli(key, {2}, std::nan("")), tg::Error);
  CHECK_THROWS_WITH_AS(tg::randn(key.at(tg::zeros<std::int64_t>({2})), {2}),
                       "randn: the key's step has shape (2), expected one element", tg::Error);
}

}  // namespace random_test
