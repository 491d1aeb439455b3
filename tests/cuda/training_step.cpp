// SPDX-License-Identifier: MIT
// A few training steps, eager and captured, for faults.py: whatever call of the runtime fails, the
// program must say so, lose no memory, and train as if nothing had happened when it tries again.
// Exit status: 0 nothing failed, 3 a fault was reported and mended, anything else is wrong.
#include <thrustgrad/thrustgrad.h>

#include <cstdio>
#include <optional>

namespace {

namespace tg = thrustgrad;

struct Net {
  tg::Conv2d conv;
  tg::BatchNorm norm;
  tg::Linear head;

  tg::Tensor<float> operator()(const tg::Tensor<float>& x) const {  // (n, 8, 8, 3) -> (n, 4)
    return head(tg::global_avg_pool(tg::relu(norm(conv(x), tg::Phase::train))));
  }
};

/// The losses of five steps: the first runs as it stands, the second is recorded, the others
/// replayed.
std::vector<float> losses_of_steps() {
  const tg::Key key(7);
  Net model{tg::make_conv2d(tg::fold(key, 0), 3, 8, {.kernel = 3, .padding = 1}),
            tg::make_batch_norm(8), tg::make_linear(tg::fold(key, 1), 8, 4)};
  tg::Sgd sgd(model, {.momentum = 0.9, .nesterov = true});
  tg::Step step;
  const tg::Key noise = tg::fold(key, 2);
  const auto labels = tg::randint(tg::fold(key, 3), {8}, 0, 4);  // (8)
  const auto loss_of = [&](const Net& net) {
    const auto images = tg::randn(noise.at(step.value), {8, 8, 8, 3});
    return tg::cross_entropy(net(images), labels);
  };
  auto train = tg::captured([&] {
    const auto [loss, gradient] = tg::value_and_grad(loss_of, model);
    sgd.step(model, gradient, 0.1);
    tg::advance(step);
    return loss;
  });
  std::vector<float> losses;
  for (int i = 0; i < 5; ++i) losses.push_back(train().item());
  return losses;
}

}  // namespace

int main() {
  std::optional<std::vector<float>> losses;
  int failures = 0;
  while (!losses && failures < 2) {
    try {
      losses = losses_of_steps();
    } catch (const tg::Error& error) {
      std::fprintf(stderr, "error: %s\n", error.what());
      ++failures;
    }
  }
  if (!losses) return 4;  // one fault must not break what comes behind it
  for (float loss : *losses) std::printf("%.6f\n", static_cast<double>(loss));
  tg::Pool& pool = tg::Pool::instance();
  if (pool.statistics().in_use != 0) return 5;
  try {
    pool.trim();
  } catch (const tg::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    ++failures;
    pool.trim();
  }
  return failures == 0 ? 0 : 3;
}
