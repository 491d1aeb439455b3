// SPDX-License-Identifier: MIT
// Operations of your own look like the library's. A pointwise one is a functor: map applies it with
// broadcasting, and its derivative comes from evaluating the same functor on dual numbers. Any
// other operation states its value and its gradient in one function; the gradient is written in
// tensor operations and gets the operation's result y, so that nothing is computed twice.
#include <thrustgrad/thrustgrad.h>

namespace tg = thrustgrad;

// x tanh(log(1 + exp(x))). Misra, arXiv:1908.08681.
struct mish_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return x * tg::tanh(tg::log1p(tg::exp(x))); }
};
tg::Tensor<float> mish(const tg::Tensor<float>& x) { return tg::map(mish_fn{}, x); }

// Each row of x divided by its length: (n, d) -> (n, d).
tg::Tensor<float> directions(const tg::Tensor<float>& x) {
  const auto length = tg::norm(x, {-1}, tg::Keep::axes);  // (n, 1)
  const auto vjp = [=](const auto& g, const auto& y) {
    const auto along = tg::sum(g * y, {-1}, tg::Keep::axes);  // (n, 1)
    return (g - along * y) / length;
  };
  return tg::differentiable(x / length, tg::wrt(x, vjp));
}

int main() {
  const auto x = tg::from_host<float>({-1, 0, 1, 2}, {4});
  const auto [total, slope] = tg::value_and_grad([](const auto& t) { return tg::sum(mish(t)); }, x);
  tg::print(mish(x));
  tg::print(slope);

  const auto points = tg::from_host<float>({3, 4, -5, 12}, {2, 2});
  const auto first = [](const auto& p) { return tg::sum(tg::select(directions(p), 1, 0)); };
  tg::print(directions(points));
  tg::print(tg::grad(first, points));  // of the cosine: (1 - cos^2) / length along the first axis
}

// Output:
// [-0.3034       0  0.8651   1.944] float32 (4)
// [0.05922     0.6   1.049   1.069] float32 (4)
// [[    0.6     0.8]
//  [-0.3846  0.9231]] float32 (2, 2)
// [[  0.128  -0.096]
//  [0.06554 0.02731]] float32 (2, 2)
