// SPDX-License-Identifier: MIT
// Whole trainings from PyTorch's start values: losses against those that PyTorch recorded, in
// float. What is left is rounding, which grows from step to step.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "../../examples/cifar10/network.h"
#include "golden/curves.h"
#include "thrustgrad/nn/layers.h"
#include "thrustgrad/ops/loss.h"
#include "thrustgrad/optim/adamw.h"
#include "thrustgrad/optim/sgd.h"

namespace {
namespace curves_test {

namespace tg = thrustgrad;
using tg::index_t;
using tg::Shape;
using Image = tg::Tensor<float>;

Image formula(const Shape& shape, int seed) {
  return tg::cast<float>(tg::from_host(golden::formula(shape.numel(), seed), shape));
}

/// Fills parameter i with the recorded start values of seed i + 1; norms keep theirs.
template <class Model> void start(Model& model) {
  index_t fan_in = 0;
  int seed = 0;
  tg::visit_parameters(
      [&](const std::string& name, auto& p) {
        if (!p.defined()) return;  // the convolutions have no bias
        ++seed;
        if (name.find("norm") != name.npos) return;
        if (p.rank() > 1) fan_in = tg::fan_in(p.shape);
        const auto values = golden::parameter(p.numel(), seed, fan_in);
        tg::assign(p, tg::cast<float>(tg::from_host(values, p.shape)));
      },
      model);
}

/// The largest distances from recorded losses, in the first five steps and in all.
struct Distance {
  double early = 0, late = 0;
};

/// The mean cross entropy before each of as many steps as were recorded. Step t has the inputs of
/// seed 200 + t % batches and the labels of seed 300 + t % batches.
template <class Model, class Optimizer>
Distance train(Model& model, Optimizer optimizer, double rate, const Shape& input, index_t rows,
               index_t classes, std::span<const double> expected, std::size_t batches = 1) {
  Distance distance;
  for (std::size_t step = 0; step < expected.size(); ++step) {
    const int batch = static_cast<int>(step % batches);
    const auto x = formula(input, 200 + batch);
    const auto labels = tg::from_host(golden::labels(rows, 300 + batch, classes), {rows});
    const auto [loss, gradient] =
        tg::value_and_grad([&](const Model& m) { return tg::cross_entropy(m(x), labels); }, model);
    optimizer.step(model, gradient, rate);
    const double off = std::abs(static_cast<double>(loss.item()) - expected[step]);
    if (step < 5) distance.early = std::max(distance.early, off);
    distance.late = std::max(distance.late, off);
  }
  return distance;
}

struct Mlp {
  tg::Linear first, second, head;
  Image operator()(const Image& x) const { return head(tg::relu(second(tg::tanh(first(x))))); }
};

TEST_CASE("a perceptron trained by SGD has PyTorch's losses for a hundred steps") {
  const tg::Key key(0);
  Mlp model{tg::make_linear(key, 16, 32), tg::make_linear(key, 32, 32),
            tg::make_linear(key, 32, 4)};
  start(model);
  const Distance distance = train(model, tg::Sgd(model, {.momentum = 0.9, .weight_decay = 5e-4}),
                                  0.1, {24, 16}, 24, 4, golden::mlp_losses_float);
  CHECK(distance.early < 1e-6);
  CHECK(distance.late < 1e-5);
}

/// One pre-norm block with causal attention of two heads, a last norm and a linear head.
struct Transformer {
  tg::LayerNorm norm1;
  tg::Linear qkv, projection;
  tg::LayerNorm norm2;
  tg::Linear up, down;
  tg::LayerNorm norm;
  tg::Linear head;

  Image attention(const Image& x) const {
    constexpr index_t heads = 2;
    const index_t b = x.size(0), t = x.size(1), d = x.size(2), e = d / heads;
    const auto parts = tg::permute(tg::reshape(qkv(x), {b, t, 3, heads, e}), {2, 0, 3, 1, 4});
    const auto q = tg::select(parts, 0, 0), k = tg::select(parts, 0, 1),
               v = tg::select(parts, 0, 2);
    const auto scores = tg::matmul(q, tg::transpose(k)) / std::sqrt(static_cast<double>(e));
    const auto at = tg::arange<std::int64_t>(t);
    const auto past = at <= tg::unsqueeze(at, 1);  // (t, t)
    const auto weights = tg::softmax(tg::where(past, scores, tg::scalar(-1e30f)));
    const auto mixed = tg::permute(tg::matmul(weights, v), {0, 2, 1, 3});  // (b, t, heads, e)
    return projection(tg::reshape(mixed, {b, t, d}));
  }
  Image operator()(Image x) const {
    x = x + attention(norm1(x));
    x = x + down(tg::gelu(up(norm2(x))));
    const auto logits = head(norm(x));
    return tg::reshape(logits, {x.size(0) * x.size(1), logits.size(-1)});
  }
};

TEST_CASE("a transformer block trained by AdamW has PyTorch's losses for a hundred steps") {
  const tg::Key key(0);
  const index_t d = 16;
  Transformer model{tg::make_layer_norm({d}),       tg::make_linear(key, d, 3 * d),
                    tg::make_linear(key, d, d),     tg::make_layer_norm({d}),
                    tg::make_linear(key, d, 2 * d), tg::make_linear(key, 2 * d, d),
                    tg::make_layer_norm({d}),       tg::make_linear(key, d, 10)};
  start(model);
  const Distance distance =
      train(model, tg::AdamW(model), 0.01, {4, 8, d}, 32, 10, golden::transformer_losses_float);
  CHECK(distance.early < 1e-6);
  CHECK(distance.late < 1e-5);
}

/// The network of examples/cifar10, in training.
struct Residual {
  cifar10::Network network;
  Image operator()(const Image& x) const { return network(x, tg::Phase::train); }
};

TEST_CASE("a residual network trained by Nesterov's SGD follows PyTorch's losses") {
  Residual model{cifar10::make_network(tg::Key(0))};
  start(model);
  const Distance distance =
      train(model, tg::Sgd(model, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4}), 0.05,
            {16, 32, 32, 3}, 16, 10, golden::residual_losses_float, 4);
  CHECK(distance.early < 1e-5);
  CHECK(distance.late < 5e-3);  // PyTorch's float and double differ by 7e-4
}

}  // namespace curves_test
}  // namespace
