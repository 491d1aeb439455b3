// SPDX-License-Identifier: MIT
// AdamW against PyTorch's paths, a slow loop, and what a step may not do.
#include "thrustgrad/optim/adamw.h"

#include <doctest/doctest.h>

#include <cmath>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace adamw_test {

namespace tg = thrustgrad;

template <class T> struct Weights { tg::Parameter<T> w; };

Weights<double> formula(int seed) { return {tg::from_host(golden::formula(6, seed), {6})}; }

/// The distance from PyTorch's weights after each of five steps. The rate 0.1 and the corrections
/// of the moments are floats.
double distance(double weight_decay, std::span<const double> expected) {
  Weights<double> model = formula(1);
  tg::AdamW adamw(model, {.weight_decay = weight_decay});
  std::vector<double> path;
  for (int step = 0; step < 5; ++step) {
    adamw.step(model, formula(20 + step), 0.1);
    for (double w : tg::to_host(model.w)) path.push_back(w);
  }
  CHECK(adamw.steps.value.item() == 5);
  return golden::mismatch(path, expected);
}

TEST_CASE("AdamW takes PyTorch's steps with and without weight decay") {
  CHECK(distance(0.05, golden::adamw) < 1e-7);
  CHECK(distance(0, golden::adam) < 1e-7);
}

TEST_CASE("in float it stays with a loop in double for two hundred steps") {
  Weights<float> model{tg::full<float>({3}, 0.5f)};
  tg::AdamW adamw(model);
  double w = 0.5, m = 0, v = 0;
  for (int t = 1; t <= 200; ++t) {
    const double g = std::sin(t);
    adamw.step(model, Weights<float>{tg::full<float>({3}, static_cast<float>(g))}, 1e-2);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w -= 1e-2 * 0.01 * w;
    w -= 1e-2 * m / (1 - std::pow(0.9, t)) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    if (t == 1 || t == 200) CHECK(tg::to_host(model.w)[2] == doctest::Approx(w).epsilon(3e-6));
  }
}

TEST_CASE("the bias corrections keep a float's precision at the first step") {
  const auto [first, second] = tg::map(
      tg::detail::bias_corrections_fn{std::log(0.9), std::log(0.999)}, tg::scalar<std::int64_t>(1));
  CHECK(first.item() == doctest::Approx(10.0).epsilon(1e-7));
  CHECK(second.item() == doctest::Approx(1 / std::sqrt(0.001)).epsilon(1e-7));
}

TEST_CASE("16-bit parameters and absent gradients are taken as they come") {
  Weights<tg::bf16> model{tg::full<tg::bf16>({4}, tg::bf16(1))};
  tg::AdamW adamw(model, {.weight_decay = 0});
  adamw.step(model, Weights<tg::bf16>{}, 0.5);
  CHECK(tg::to_host(model.w)[3] == tg::bf16(1));
  adamw.step(model, Weights<tg::bf16>{tg::full<tg::bf16>({4}, tg::bf16(-2))}, 0.5);
  // Step 2 with moments that step 1 left at 0: the direction is 0.1 / 0.19 / sqrt(0.001 /
  // 0.001999).
  const double direction = 0.1 / 0.19 / std::sqrt(0.001 / 0.001999);
  CHECK(float(tg::to_host(model.w)[3]) == doctest::Approx(1 + 0.5 * direction).epsilon(4e-3));
}

TEST_CASE("a step with a false flag is not taken and does not count") {
  Weights<double> model = formula(1);
  tg::AdamW adamw(model);
  adamw.step(model, Weights<double>{tg::full<double>({6}, std::nan(""))}, 0.1, tg::scalar(false));
  CHECK(tg::to_host(model.w) == golden::formula(6, 1));
  CHECK(tg::to_host(adamw.second_moment.w) == std::vector<double>(6));
  CHECK(adamw.steps.value.item() == 0);
}

TEST_CASE("a step writes in place, reads nothing back and, once warm, allocates nothing") {
  Weights<float> model{tg::ones<float>({1000})};
  const Weights<float> gradient{tg::ones<float>({1000})};
  tg::AdamW adamw(model);
  const auto rate = tg::scalar(0.1f);
  adamw.step(model, gradient, rate);
  const float* const address = model.w.data();
  const auto before = tg::Pool::instance().statistics();
  {
    const tg::NoReadback forbidden;
    adamw.step(model, gradient, rate);
    adamw.step(model, gradient, 0.1);
  }
  const auto after = tg::Pool::instance().statistics();
  CHECK(model.w.data() == address);
  CHECK(after.allocations == before.allocations);
  CHECK(after.in_use == before.in_use);
}

TEST_CASE("the moments and the number of steps are saved with a training state") {
  const Weights<float> model{tg::ones<float>({2})};
  std::vector<std::string> names;
  tg::visit([&](const std::string& name, const auto&) { names.push_back(name); }, tg::AdamW(model));
  CHECK(names == std::vector<std::string>{"first_moment.w", "second_moment.w", "steps.value"});
}

}  // namespace adamw_test
}  // namespace
