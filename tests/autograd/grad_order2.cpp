// SPDX-License-Identifier: MIT
// Derivatives of derivatives: nesting on one model and on several, against differences in double.
#include "thrustgrad/autograd/grad.h"

#include <doctest/doctest.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "thrustgrad/ops/matmul.h"
#include "thrustgrad/ops/reduce.h"

namespace grad_order2_test {

namespace tg = thrustgrad;
using tg::Parameter;
using tg::Tensor;

namespace {

using doubles = std::vector<double>;

struct Model {
  Parameter<double> weight, bias, scale;
};

Model model(double shift = 0, const Model* direction = nullptr) {
  Model m{tg::from_host<double>({0.3, -0.8, 0.5, 1.2}, {2, 2}),
          tg::from_host<double>({0.1, -0.4}, {2}), tg::scalar(0.7)};
  if (direction != nullptr) {
    tg::visit([&](auto& p, const auto& d) { tg::assign(p, p + d * shift); }, m, *direction);
  }
  return m;
}

Model direction() {
  return {tg::from_host<double>({1, -0.5, 0.25, 2}, {2, 2}), tg::from_host<double>({-1, 0.5}, {2}),
          tg::scalar(1.5)};
}

// Smooth, with pointwise operations, broadcasting, products of matrices and reductions.
Tensor<double> loss(const Model& m) {
  const auto x = tg::from_host<double>({0.5, -1, 2, 0.25, 1.5, -0.75}, {3, 2});
  const auto hidden = tg::tanh(tg::matmul(x, m.weight) + m.bias);
  return tg::mean(tg::exp(hidden * m.scale) / (1 + tg::square(hidden))) +
         tg::logsumexp(m.bias * m.scale);
}

double dot(const Model& a, const Model& b) {
  double total = 0;
  tg::visit([&](const auto& p, const auto& q) { total += tg::sum(p * q).item(); }, a, b);
  return total;
}

Tensor<double> recorded_dot(const Model& a, const Model& b) {
  return tg::sum(a.weight * b.weight) + tg::sum(a.bias * b.bias) + a.scale * b.scale;
}

// The central difference of grad(f) in a direction, component by component.
template <class F> void check_product(const Model& product, const F& f, const Model& d) {
  constexpr double h = 1e-5;
  const Model ahead = tg::grad(f, model(h, &d)), behind = tg::grad(f, model(-h, &d));
  double size = 0;
  tg::visit(
      [&](const auto& p, const auto& a, const auto& b) {
        const doubles found = tg::to_host(p), expected = tg::to_host((a - b) / (2 * h));
        for (std::size_t i = 0; i < found.size(); ++i) {
          CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-6));
          size += std::abs(found[i]);
        }
      },
      product, ahead, behind);
  CHECK(size > 0.1);
}

// x itself; its vjp counts.
Tensor<double> counted(const Tensor<double>& x, int& runs) {
  return tg::differentiable(x, tg::wrt(x, [&runs](const Tensor<double>& g) { return ++runs, g; }));
}

Tensor<double> exponential(const Tensor<double>& x) {  // its vjp uses its result
  return tg::differentiable(tg::exp(x), tg::wrt(x, [](const Tensor<double>& g,
                                                      const Tensor<double>& y) { return g * y; }));
}

}  // namespace

TEST_CASE("a Hessian-vector product through one model equals the difference of gradients") {
  const Model m = model(), d = direction();
  const auto along = [&](const Model& a) { return recorded_dot(tg::grad(loss, a), d); };
  check_product(tg::grad(along, m), loss, d);
  CHECK(m.weight.node == nullptr);
  CHECK_FALSE(tg::detail::is_recording());
}

TEST_CASE("a Hessian is symmetric") {
  const Model m = model(), d = direction();
  const Model e{tg::from_host<double>({0.5, 1, -1, 0.2}, {2, 2}),
                tg::from_host<double>({2, 1}, {2}), tg::scalar(-1.0)};
  const auto product = [&](const Model& v) {
    return tg::grad([&](const Model& a) { return recorded_dot(tg::grad(loss, a), v); }, m);
  };
  CHECK(dot(product(d), e) == doctest::Approx(dot(product(e), d)).epsilon(1e-12));
}

TEST_CASE("the gradient of the squared gradient norm is twice the Hessian times the gradient") {
  const Model m = model();
  const auto penalty = [](const Model& a) {
    const Model g = tg::grad(loss, a);
    return recorded_dot(g, g);
  };
  Model twice = tg::grad(loss, m);
  tg::visit([](auto& g) { tg::assign(g, g * 2); }, twice);
  check_product(tg::grad(penalty, m), loss, twice);
}

