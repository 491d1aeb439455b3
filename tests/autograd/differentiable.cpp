// SPDX-License-Identifier: MIT
// Operations with gradients of their own: what a vjp receives and returns, and when it is dropped.
#include "thrustgrad/autograd/differentiable.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace differentiable_test {

namespace tg = thrustgrad;
using tg::Tensor;

namespace {

using floats = std::vector<float>;

// A user's operation: a function, with its gradient beside it.
template <tg::floating T> Tensor<T> cube(const Tensor<T>& x) {
  return tg::differentiable(x * x * x,
                            tg::wrt(x, [x](const Tensor<T>& g) { return g * x * x * 3; }));
}

// The same with the result, which is given and not captured.
Tensor<float> exponential(const Tensor<float>& x) {
  return tg::differentiable(
      tg::exp(x), tg::wrt(x, [](const Tensor<float>& g, const Tensor<float>& y) { return g * y; }));
}

// Two inputs whose gradients come from one vjp; `runs` counts its calls.
Tensor<float> product(const Tensor<float>& a, const Tensor<float>& b, int* runs = nullptr) {
  return tg::differentiable(a * b, tg::wrt(std::tie(a, b), [a, b, runs](const Tensor<float>& g) {
                              if (runs != nullptr) ++*runs;
                              return std::tuple(g * b, g * a);
                            }));
}

// Two results; `seen` remembers the gradients that come back.
std::tuple<Tensor<float>, Tensor<float>> sum_and_difference(const Tensor<float>& a,
                                                            const Tensor<float>& b,
                                                            std::vector<floats>* seen = nullptr) {
  using Pair = std::tuple<Tensor<float>, Tensor<float>>;
  return tg::differentiable(
      std::tuple(a + b, a - b), tg::wrt(std::tie(a, b), [seen](const Pair& g) {
        const auto& [sum, difference] = g;
        if (seen != nullptr) seen->insert(seen->end(), {tg::to_host(sum), tg::to_host(difference)});
        return std::tuple(sum + difference, sum - difference);
      }));
}

// The sum of a list, whose vjp returns `count` gradients.
Tensor<float> sum_of(const std::vector<Tensor<float>>& list, std::size_t count) {
  Tensor<float> total = list[0];
  for (std::size_t i = 1; i < list.size(); ++i) total = total + list[i];
  return tg::differentiable(
      total,
      tg::wrt(
          list, [count](const Tensor<float>& g) { return std::vector<Tensor<float>>(count, g); },
          "sum_of"));
}

}  // namespace

TEST_CASE("an operation of a few lines has the gradient that it states") {
  const auto x = tg::from_host<float>({1, -2}, {2});
  CHECK(tg::to_host(cube(x)) == floats{1, -8});
  CHECK(tg::to_host(tg::grad([](const auto& a) { return tg::sum(cube(a)); }, x)) == floats{3, 12});
}

TEST_CASE("a vjp may ask for the operation's result") {
  const auto x = tg::from_host<float>({0, 1}, {2});
  const auto [y, g] = tg::value_and_grad([](const auto& a) { return tg::sum(exponential(a)); }, x);
  CHECK(tg::to_host(g) == tg::to_host(tg::exp(x)));
}

TEST_CASE("a vjp of several inputs gives their gradients in one call") {
  const auto a = tg::from_host<float>({1, 2}, {2}), b = tg::from_host<float>({3, 4}, {2});
  int runs = 0;
  const auto f = [&](const auto& p, const auto& q) { return tg::sum(product(p, q, &runs)); };
  const auto [ga, gb] = tg::grad(f, std::tuple(a, b));
  CHECK(runs == 1);
  CHECK(tg::to_host(ga) == floats{3, 4});
  CHECK(tg::to_host(gb) == floats{1, 2});
  // One of them alone.
  CHECK(tg::to_host(tg::grad([&](const auto& q) { return tg::sum(product(a, q)); }, b)) ==
        floats{1, 2});
}

