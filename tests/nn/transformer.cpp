// SPDX-License-Identifier: MIT
// A block of a transformer as a user writes it: what the README shows, checked for its shape, for
// what a causal mask promises, and for a gradient that reaches every parameter.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "thrustgrad/autograd/grad.h"
#include "thrustgrad/nn/layers.h"
#include "thrustgrad/ops/loss.h"

namespace transformer_test {

namespace tg = thrustgrad;

namespace {

// Causal self-attention. Vaswani et al., arXiv:1706.03762.
struct Attention {
  tg::Linear qkv, out;
  tg::index_t heads = 1;

  tg::Tensor<float> operator()(const tg::Tensor<float>& x) const {
    const auto n = x.size(0), t = x.size(1), d = x.size(2), e = d / heads;
    const auto parts = tg::permute(tg::reshape(qkv(x), {n, t, 3, heads, e}), {2, 0, 3, 1, 4});
    const auto q = tg::select(parts, 0, 0), k = tg::select(parts, 0, 1),
               v = tg::select(parts, 0, 2);
    const auto scores = tg::matmul(q, tg::transpose(k)) / std::sqrt(double(e));  // (n, heads, t, t)
    const auto now = tg::arange<std::int64_t>(t);
    const auto past = now <= tg::unsqueeze(now, 1);  // (t, t)
    const auto weights = tg::softmax(tg::where(past, scores, tg::scalar(-1e30f)), -1);
    const auto heard = tg::permute(tg::matmul(weights, v), {0, 2, 1, 3});  // (n, t, heads, e)
    return out(tg::reshape(heard, {n, t, d}));
  }
};

struct Block {
  tg::LayerNorm norm1, norm2;
  Attention attention;
  tg::Linear up, down;

  tg::Tensor<float> operator()(const tg::Tensor<float>& x) const {  // (n, t, d) -> (n, t, d)
    const auto y = x + attention(norm1(x));
    return y + down(tg::gelu(up(norm2(y))));
  }
};

Block make_block(const tg::Key& key, tg::index_t d, tg::index_t heads) {
  return {
      tg::make_layer_norm({d}),
      tg::make_layer_norm({d}),
      {tg::make_linear(tg::fold(key, 0), d, 3 * d), tg::make_linear(tg::fold(key, 1), d, d), heads},
      tg::make_linear(tg::fold(key, 2), d, 4 * d),
      tg::make_linear(tg::fold(key, 3), 4 * d, d)};
}

}  // namespace

TEST_CASE("a transformer block keeps the shape, and a position sees only the ones before it") {
  const Block block = make_block(tg::Key(1), 8, 2);
  const auto x = tg::randn(tg::Key(2), {2, 5, 8});
  const auto later = tg::unsqueeze(tg::cast<float>(tg::arange<std::int64_t>(5) >= 3), 1);  // (5, 1)
  const auto y = block(x), changed = block(x + later);
  CHECK(y.shape == x.shape);
  const auto difference = tg::amax(tg::abs(y - changed), {0, 2});  // (5)
  CHECK(tg::amax(tg::slice(difference, 0, 0, 3)).item() == 0);
  CHECK(tg::amin(tg::slice(difference, 0, 3)).item() > 0.01f);
}

TEST_CASE("the gradient of a transformer block reaches every parameter") {
  const Block block = make_block(tg::Key(1), 8, 2);
  const auto x = tg::randn(tg::Key(2), {2, 5, 8});
  const auto loss = [&](const Block& b) { return tg::sum_squares(b(x)); };
  const auto gradient = tg::grad(loss, block);
  int reached = 0;
  tg::visit_parameters(
      [&](const std::string& name, const auto& g) {
        INFO(name);
        REQUIRE(g.defined());
        CHECK(tg::norm(g).item() > 0);
        ++reached;
      },
      gradient);
  CHECK(reached == 12);
}

}  // namespace transformer_test
