// SPDX-License-Identifier: MIT
// SGD against PyTorch's paths, and what a step may not do.
#include "thrustgrad/optim/sgd.h"
#include "thrustgrad/optim/scalar.h"

#include <doctest/doctest.h>

#include <limits>
#include <optional>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace sgd_test {

namespace tg = thrustgrad;

struct Weights {
  tg::Parameter<double> w;
};

Weights formula(int seed) { return {tg::from_host(golden::formula(6, seed), {6})}; }

/// The distance from PyTorch's weights after each of five steps. A rate of 0.1 in float is off by
/// 1.5e-9.
double distance(const tg::SgdSettings& settings, std::span<const double> expected) {
  Weights model = formula(1);
  tg::Sgd sgd(model, settings);
  std::vector<double> path;
  for (int step = 0; step < 5; ++step) {
    sgd.step(model, formula(20 + step), 0.1);
    for (double w : tg::to_host(model.w)) path.push_back(w);
  }
  return golden::mismatch(path, expected);
}

TEST_CASE("SGD takes PyTorch's steps with and without momentum, Nesterov and weight decay") {
  CHECK(distance({}, golden::sgd) < 5e-8);
  CHECK(distance({.momentum = 0.9}, golden::sgd_momentum) < 5e-8);
  CHECK(distance({.momentum = 0.9, .nesterov = true}, golden::sgd_nesterov) < 5e-8);
  CHECK(distance({.momentum = 0.9, .weight_decay = 0.05}, golden::sgd_decay) < 5e-8);
  CHECK(distance({.momentum = 0.9, .nesterov = true, .weight_decay = 0.05},
                 golden::sgd_nesterov_decay) < 5e-8);
}

TEST_CASE("decoupled weight decay shrinks the weights and leaves the velocity alone") {
  tg::SgdSettings settings{.momentum = 0.9, .weight_decay = 0.05, .decay = tg::Decay::decoupled};
  CHECK(distance(settings, golden::sgd_decoupled) < 5e-8);
  settings.nesterov = true;
  CHECK(distance(settings, golden::sgd_nesterov_decoupled) < 5e-8);
}

TEST_CASE("a rate may be a number, a scalar tensor or a tensor with one element") {
  Weights a = formula(1), b = a, c = a;
  tg::Sgd(a).step(a, formula(2), 0.25);
  tg::Sgd(b).step(b, formula(2), tg::scalar(0.25f));
  tg::Sgd(c).step(c, formula(2), tg::full<float>({1, 1}, 0.25f));
  CHECK(tg::to_host(a.w) == tg::to_host(b.w));
  CHECK(tg::to_host(a.w) == tg::to_host(c.w));
  CHECK_THROWS_WITH_AS(tg::Sgd(a).step(a, formula(2), tg::ones<float>({2})),
                       doctest::Contains("has not exactly one element"), tg::Error);
}

struct Mixed {
  tg::Parameter<float> matrix;  // (3, 2), axes swapped in memory
  std::vector<tg::Parameter<tg::bf16>> small;
  std::optional<tg::Parameter<float>> frozen;
  tg::Buffer<std::int64_t> counter;
};

Mixed mixed(float scale) {
  const auto values = [&](int seed) {
    std::vector<float> x;
    for (double v : golden::formula(6, seed)) x.push_back(static_cast<float>(v) * scale);
    return tg::from_host(x, {3, 2});
  };
  auto swapped = tg::empty<float>({3, 2}, {1, 0});
  tg::detail::write(swapped, values(1));
  return {
      swapped, {tg::full<tg::bf16>({5}, tg::bf16(scale))}, values(2), tg::scalar<std::int64_t>(7)};
}