TEST_CASE("the value of the inner function is differentiated as well") {
  const Model m = model(), d = direction();
  const auto both = [&](const Model& a) {
    const auto [value, g] = tg::value_and_grad(loss, a);
    return value * value + recorded_dot(g, d);
  };
  const auto f = [&](const Model& a) { return recorded_dot(tg::grad(loss, a), d); };
  const double v = loss(m).item();
  const Model g = tg::grad(loss, m), h = tg::grad(f, m), found = tg::grad(both, m);
  tg::visit(
      [&](const auto& a, const auto& first, const auto& second) {
        const doubles expected = tg::to_host(first * (2 * v) + second), actual = tg::to_host(a);
        for (std::size_t i = 0; i < actual.size(); ++i)
          CHECK(actual[i] == doctest::Approx(expected[i]));
      },
      found, g, h);
}

TEST_CASE("an outer gradient by parameters passes through an inner one by inputs") {
  struct Scale {
    Parameter<double> a;
  };
  const Scale s{tg::scalar(3.0)};
  // d/da (d/dx a^2 x^3)^2 = d/da 9 a^4 x^4 = 36 a^3 x^4
  const auto penalty = [](const Scale& k) {
    const auto slope =
        tg::grad([&](const Tensor<double>& x) { return k.a * k.a * x * x * x; }, tg::scalar(2.0));
    return slope * slope;
  };
  CHECK(tg::grad(penalty, s).a.item() == doctest::Approx(36 * 27 * 16.0));
}

TEST_CASE("an inner backward pass stops at nodes older than its own arguments") {
  int outer_runs = 0;
  const auto f = [&](const Tensor<double>& x) {
    const auto old = counted(x * x, outer_runs);
    const auto slope =
        tg::grad([&](const Tensor<double>& a) { return tg::exp(a) * old; }, tg::scalar(0.0));
    CHECK(outer_runs == 0);
    return slope;  // x^2
  };
  CHECK(tg::grad(f, tg::scalar(3.0)).item() == 6);
  CHECK(outer_runs == 1);
}

TEST_CASE("an inner gradient does not see the outer dependence of its argument") {
  // y = x^2; d/dy (y x) = x, and not 3 x^2 / (2 x).
  const auto f = [](const Tensor<double>& x) {
    return tg::grad([&](const Tensor<double>& y) { return y * x; }, x * x);
  };
  const auto [value, g] = tg::value_and_grad(f, tg::scalar(3.0));
  CHECK(value.item() == 3);
  CHECK(g.item() == 1);
}

TEST_CASE("an inner gradient through its argument's history is differentiated by the outer one") {
  // y = x^2; d/dy sin(y) = cos(x^2), whose derivative is -2 x sin(x^2).
  const auto f = [](const Tensor<double>& x) {
    return tg::grad([](const Tensor<double>& y) { return tg::sin(y); }, x * x);
  };
  CHECK(tg::grad(f, tg::scalar(1.5)).item() == doctest::Approx(-3 * std::sin(2.25)));
}

TEST_CASE("a vjp that uses its operation's result is differentiated through it") {
  const auto slope = [](const Tensor<double>& x) {
    return tg::grad([](const auto& a) { return exponential(a); }, x);
  };
  CHECK(tg::grad(slope, tg::scalar(0.5)).item() == doctest::Approx(std::exp(0.5)));
}

TEST_CASE("a joint vjp and several results are differentiated twice") {
  using Pair = std::tuple<Tensor<double>, Tensor<double>>;
  const auto products = [](const Tensor<double>& a, const Tensor<double>& b) {  // a b and a b^2
    return tg::differentiable(std::tuple(a * b, a * b * b),
                              tg::wrt(std::tie(a, b), [a, b](const Pair& g) {
                                const auto& [g1, g2] = g;
                                return std::tuple(g1 * b + g2 * b * b, g1 * a + 2 * g2 * a * b);
                              }));
  };
  const auto f = [&](const Tensor<double>& a, const Tensor<double>& b) {
    const auto [p, q] = products(a, b);
    return p * q;  // a^2 b^3
  };
  const auto by_b = [&](const Tensor<double>& a, const Tensor<double>& b) {
    return std::get<1>(tg::grad(f, std::tie(a, b)));  // 3 a^2 b^2
  };
  const auto [ga, gb] = tg::grad(by_b, std::tuple(tg::scalar(2.0), tg::scalar(5.0)));
  CHECK(ga.item() == doctest::Approx(6 * 2 * 25.0));
  CHECK(gb.item() == doctest::Approx(6 * 4 * 5.0));
}