TEST_CASE("a vjp of a list of inputs returns a list of gradients") {
  const auto a = tg::scalar(1.0f), b = tg::scalar(2.0f);
  const auto f = [](const auto& p, const auto& q) {
    return sum_of({p, q * 3, tg::scalar(5.0f), p}, 4);
  };
  const auto [value, g] = tg::value_and_grad(f, std::tie(a, b));
  CHECK(value.item() == 13);
  CHECK(std::get<0>(g).item() == 2);
  CHECK(std::get<1>(g).item() == 3);
}

TEST_CASE("a list with too few gradients is an error that names the operation") {
  const auto f = [](const auto& x) { return sum_of({x, x, x}, 2); };
  CHECK_THROWS_WITH_AS(tg::grad(f, tg::scalar(1.0f)),
                       "sum_of: its vjp returned 2 gradients for 3 inputs", tg::Error);
}

TEST_CASE("an operation may return a tuple, and gradients of all its results arrive together") {
  const auto a = tg::scalar(3.0f), b = tg::scalar(5.0f);
  std::vector<floats> seen;
  const auto f = [&](const auto& p, const auto& q) {
    const auto [sum, difference] = sum_and_difference(p, q, &seen);
    return sum * 10 + difference;
  };
  const auto [ga, gb] = tg::grad(f, std::tie(a, b));
  CHECK(seen == std::vector<floats>{{10}, {1}});
  CHECK(ga.item() == 11);
  CHECK(gb.item() == 9);
}

TEST_CASE("the gradient of a result that is not used is zeros of its shape") {
  const auto a = tg::from_host<float>({1, 2}, {2}), b = tg::from_host<float>({3, 4}, {2});
  std::vector<floats> seen;
  const auto f = [&](const auto& p, const auto& q) {
    return tg::sum(std::get<1>(sum_and_difference(p, q, &seen)));
  };
  const auto [ga, gb] = tg::grad(f, std::tie(a, b));
  CHECK(seen == std::vector<floats>{{0, 0}, {1, 1}});
  CHECK(tg::to_host(ga) == floats{1, 1});
  CHECK(tg::to_host(gb) == floats{-1, -1});
}

TEST_CASE("a result of integers has no gradient") {
  const auto x = tg::from_host<float>({1, 3, 2}, {3});
  const auto largest = [](const Tensor<float>& v) {
    const auto at = tg::argmax(v);
    return tg::differentiable(
        std::tuple(tg::amax(v), at),
        tg::wrt(v, [v, at](const std::tuple<Tensor<float>, Tensor<std::int64_t>>& g) {
          CHECK_FALSE(std::get<1>(g).defined());
          return std::get<0>(g) *
                 tg::cast<float>(tg::equal(tg::arange<std::int64_t>(v.numel()), at));
        }));
  };
  const auto f = [&](const auto& v) {
    const auto [value, at] = largest(v);
    CHECK(at.item() == 1);
    CHECK(value.node != nullptr);
    CHECK(at.node == nullptr);
    return value;
  };
  CHECK(tg::to_host(tg::grad(f, x)) == floats{0, 1, 0});
}

TEST_CASE("gradients come in the type of each input") {
  const auto a = tg::full<tg::bf16>({2}, tg::bf16(2.0f));
  const auto b = tg::full<float>({2}, 3);
  const auto [ga, gb] =
      tg::grad([](const auto& p, const auto& q) { return tg::sum(p * q); }, std::tie(a, b));
  static_assert(std::is_same_v<std::decay_t<decltype(ga)>, Tensor<tg::bf16>>);
  CHECK(static_cast<float>(tg::to_host(ga)[1]) == 3);
  CHECK(tg::to_host(gb) == floats{2, 2});
}

TEST_CASE("a vjp that returns an absent tensor means zero") {
  const auto x = tg::scalar(2.0f);
  const auto f = [](const auto& a) {
    return a + tg::differentiable(a * a,
                                  tg::wrt(a, [](const Tensor<float>&) { return Tensor<float>(); }));
  };
  CHECK(tg::grad(f, x).item() == 1);
}

