// SPDX-License-Identifier: MIT
// A network: a plain struct of layers, called like a function. Two interleaved spirals are to be
// told apart, which no straight line can do. The loss, its gradient and the optimizer's velocity
// are values; the random numbers come from a key and are the same everywhere.
#include <thrustgrad/thrustgrad.h>

#include <cstdio>

namespace tg = thrustgrad;

struct Mlp {
  tg::Linear first, second, head;

  auto operator()(const tg::Tensor<float>& x) const {  // (n, 2) -> (n, 2)
    return head(tg::gelu(second(tg::gelu(first(x)))));
  }
};

Mlp make_mlp(const tg::Key& key, tg::index_t width) {
  return {tg::make_linear(tg::fold(key, 0), 2, width),
          tg::make_linear(tg::fold(key, 1), width, width),
          tg::make_linear(tg::fold(key, 2), width, 2)};
}

int main() {
  const tg::Key key(0);
  const tg::index_t n = 400;
  const auto labels = tg::randint(tg::fold(key, 0), {n}, 0, 2);       // (n): which spiral
  const auto radius = tg::uniform(tg::fold(key, 1), {n, 1}, 0.1, 1);  // (n, 1)
  const auto turn = tg::unsqueeze(tg::cast<float>(labels), 1) * 3.1416f + radius * 6;
  const auto points = tg::concatenate<float>({radius * tg::cos(turn), radius * tg::sin(turn)}, 1);

  auto model = make_mlp(tg::fold(key, 2), 32);
  std::printf("%s\n", tg::summary(model).c_str());

  tg::Sgd sgd(model, {.momentum = 0.9, .nesterov = true});
  const auto loss = [&](const Mlp& m) { return tg::cross_entropy(m(points), labels); };
  for (int step = 0; step < 400; ++step) {
    const auto [value, gradient] = tg::value_and_grad(loss, model);
    if (step == 0) std::printf("loss at first %.1f\n", value.item());
    sgd.step(model, gradient, 0.15);
  }
  const auto right = tg::count_correct(model(points), labels);
  std::printf("loss in the end %.1f, %lld of %lld right\n", loss(model).item(),
              static_cast<long long>(right.item()), static_cast<long long>(n));
}

// Output:
// name           shape     type     elements
// first.weight   (32, 2)   float32        64
// first.bias     (32)      float32        32
// second.weight  (32, 32)  float32      1024
// second.bias    (32)      float32        32
// head.weight    (2, 32)   float32        64
// head.bias      (2)       float32         2
// parameters                            1218
//
// loss at first 0.7
// loss in the end 0.0, 400 of 400 right