TEST_CASE("vjp nests: the product of a Jacobian with a vector") {
  // The vjp of f is linear in its cotangent; its own vjp by the cotangent is J v.
  const auto x = tg::from_host<double>({0.5, 2}, {2}), v = tg::from_host<double>({3, -1}, {2});
  const auto f = [](const Tensor<double>& a) { return a * a * a; };
  const auto pull = [&](const Tensor<double>& u) { return std::get<1>(tg::vjp(f, x, u)); };
  const auto [unused, forward] = tg::vjp(pull, tg::zeros<double>({2}), v);
  CHECK(tg::to_host(forward) == doubles{3 * 0.25 * 3, 3 * 4 * -1});
}

TEST_CASE("pointwise operations of two operands have all their second derivatives") {
  const auto a = tg::from_host<double>({0.7, 1.8}, {2}), b = tg::from_host<double>({1.5, 0.6}, {2});
  const auto check = [&](const auto& f) {
    const auto total = [&](const Tensor<double>& p, const Tensor<double>& q) {
      return tg::sum(f(p, q));
    };
    const auto along = [&](const Tensor<double>& p, const Tensor<double>& q) {  // direction (1, 2)
      const auto [gp, gq] = tg::grad(total, std::tie(p, q));
      return tg::sum(gp + gq * 2);
    };
    const auto [found_a, found_b] = tg::grad(along, std::tie(a, b));
    constexpr double h = 1e-5;
    const auto [ahead_a, ahead_b] = tg::grad(total, std::tuple(a + h, b + 2 * h));
    const auto [behind_a, behind_b] = tg::grad(total, std::tuple(a - h, b - 2 * h));
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(tg::to_host(found_a)[i] ==
            doctest::Approx(tg::to_host((ahead_a - behind_a) / (2 * h))[i]).epsilon(1e-7));
      CHECK(tg::to_host(found_b)[i] ==
            doctest::Approx(tg::to_host((ahead_b - behind_b) / (2 * h))[i]).epsilon(1e-7));
    }
  };
  check([](const auto& p, const auto& q) { return tg::pow(p, q); });
  check([](const auto& p, const auto& q) { return p / q; });
  check([](const auto& p, const auto& q) { return tg::maximum(p * p, q) * p; });
  check([](const auto& p, const auto& q) { return tg::where(p < q, p * q, q * q) * p; });
}

TEST_CASE("memory of a nested recording is freed when the outer one ends") {
  const std::size_t before = tg::Pool::instance().statistics().in_use;
  {
    const Model m = model(), d = direction();
    const std::size_t models = tg::Pool::instance().statistics().in_use;
    const auto h = tg::grad([&](const Model& a) { return recorded_dot(tg::grad(loss, a), d); }, m);
    CHECK(tg::Pool::instance().statistics().in_use == models + 3 * 64);
  }
  CHECK(tg::Pool::instance().statistics().in_use == before);
}

TEST_CASE("a parameter that only an outer recording trains is a constant of the inner one") {
  const Model m = model(), d = direction();
  const auto only_bias = [](const std::string& name) { return name == "bias"; };
  const auto f = [&](const Model& a) {
    const Model g = std::get<1>(tg::value_and_grad(loss, a, only_bias));
    CHECK_FALSE(g.weight.defined());
    return tg::sum(g.bias * d.bias);
  };
  const auto full = [&](const Model& a) { return tg::sum(tg::grad(loss, a).bias * d.bias); };
  CHECK(tg::to_host(tg::grad(f, m).weight) == tg::to_host(tg::grad(full, m).weight));
}

TEST_CASE("a third derivative throws and names the setting of order 3") {
  const auto slope = [](const auto& x) {
    return tg::grad([](const auto& a) { return tg::exp(a); }, x);
  };
  const auto curvature = [&](const auto& x) { return tg::grad(slope, x); };
  CHECK(curvature(tg::scalar(1.0)).item() == doctest::Approx(std::exp(1.0)));
  CHECK_THROWS_WITH_AS(tg::grad(curvature, tg::scalar(1.0)),
                       doctest::Contains("define THRUSTGRAD_DERIVATIVE_ORDER=3"), tg::Error);
}

}  // namespace grad_order2_test
