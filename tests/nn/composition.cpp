// SPDX-License-Identifier: MIT
// What other frameworks have switches for and here is a few lines of plain C++: accumulation over
// micro-batches, freezing, averages, float master weights under 16-bit activations, clipping, and
// models of vectors and optionals in files.
#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "golden/formula.h"
#include "io/temporary_directory.h"
#include "thrustgrad/io/checkpoint.h"
#include "thrustgrad/nn/layers.h"
#include "thrustgrad/optim/accumulate.h"
#include "thrustgrad/optim/adamw.h"
#include "thrustgrad/optim/average.h"
#include "thrustgrad/optim/clip.h"
#include "thrustgrad/optim/schedule.h"
#include "thrustgrad/optim/sgd.h"

namespace {
namespace composition_test {

namespace tg = thrustgrad;
using tg::Shape;

tg::Tensor<float> formula(const Shape& shape, int seed) {
  return tg::cast<float>(tg::from_host(golden::formula(shape.numel(), seed), shape));
}

struct Mlp {
  tg::Linear hidden, head;

  template <class T> tg::Tensor<T> operator()(const tg::Tensor<T>& x) const {
    return head(tg::relu(hidden(x)));
  }
};

Mlp mlp() {
  const tg::Key key(1);
  return {tg::make_linear(fold(key, 0), 6, 8), tg::make_linear(fold(key, 1), 8, 2)};
}

/// The mean square distance of the model's outputs from targets.
template <class T>
tg::Tensor<float> loss(const Mlp& model, const tg::Tensor<T>& x, const tg::Tensor<float>& targets) {
  return tg::mean(tg::square(tg::cast<float>(model(x)) - targets));
}

template <class Model> double distance(const Model& a, const Model& b) {
  double worst = 0;
  tg::visit_parameters(
      [&](const auto& p, const auto& q) {
        if (!p.defined()) return;
        const auto x = tg::to_host(p), y = tg::to_host(q);
        for (std::size_t i = 0; i < x.size(); ++i)
          worst = std::max(worst, static_cast<double>(std::abs(x[i] - y[i])));
      },
      a, b);
  return worst;
}

TEST_CASE("gradients of micro-batches add up to that of the batch") {
  const Mlp model = mlp();
  const auto x = formula({12, 6}, 1), targets = formula({12, 2}, 2);
  Mlp sum = tg::skeleton(model);
  for (tg::index_t i = 0; i < 3; ++i) {
    const auto part = [&](const auto& all) { return tg::slice(all, 0, 4 * i, 4 * i + 4); };
    const Mlp gradient =
        tg::grad([&](const Mlp& m) { return loss(m, part(x), part(targets)) / 3; }, model);
    tg::accumulate(sum, gradient);
  }
  const Mlp whole = tg::grad([&](const Mlp& m) { return loss(m, x, targets); }, model);
  CHECK(distance(sum, whole) < 1e-6);
}

/// x itself, counting how often its gradient is asked for.
tg::Tensor<float> counted(const tg::Tensor<float>& x, int& calls) {
  return tg::differentiable(x, tg::wrt(x, [&calls](const tg::Tensor<float>& g) {
                              ++calls;
                              return g;
                            }));
}

TEST_CASE("frozen parameters have no gradient, and their vector-Jacobian products do not run") {
  Mlp model = mlp();
  const Mlp before = model;
  const auto x = formula({4, 6}, 1), targets = formula({4, 2}, 2);
  int hidden_calls = 0, head_calls = 0;
  const auto f = [&](const Mlp& m) {
    const auto h = tg::relu(tg::linear(x, counted(m.hidden.weight, hidden_calls), m.hidden.bias));
    const auto y = tg::linear(h, counted(m.head.weight, head_calls), m.head.bias);
    return tg::mean(tg::square(y - targets));
  };
  const auto only_head = [](const std::string& name) { return name.starts_with("head."); };
  const auto [value, gradient] = tg::value_and_grad(f, model, only_head);
  CHECK(hidden_calls == 0);
  CHECK(head_calls == 1);
  CHECK_FALSE(gradient.hidden.weight.defined());
  CHECK(gradient.head.weight.defined());
  tg::Sgd(model, {.weight_decay = 0.1}).step(model, gradient, 0.1);
  CHECK(tg::to_host(model.hidden.weight) == tg::to_host(before.hidden.weight));
  CHECK(tg::to_host(model.head.weight) != tg::to_host(before.head.weight));
}

struct Normed {
  tg::Linear first;
  tg::BatchNorm norm;
};

TEST_CASE("an average follows parameters and running statistics, and the model does not notice") {
  Normed model{tg::make_linear(tg::Key(1), 6, 3), tg::make_batch_norm(3)};
  Normed average = model;
  const Normed start = model;
  const auto x = formula({8, 6}, 1);
  const auto gradient = tg::grad(
      [&](const Normed& m) { return tg::mean(m.norm(m.first(x), tg::Phase::train)); }, model);
  tg::Sgd(model).step(model, gradient, 0.5);
  tg::ema(average, model, 0.75);
  const auto check = [](const auto& mean, const auto& from, const auto& to) {
    const auto a = tg::to_host(mean), p = tg::to_host(from), q = tg::to_host(to);
    CHECK(p != q);
    for (std::size_t i = 0; i < a.size(); ++i)
      CHECK(a[i] == doctest::Approx(0.75f * p[i] + 0.25f * q[i]).epsilon(1e-5));
  };
  check(average.norm.bias, start.norm.bias, model.norm.bias);
  check(average.norm.running_mean, start.norm.running_mean, model.norm.running_mean);
  check(average.norm.running_var, start.norm.running_var, model.norm.running_var);
}

TEST_CASE("16-bit activations leave weights, gradients and optimizer in float and learn as well") {
  const auto x = formula({12, 6}, 1), targets = formula({12, 2}, 2);
  const auto train = [&](const auto& images) {
    Mlp model = mlp();
    tg::AdamW adamw(model);
    tg::Tensor<float> value;
    for (int step = 0; step < 60; ++step) {
      Mlp gradient;
      std::tie(value, gradient) =
          tg::value_and_grad([&](const Mlp& m) { return loss(m, images, targets); }, model);
      adamw.step(model, gradient, 0.02);
    }
    return value.item();
  };
  const float wide = train(x), narrow = train(tg::cast<tg::bf16>(x));
  CHECK(wide < 0.3f * loss(mlp(), x, targets).item());
  CHECK(narrow == doctest::Approx(wide).epsilon(0.2));
  CHECK(narrow != wide);
}

TEST_CASE("a whole step with a schedule, clipping, momentum and averaging never waits") {
  Mlp model = mlp(), average = model;
  tg::Sgd sgd(model, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
  const tg::PiecewiseLinear schedule{{0, 0.01}, {20, 0.1}, {40, 0}};
  tg::Step step;
  const auto x = formula({12, 6}, 1), targets = formula({12, 2}, 2);
  const float before = loss(model, x, targets).item();
  const auto run = [&] {
    const auto [value, gradient] =
        tg::value_and_grad([&](const Mlp& m) { return loss(m, x, targets); }, model);
    const auto [norm, clipped] = tg::clip_by_global_norm(gradient, 1.0);
    sgd.step(model, clipped, schedule(step));
    tg::ema(average, model, 0.9);
    tg::advance(step);
  };
  run();
  run();
  const auto allocations = tg::Pool::instance().statistics().allocations;
  {
    const tg::NoReadback forbidden;
    for (int i = 2; i < 40; ++i) run();
  }
  CHECK(tg::Pool::instance().statistics().allocations == allocations);
  CHECK(loss(model, x, targets).item() < 0.5f * before);
  CHECK(loss(average, x, targets).item() < 0.5f * before);
}

TEST_CASE("a loss scaled for half moves the weights as before, and an overflow is skipped") {
  const auto x = formula({12, 6}, 1), targets = formula({12, 2}, 2);
  const auto step = [&](float factor) {
    Mlp model = mlp();
    tg::Sgd sgd(model, {.momentum = 0.9, .weight_decay = 0.1});
    const Mlp large = tg::grad(
        [&](const Mlp& m) { return loss(m, tg::cast<tg::half>(x), targets) * factor; }, model);
    sgd.step(model, tg::scaled(large, 1 / factor), 0.1, tg::all_finite(large));
    return model;
  };
  CHECK(distance(step(1024), step(1)) < 1e-4);
  CHECK(distance(step(1024), mlp()) > 1e-3);
  CHECK(distance(step(1e9f), mlp()) == 0);  // gradients beyond 65504 are infinite in half
}

/// relu(norm(conv(x))) + shortcut(x); the shortcut is x itself where there is no projection.
struct Block {
  tg::Conv2d conv;
  tg::BatchNorm norm;
  std::optional<tg::Conv2d> projection;

  template <class T> tg::Tensor<T> operator()(const tg::Tensor<T>& x, tg::Phase phase) const {
    return tg::relu(norm(conv(x), phase)) + (projection ? (*projection)(x) : x);
  }
};

struct Network {
  std::vector<Block> blocks;
  tg::Linear head;

  template <class T> tg::Tensor<T> operator()(tg::Tensor<T> x, tg::Phase phase) const {
    for (const Block& block : blocks) x = block(x, phase);  // (n, h, w, c)
    return head(tg::mean(x, {1, 2}));
  }
};

Network network(tg::Key key) {
  Network net;
  tg::index_t channels = 3;
  for (const tg::index_t outputs : {4, 4, 6}) {
    key = fold(key, 0);
    const tg::Conv2dSettings same{.kernel = 3, .padding = 1, .bias = tg::Bias::no};
    Block block{
        tg::make_conv2d(fold(key, 1), channels, outputs, same), tg::make_batch_norm(outputs), {}};
    if (channels != outputs) {
      block.projection = tg::make_conv2d(fold(key, 2), channels, outputs, {.kernel = 1});
    }
    net.blocks.push_back(block);
    channels = outputs;
  }
  net.head = tg::make_linear(fold(key, 3), channels, 2);
  return net;
}

struct Training {
  Network model;
  tg::Sgd<Network> sgd;
  tg::Step step;
};

TEST_CASE("a vector of blocks with optional projections is trained, saved and loaded by name") {
  const auto images = formula({5, 6, 6, 3}, 1);
  const auto objective = [&](const Network& m) {
    return tg::mean(tg::square(m(images, tg::Phase::train)));
  };
  Training state{network(tg::Key(1)), {}, {}};
  state.sgd = tg::Sgd(state.model, {.momentum = 0.9});
  const auto step = [&](Training& s) {
    const auto [value, gradient] = tg::value_and_grad(objective, s.model);
    s.sgd.step(s.model, gradient, 0.1);
    tg::advance(s.step);
    return value.item();
  };
  const float first = step(state);
  CHECK(step(state) < first);

  const TemporaryDirectory directory;
  const std::string path = directory / "state.safetensors";
  tg::save(path, state);
  const auto file = tg::read_safetensors(path);
  CHECK(file.contains("model.blocks.2.projection.weight"));
  CHECK_FALSE(file.contains("model.blocks.1.projection.weight"));
  CHECK(file.contains("model.blocks.0.norm.running_var"));
  CHECK(file.contains("sgd.velocity.blocks.0.conv.weight"));
  CHECK(file.contains("step.value"));

  Training resumed{network(tg::Key(2)), {}, {}};
  resumed.sgd = tg::Sgd(resumed.model, {.momentum = 0.9});
  tg::load(path, resumed);
  CHECK(resumed.step.value.item() == 2);
  CHECK(step(resumed) == step(state));
  CHECK(distance(resumed.model, state.model) == 0);
  const auto logits = [&](const Training& s) {
    return tg::to_host(s.model(images, tg::Phase::eval));
  };
  CHECK(logits(resumed) == logits(state));
}

}  // namespace composition_test
}  // namespace
