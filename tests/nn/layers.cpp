// SPDX-License-Identifier: MIT
// Layers: their start values, the names of their parameters, and that they call their operations.
#include "thrustgrad/nn/layers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace layers_test {

namespace tg = thrustgrad;
using tg::Shape;

tg::Tensor<float> formula(const Shape& shape, int seed) {
  return tg::cast<float>(tg::from_host(golden::formula(shape.numel(), seed), shape));
}
tg::Tensor<float> positive(const Shape& shape, int seed) {
  return tg::cast<float>(tg::from_host(golden::positive(shape.numel(), seed), shape));
}

double largest(const tg::Tensor<float>& x) {
  double most = 0;
  for (float v : tg::to_host(x)) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

std::vector<std::string> names(const auto& model) {
  std::vector<std::string> all;
  tg::visit([&](const std::string& name, const auto&) { all.push_back(name); }, model);
  return all;
}

const tg::Key key(3);

TEST_CASE("linear and convolution layers start within PyTorch's bounds, and close to them") {
  const auto check = [](const auto& layer, std::span<const double> bounds) {
    CHECK(largest(layer.weight) <= bounds[0] * (1 + 1e-6));
    CHECK(largest(layer.weight) > 0.99 * bounds[0]);
    CHECK(largest(layer.bias) <= bounds[1] * (1 + 1e-6));
    CHECK(largest(layer.bias) > 0.8 * bounds[1]);
  };
  check(tg::make_linear(key, 70, 50), golden::init_linear);
  check(tg::make_conv2d(key, 16, 24), golden::init_conv2d);
}

TEST_CASE("weight and bias of a layer are drawn independently, and both follow the key") {
  const auto a = tg::make_linear(key, 4, 4), b = tg::make_linear(fold(key, 1), 4, 4);
  const auto weight = tg::to_host(a.weight), bias = tg::to_host(a.bias);
  CHECK_FALSE(std::equal(bias.begin(), bias.end(), weight.begin()));
  CHECK(weight != tg::to_host(b.weight));
  CHECK(bias != tg::to_host(b.bias));
}

TEST_CASE("a linear layer is PyTorch's") {
  const tg::Linear layer{formula({5, 4}, 2), formula({5}, 3)};
  CHECK(golden::mismatch(tg::to_host(layer(formula({3, 4}, 1))), golden::linear_y) < 1e-6);
}

TEST_CASE("a convolution layer applies its window, and its bias to each channel") {
  const auto x = formula({2, 7, 9, 3}, 1);
  tg::Conv2d layer = tg::make_conv2d(key, 3, 4, {.kernel = 3, .stride = 2, .padding = 1});
  CHECK(layer.weight.shape == Shape{4, 3, 3, 3});
  layer.weight = formula({4, 3, 3, 3}, 2);
  layer.bias = tg::Parameter<float>();
  const auto plain = layer(x);
  CHECK(golden::mismatch(tg::to_host(plain), golden::conv2d_k3_s2_p1_d1_y) < 1e-6);
  layer.bias = tg::arange<float>(4);
  const auto shifted = tg::to_host(layer(x)), unshifted = tg::to_host(plain);
  for (std::size_t i = 0; i < shifted.size(); ++i) {
    CHECK(shifted[i] == unshifted[i] + static_cast<float>(i % 4));
  }
  CHECK_FALSE(tg::make_conv2d(key, 3, 4, {.bias = tg::Bias::no}).bias.defined());
}

TEST_CASE("batch norm in a const model keeps its running statistics, in training only") {
  tg::BatchNorm layer = tg::make_batch_norm(5);
  layer.weight = positive({5}, 2);
  layer.bias = formula({5}, 3);
  const tg::BatchNorm& model = layer;
  const auto x = formula({4, 3, 2, 5}, 1);
  model(x, tg::Phase::eval);
  CHECK(tg::to_host(layer.running_mean) == std::vector<float>(5, 0));
  CHECK(tg::to_host(layer.running_var) == std::vector<float>(5, 1));

  tg::assign(layer.running_mean, formula({5}, 4));
  tg::assign(layer.running_var, positive({5}, 5));
  const auto [loss, gradient] = tg::value_and_grad(
      [&](const tg::BatchNorm& m) {
        const auto y = m(x, tg::Phase::train);
        CHECK(golden::mismatch(tg::to_host(y), golden::batch_norm_train_y) < 1e-6);
        return tg::sum(y * formula(y.shape, 9));
      },
      model);
  CHECK(golden::mismatch(tg::to_host(gradient.weight), golden::batch_norm_train_gw) < 1e-5);
  CHECK(golden::mismatch(tg::to_host(gradient.bias), golden::batch_norm_train_gb) < 1e-5);
  CHECK_FALSE(gradient.running_mean.defined());
  CHECK(golden::mismatch(tg::to_host(layer.running_mean), golden::batch_norm_train_running_mean) <
        1e-6);
  CHECK(golden::mismatch(tg::to_host(layer.running_var), golden::batch_norm_train_running_var) <
        1e-6);
}

TEST_CASE("a copy of a batch norm has running statistics of its own") {
  const tg::BatchNorm model = tg::make_batch_norm(2), snapshot = model;
  model(formula({3, 2}, 1), tg::Phase::train);
  CHECK(tg::to_host(model.running_mean) != std::vector<float>(2, 0));
  CHECK(tg::to_host(snapshot.running_mean) == std::vector<float>(2, 0));
}

TEST_CASE("layer norm gives rows of mean 0 and variance 1, times weight plus bias") {
  tg::LayerNorm layer = tg::make_layer_norm({6});
  const auto rows = tg::to_host(layer(formula({4, 6}, 1)));
  for (std::size_t row = 0; row < 4; ++row) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto v = static_cast<double>(rows[row * 6 + i]);
      sum += v;
      squares += v * v;
    }
    CHECK(std::abs(sum) < 1e-5);
    CHECK(squares / 6 == doctest::Approx(1).epsilon(1e-3));
  }
  layer.weight = tg::full<float>({6}, 2);
  layer.bias = tg::full<float>({6}, 3);
  CHECK(tg::to_host(layer(formula({4, 6}, 1)))[7] == doctest::Approx(2 * rows[7] + 3));
}

