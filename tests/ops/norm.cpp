// SPDX-License-Identifier: MIT
// Normalisation against PyTorch: values, gradients, running statistics.
#include "thrustgrad/ops/norm.h"
#include "thrustgrad/ops/phase.h"

#include <doctest/doctest.h>

#include <cmath>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace norm_test {

namespace tg = thrustgrad;
using tg::Shape;

tg::Tensor<double> generic(const Shape& shape, int seed) {
  return tg::from_host(golden::formula(shape.numel(), seed), shape);
}
tg::Tensor<double> positive(const Shape& shape, int seed) {
  return tg::from_host(golden::positive(shape.numel(), seed), shape);
}

/// sum(y * formula(9)), whose gradients PyTorch recorded.
tg::Tensor<double> weighted(const tg::Tensor<double>& y) {
  return tg::sum(y * generic(y.shape, 9));
}

struct Statistics {
  tg::Buffer<double> mean = generic({5}, 4), variance = positive({5}, 5);
};

TEST_CASE("batch_norm has PyTorch's values, gradients and running statistics in training") {
  const auto x = generic({4, 3, 2, 5}, 1), w = positive({5}, 2), b = generic({5}, 3);
  Statistics s;
  const auto y = tg::batch_norm(x, w, b, s.mean, s.variance, tg::Phase::train);
  CHECK(golden::mismatch(tg::to_host(y), golden::batch_norm_train_y) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(s.mean), golden::batch_norm_train_running_mean) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(s.variance), golden::batch_norm_train_running_var) < 1e-9);
  const auto [gx, gw, gb] = tg::grad(
      [&](auto& p, auto& q, auto& r) {
        return weighted(tg::batch_norm(p, q, r, s.mean, s.variance, tg::Phase::train));
      },
      std::tuple(x, w, b));
  CHECK(golden::mismatch(tg::to_host(gx), golden::batch_norm_train_gx) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gw), golden::batch_norm_train_gw) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gb), golden::batch_norm_train_gb) < 1e-9);
}

TEST_CASE("batch_norm uses the running statistics in evaluation and leaves them alone") {
  const auto x = generic({4, 3, 2, 5}, 1), w = positive({5}, 2), b = generic({5}, 3);
  Statistics s;
  const auto before = tg::to_host(s.mean);
  CHECK(golden::mismatch(tg::to_host(tg::batch_norm(x, w, b, s.mean, s.variance, tg::Phase::eval)),
                         golden::batch_norm_eval_y) < 1e-9);
  const auto [gx, gw, gb] = tg::grad(
      [&](auto& p, auto& q, auto& r) {
        return weighted(tg::batch_norm(p, q, r, s.mean, s.variance, tg::Phase::eval));
      },
      std::tuple(x, w, b));
  CHECK(golden::mismatch(tg::to_host(gx), golden::batch_norm_eval_gx) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gw), golden::batch_norm_eval_gw) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gb), golden::batch_norm_eval_gb) < 1e-9);
  CHECK(tg::to_host(s.mean) == before);
}

TEST_CASE("layer_norm has PyTorch's values and gradients") {
  const auto x = generic({2, 3, 4}, 1), w = positive({4}, 2), b = generic({4}, 3);
  CHECK(golden::mismatch(tg::to_host(tg::layer_norm(x, w, b)), golden::layer_norm_y) < 1e-9);
  const auto [gx, gw, gb] =
      tg::grad([](auto& p, auto& q, auto& r) { return weighted(tg::layer_norm(p, q, r)); },
               std::tuple(x, w, b));
  CHECK(golden::mismatch(tg::to_host(gx), golden::layer_norm_gx) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gw), golden::layer_norm_gw) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(gb), golden::layer_norm_gb) < 1e-9);
}

TEST_CASE("a large mean does not drown the variance in float") {
  // Mean 1e4, deviation 1: E[x^2] - E[x]^2 would lose all digits.
  std::vector<float> v;
  for (double x : golden::formula(4096, 1))
    v.push_back(1e4f + static_cast<float>(x * std::sqrt(3.0)));
  const auto x = tg::from_host(v, {4096, 1});
  const auto one = tg::ones<float>({1}), zero = tg::zeros<float>({1});
  tg::Buffer<float> mean = zero, variance = one;
  const auto y = tg::batch_norm(x, one, zero, mean, variance, tg::Phase::train);
  CHECK(std::abs(tg::variance(y, {}, 0).item() - 1) < 2e-3);
  CHECK(std::abs(tg::mean(y).item()) < 1e-3);
}

TEST_CASE("16-bit activations keep float statistics") {
  const auto x = tg::cast<tg::bf16>(generic({64, 8}, 1));
  const auto w = tg::ones<float>({8}), b = tg::zeros<float>({8});
  tg::Buffer<float> mean = b, variance = w, wide_mean = b, wide_variance = w;
  const auto y = tg::batch_norm(x, w, b, mean, variance, tg::Phase::train);
  const auto wide =
      tg::batch_norm(tg::cast<float>(x), w, b, wide_mean, wide_variance, tg::Phase::train);
  CHECK(tg::to_host(mean) == tg::to_host(wide_mean));
  CHECK(tg::to_host(variance) == tg::to_host(wide_variance));
  CHECK(tg::to_host(tg::cast<float>(y)) == tg::to_host(tg::cast<float>(tg::cast<tg::bf16>(wide))));
}

TEST_CASE("normalisation names what does not fit") {
  const auto x = tg::zeros<float>({4, 3}), w = tg::ones<float>({2}), one = tg::ones<float>({3});
  tg::Buffer<float> mean = one, variance = one;
  CHECK_THROWS_WITH_AS(tg::batch_norm(x, w, w, mean, variance, tg::Phase::train),
                       "batch_norm: x (4, 3) has 3 channels, but weight (2), bias (2), running "
                       "mean (3) and variance (3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(
      tg::batch_norm(tg::zeros<float>({1, 3}), one, one, mean, variance, tg::Phase::train),
      "batch_norm: x (1, 3) has one element a channel: its variance is unknown", tg::Error);
  CHECK_THROWS_WITH_AS(
      tg::layer_norm(x, w, w),
      "layer_norm: x (4, 3) does not end with the shape of weight (2) and bias (2)", tg::Error);
}

}  // namespace norm_test
}  // namespace