TEST_CASE("a gradient of the wrong shape is an error that names the operation") {
  const auto bad_gradient = [](const Tensor<float>& x) {
    return tg::differentiable(tg::sum(x),
                              tg::wrt(
                                  x, [](const Tensor<float>& g) { return g; }, "bad_sum"));
  };
  CHECK_THROWS_WITH_AS(
      tg::grad(bad_gradient, tg::ones<float>({3})),
      "bad_sum: its vjp returned a gradient of shape () for an input of shape (3); a broadcast "
      "input needs sum_to(gradient, input.shape)",
      tg::Error);
}

TEST_CASE("an operation is named by the function that calls wrt") {
  const auto f = [](const auto& x) {
    const auto y = cube(x);
    CHECK(std::string(y.node->op).starts_with("cube"));
    return tg::sum(y);
  };
  tg::grad(f, tg::ones<float>({2}));
}

TEST_CASE("outside of a recording nothing is recorded, and a vjp is dropped at once") {
  const auto token = std::make_shared<int>();
  const auto x = tg::ones<float>({2});
  const auto y =
      tg::differentiable(tg::copy(x), tg::wrt(x, [token](const Tensor<float>& g) { return g; }));
  CHECK(y.node == nullptr);
  CHECK(token.use_count() == 1);
}

TEST_CASE("the vjp of an input that needs no gradient is dropped at once and never runs") {
  const auto used = std::make_shared<int>(0), unused = std::make_shared<int>(0);
  const auto constant = tg::ones<float>({2});
  const auto counting = [](const std::shared_ptr<int>& count) {
    return [count](const Tensor<float>& g) { return ++*count, g; };
  };
  const auto f = [&](const auto& x) {
    const auto y = tg::differentiable(x + constant, tg::wrt(x, counting(used)),
                                      tg::wrt(constant, counting(unused)));
    CHECK(used.use_count() == 2);
    CHECK(unused.use_count() == 1);
    return tg::sum(y);
  };
  tg::grad(f, tg::ones<float>({2}));
  CHECK(used.use_count() == 1);
  CHECK(*used == 1);
  CHECK(*unused == 0);
}

TEST_CASE("the value given to differentiable loses the history of its own") {
  const auto f = [](const auto& x) {  // declared as if it were 7 x
    return tg::differentiable(x * x, tg::wrt(x, [](const Tensor<float>& g) { return g * 7; }));
  };
  CHECK(tg::grad(f, tg::scalar(2.0f)).item() == 7);
}

TEST_CASE("a node with several edges sums what one input receives from each") {
  const auto f = [](const auto& x) {
    return tg::differentiable(x + x, tg::wrt(x, [](const Tensor<float>& g) { return g; }),
                              tg::wrt(x, [](const Tensor<float>& g) { return g * 2; }));
  };
  CHECK(tg::grad(f, tg::scalar(1.0f)).item() == 3);
}

TEST_CASE("a vjp may itself take gradients: recomputing instead of keeping") {
  const auto inner = [](const Tensor<float>& x) { return tg::exp(x) * x; };
  const auto recomputed = [&](const Tensor<float>& x) {
    return tg::differentiable(tg::stop_gradient(inner(x)),
                              tg::wrt(x, [inner, x](const Tensor<float>& g) {
                                return std::get<1>(tg::vjp(inner, tg::stop_gradient(x), g));
                              }));
  };
  const auto x = tg::from_host<float>({0.5f, -1}, {2});
  const auto kept = tg::grad([&](const auto& v) { return tg::sum(inner(v)); }, x);
  CHECK(tg::to_host(tg::grad([&](const auto& v) { return tg::sum(recomputed(v)); }, x)) ==
        tg::to_host(kept));
}

}  // namespace differentiable_test