TEST_CASE("an embedding looks up rows, and its gradient counts how often each was used") {
  const tg::Embedding layer = tg::make_embedding(key, 5, 3);
  const auto positions = tg::from_host<std::int64_t>({4, 0, 4, 1}, {2, 2});
  const auto [y, gradient] = tg::vjp([&](const tg::Embedding& m) { return m(positions); }, layer,
                                     tg::ones<float>({2, 2, 3}));
  CHECK(y.shape == Shape{2, 2, 3});
  const auto rows = tg::to_host(y), table = tg::to_host(layer.weight);
  CHECK(std::equal(rows.begin(), rows.begin() + 3, table.begin() + 12));
  CHECK(std::equal(rows.begin() + 9, rows.end(), table.begin() + 3));
  CHECK(tg::to_host(gradient.weight) ==
        std::vector<float>{1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 2, 2, 2});
}

struct Block {
  tg::Conv2d conv;
  tg::BatchNorm norm;
};
struct Network {
  Block block;
  tg::LayerNorm layer_norm;
  tg::Linear head;
};

TEST_CASE("parameters have the names of PyTorch's state_dict") {
  const Network network{{tg::make_conv2d(key, 3, 4), tg::make_batch_norm(4)},
                        tg::make_layer_norm({4}),
                        tg::make_linear(key, 4, 2)};
  CHECK(names(network) == std::vector<std::string>{"block.conv.weight", "block.conv.bias",
                                                   "block.norm.weight", "block.norm.bias",
                                                   "block.norm.running_mean",
                                                   "block.norm.running_var", "layer_norm.weight",
                                                   "layer_norm.bias", "head.weight", "head.bias"});
}

TEST_CASE("activations of 16 bits pass through layers of float") {
  const Network network{{tg::make_conv2d(key, 3, 4, {.padding = 1}), tg::make_batch_norm(4)},
                        tg::make_layer_norm({4}),
                        tg::make_linear(key, 4, 2)};
  const auto run = [&](const auto& x) {
    const auto y = network.block.norm(network.block.conv(x), tg::Phase::eval);
    return network.head(network.layer_norm(y));
  };
  const auto x = formula({2, 4, 4, 3}, 1);
  const tg::Tensor<tg::bf16> narrow = run(tg::cast<tg::bf16>(x));
  const auto wide = tg::to_host(run(x)), rounded = tg::to_host(tg::cast<float>(narrow));
  double worst = 0;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    worst = std::max(worst, static_cast<double>(std::abs(wide[i] - rounded[i])));
  }
  CHECK(worst < 0.05);
  CHECK(worst > 0);
}

TEST_CASE("Dropout drops in training only, and the same elements for the same key") {
  const tg::Dropout layer{.p = 0.25};
  const auto x = tg::ones<float>({1000});
  const auto y = tg::to_host(layer(x, tg::Key(3), tg::Phase::train));
  const auto zeros = std::count(y.begin(), y.end(), 0.0f);
  CHECK(zeros > 200);
  CHECK(zeros < 300);
  CHECK(std::count(y.begin(), y.end(), 1 / 0.75f) == 1000 - zeros);
  CHECK(tg::to_host(layer(x, tg::Key(3), tg::Phase::train)) == y);
  CHECK(tg::to_host(layer(x, tg::Key(4), tg::Phase::train)) != y);
  CHECK(tg::to_host(layer(x, tg::Key(3), tg::Phase::eval)) == tg::to_host(x));
}

}  // namespace layers_test
}  // namespace