TEST_CASE("each parameter moves like plain loops say, in any layout and element type") {
  Mixed model = mixed(1), gradient = mixed(0.5f);
  gradient.matrix = tg::copy(gradient.matrix);  // row-major, unlike the parameter
  gradient.frozen = tg::Parameter<float>();
  const Mixed before = model;
  tg::Sgd sgd(model, {.momentum = 0.5, .nesterov = true, .weight_decay = 0.25});
  const auto w = tg::to_host(model.matrix), g = tg::to_host(gradient.matrix);
  std::vector<float> expected(6), velocity(6);
  for (std::size_t i = 0; i < 6; ++i) expected[i] = w[i];
  for (int step = 0; step < 3; ++step) {
    sgd.step(model, gradient, 0.125);
    for (std::size_t i = 0; i < 6; ++i) {
      const float slope = g[i] + 0.25f * expected[i];
      velocity[i] = 0.5f * velocity[i] + slope;
      expected[i] -= 0.125f * (slope + 0.5f * velocity[i]);
    }
  }
  const auto actual = tg::to_host(model.matrix);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(1e-6));
  CHECK(model.matrix.strides == tg::Shape{1, 3});

  // 1 - (0.125 (0.5 + 0.25) 1.5) in float, rounded once to bf16
  Mixed other = before;
  tg::Sgd(other, {.momentum = 0.5, .nesterov = true, .weight_decay = 0.25})
      .step(other, gradient, 0.125);
  CHECK(tg::to_host(other.small[0])[4] == tg::bf16(1 - 0.125f * 0.75f * 1.5f));

  CHECK(tg::to_host(*model.frozen) == tg::to_host(*before.frozen));  // no gradient, no decay
  CHECK(model.counter.item() == 7);
}

TEST_CASE("a step writes in place, reads nothing back and, once warm, allocates nothing") {
  Mixed model = mixed(1);
  const Mixed gradient = mixed(0.5f);
  tg::Sgd sgd(model, {.momentum = 0.9});
  const auto rate = tg::scalar(0.1f);
  sgd.step(model, gradient, rate);
  const float* const address = model.matrix.data();
  const auto before = tg::Pool::instance().statistics();
  const tg::NoReadback forbidden;
  sgd.step(model, gradient, rate);
  sgd.step(model, gradient, 0.1);
  const auto after = tg::Pool::instance().statistics();
  CHECK(model.matrix.data() == address);
  CHECK(after.allocations == before.allocations);
  CHECK(after.in_use == before.in_use);
}

TEST_CASE("a step with a false flag leaves weights and velocity alone, whatever the gradient is") {
  Weights model = formula(1), other = model;
  tg::Sgd sgd(model, {.momentum = 0.9, .weight_decay = 0.1});
  const Weights broken{tg::full<double>({6}, std::numeric_limits<double>::infinity())};
  sgd.step(model, broken, 0.1, tg::scalar(false));
  CHECK(tg::to_host(model.w) == golden::formula(6, 1));
  CHECK(tg::to_host(sgd.velocity.w) == std::vector<double>(6));
  sgd.step(model, formula(2), 0.1, tg::scalar(true));
  tg::Sgd(other, {.momentum = 0.9, .weight_decay = 0.1}).step(other, formula(2), 0.1);
  CHECK(tg::to_host(model.w) == tg::to_host(other.w));
}

TEST_CASE("a gradient of another shape or structure is refused by name, and nothing is written") {
  Weights model = formula(1);
  tg::Sgd sgd(model);
  CHECK_THROWS_WITH_AS(sgd.step(model, Weights{tg::zeros<double>({5})}, 0.1),
                       doctest::Contains("(5)"), tg::Error);
  CHECK(tg::to_host(model.w) == golden::formula(6, 1));
  Mixed mixed_model = mixed(1), shorter = mixed(1);
  shorter.small.clear();
  CHECK_THROWS_WITH_AS(tg::Sgd(mixed_model).step(mixed_model, shorter, 0.1),
                       doctest::Contains("small"), tg::Error);
}

TEST_CASE("several models are trained together as a tuple of references") {
  Weights a = formula(1), b = formula(2), alone = a;
  tg::Sgd both(std::tie(a, b));
  both.step(std::tie(a, b), std::tuple(formula(3), formula(4)), 0.5);
  tg::Sgd(alone).step(alone, formula(3), 0.5);
  CHECK(tg::to_host(a.w) == tg::to_host(alone.w));
  CHECK(tg::to_host(b.w) != golden::formula(6, 2));
}

struct Training {
  Weights model;
  tg::Sgd<Weights> sgd;
};

TEST_CASE("an optimizer is a part of a training state, whose tensors have names") {
  Training state{formula(1), tg::Sgd(formula(1))};
  CHECK(tg::parameter_names(state) == std::vector<std::string>{"model.w", "sgd.velocity.w"});
  const Training snapshot = state;
  state.sgd.step(state.model, formula(2), 0.1);
  CHECK(tg::to_host(snapshot.sgd.velocity.w) == std::vector<double>(6));
  CHECK(tg::to_host(state.sgd.velocity.w) == golden::formula(6, 2));
}

}  // namespace sgd_test
}  // namespace
