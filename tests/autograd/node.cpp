// SPDX-License-Identifier: MIT
// Operations with gradients of their own: what a vjp receives and returns, when it is dropped, and
// how long the graph lives.
#include "thrustgrad/autograd/node.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace tg = thrustgrad;
using tg::Parameter;
using tg::Tensor;

namespace {

using floats = std::vector<float>;

// A user's operation: a function, with its gradient beside it.
template <tg::floating T>
Tensor<T> cube(const Tensor<T>& x) {
  return tg::differentiable(x * x * x, tg::wrt(x, [x](const Tensor<T>& g) { return g * x * x * 3; }));
}

// The same with the result, which is given and not captured.
Tensor<float> exponential(const Tensor<float>& x) {
  return tg::differentiable(tg::exp(x), tg::wrt(x, [](const Tensor<float>& g, const Tensor<float>& y) { return g * y; }));
}

// Two inputs whose gradients come from one vjp; `runs` counts its calls.
Tensor<float> product(const Tensor<float>& a, const Tensor<float>& b, int* runs = nullptr) {
  return tg::differentiable(a * b, tg::wrt(std::tie(a, b), [a, b, runs](const Tensor<float>& g) {
    if (runs != nullptr) ++*runs;
    return std::tuple(g * b, g * a);
  }));
}

// Two results; `seen` remembers the gradients that come back.
std::tuple<Tensor<float>, Tensor<float>> sum_and_difference(const Tensor<float>& a, const Tensor<float>& b,
                                                            std::vector<floats>* seen = nullptr) {
  using Pair = std::tuple<Tensor<float>, Tensor<float>>;
  return tg::differentiable(std::tuple(a + b, a - b), tg::wrt(std::tie(a, b), [seen](const Pair& g) {
    const auto& [sum, difference] = g;
    if (seen != nullptr) seen->insert(seen->end(), {tg::to_host(sum), tg::to_host(difference)});
    return std::tuple(sum + difference, sum - difference);
  }));
}

// x itself; its vjp calls f.
template <class F>
Tensor<float> probe(const Tensor<float>& x, F f) {
  return tg::differentiable(x, tg::wrt(x, [f](const Tensor<float>& g) {
    f();
    return g;
  }));
}

std::size_t in_use() { return tg::Pool::instance().statistics().in_use; }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  CHECK(tg::to_host(tg::grad([&](const auto& q) { return tg::sum(product(a, q)); }, b)) == floats{1, 2});
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
  const auto f = [&](const auto& p, const auto& q) { return tg::sum(std::get<1>(sum_and_difference(p, q, &seen))); };
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
        std::tuple(tg::amax(v), at), tg::wrt(v, [v, at](const std::tuple<Tensor<float>, Tensor<std::int64_t>>& g) {
          CHECK_FALSE(std::get<1>(g).defined());
          return std::get<0>(g) * tg::cast<float>(tg::equal(tg::arange<std::int64_t>(v.numel()), at));
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
  const auto [ga, gb] = tg::grad([](const auto& p, const auto& q) { return tg::sum(tg::cast<float>(p) * q); }, std::tie(a, b));
  static_assert(std::is_same_v<std::decay_t<decltype(ga)>, Tensor<tg::bf16>>);
  CHECK(static_cast<float>(tg::to_host(ga)[1]) == 3);
  CHECK(tg::to_host(gb) == floats{2, 2});
}

TEST_CASE("a vjp that returns an absent tensor means zero") {
  const auto x = tg::scalar(2.0f);
  const auto f = [](const auto& a) {
    return a + tg::differentiable(a * a, tg::wrt(a, [](const Tensor<float>&) { return Tensor<float>(); }));
  };
  CHECK(tg::grad(f, x).item() == 1);
}

TEST_CASE("a gradient of the wrong shape is an error that names the operation") {
  const auto bad_gradient = [](const Tensor<float>& x) {
    return tg::differentiable(tg::sum(x), tg::wrt(x, [](const Tensor<float>& g) { return g; }, "bad_sum"));
  };
  CHECK_THROWS_WITH_AS(tg::grad(bad_gradient, tg::ones<float>({3})),
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
  const auto y = tg::differentiable(tg::copy(x), tg::wrt(x, [token](const Tensor<float>& g) { return g; }));
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
    const auto y = tg::differentiable(x + constant, tg::wrt(x, counting(used)), tg::wrt(constant, counting(unused)));
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
    return tg::differentiable(tg::stop_gradient(inner(x)), tg::wrt(x, [inner, x](const Tensor<float>& g) {
      return std::get<1>(tg::vjp(inner, tg::stop_gradient(x), g));
    }));
  };
  const auto x = tg::from_host<float>({0.5f, -1}, {2});
  const auto kept = tg::grad([&](const auto& v) { return tg::sum(inner(v)); }, x);
  CHECK(tg::to_host(tg::grad([&](const auto& v) { return tg::sum(recomputed(v)); }, x)) == tg::to_host(kept));
}

TEST_CASE("memory of the graph is freed while the backward pass goes") {
  constexpr int length = 20;
  constexpr std::size_t bytes = std::size_t{1} << 20;
  std::vector<std::size_t> sizes;
  std::size_t forward = 0;
  const std::size_t before = in_use();
  const auto f = [&](const auto& start) {
    Tensor<float> x = start;
    for (int i = 0; i < length; ++i) x = probe(tg::exp(x * 0.5f), [&] { sizes.push_back(in_use()); });
    x = tg::sum(x);
    forward = in_use() - before;
    return x;
  };
  {
    const auto g = tg::grad(f, tg::zeros<float>({bytes / sizeof(float)}));
    REQUIRE(sizes.size() == length);
    CHECK(forward >= length * bytes);
    for (std::size_t i = 1; i < sizes.size(); ++i) CHECK(sizes[i] + bytes <= sizes[i - 1]);
    CHECK(sizes.back() - before <= 6 * bytes);
  }
  CHECK(in_use() == before);
}

TEST_CASE("after the outermost recording no node is left and nothing records") {
  Tensor<float> escaped;
  const std::size_t before = in_use();
  {
    const auto x = tg::ones<float>({1000});
    const auto f = [&](const auto& a) {
      escaped = tg::exp(a * 2);
      CHECK(tg::detail::is_recorded(escaped));
      return tg::sum(tg::exp(tg::exp(escaped)));
    };
    tg::grad(f, x);
  }
  CHECK_FALSE(tg::detail::is_recording());
  REQUIRE(escaped.node != nullptr);
  CHECK_FALSE(escaped.node->open);
  CHECK(escaped.node->edges.empty());
  CHECK(escaped.node->next == nullptr);
  CHECK(escaped.node->previous == nullptr);
  CHECK(in_use() == before + tg::Pool::size_class(escaped.storage->bytes));
}

TEST_CASE("a tensor that escaped is a constant of the next recording") {
  const auto x = tg::scalar(2.0f);
  Tensor<float> escaped;
  tg::grad([&](const auto& a) { return escaped = a * a, escaped * 1; }, x);
  CHECK(escaped.item() == 4);
  CHECK(tg::grad([&](const auto& a) { return a * escaped; }, x).item() == 4);
  CHECK_FALSE(tg::grad([&](const auto&) { return escaped * 1; }, x).defined());
}

TEST_CASE("a chain of a million nodes overflows no stack, forward, backward or destroyed") {
  constexpr int length = 1000000;
  const auto start = std::chrono::steady_clock::now();
  const std::size_t before = in_use();
  const auto x = tg::scalar(0.0f);
  const auto chain = [](const Tensor<float>& a) {
    Tensor<float> y = a;
    for (int i = 0; i < length; ++i) y = probe(y, [] {});
    return y;
  };
  SUBCASE("backward") { CHECK(tg::grad(chain, x).item() == 1); }
  SUBCASE("destroyed without a backward pass") {
    Tensor<float> kept;  // the last node, with all others behind it
    const auto f = [&](const auto& a) -> Tensor<float> { throw tg::Error((kept = chain(a), "stop")); };
    CHECK_THROWS_WITH(tg::grad(f, x), "stop");
    CHECK(kept.node->edges.empty());
  }
  SUBCASE("destroyed within the recording") {
    const auto f = [&](const auto& a) {
      chain(a);
      return a * 3;
    };
    CHECK(tg::grad(f, x).item() == 3);
  }
  CHECK(in_use() == before + 64);
  CHECK(seconds_since(start) < 3);
}
