// SPDX-License-Identifier: MIT
// How long the graph lives: freed as the backward pass goes, empty afterwards, never a recursion.
#include "thrustgrad/autograd/node.h"

#include <doctest/doctest.h>

#include <ctime>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace node_test {

namespace tg = thrustgrad;
using tg::Tensor;

namespace {

// x itself; its vjp calls f.
template <class F> Tensor<float> probe(const Tensor<float>& x, F f) {
  return tg::differentiable(x, tg::wrt(x, [f](const Tensor<float>& g) {
                              f();
                              return g;
                            }));
}

std::size_t in_use() { return tg::Pool::instance().statistics().in_use; }

}  // namespace

TEST_CASE("memory of the graph is freed while the backward pass goes") {
  constexpr int length = 20;
  constexpr std::size_t bytes = std::size_t{1} << 20;
  std::vector<std::size_t> sizes;
  std::size_t forward = 0;
  const std::size_t before = in_use();
  const auto f = [&](const auto& start) {
    Tensor<float> x = start;
    for (int i = 0; i < length; ++i)
      x = probe(tg::exp(x * 0.5f), [&] { sizes.push_back(in_use()); });
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
  const std::clock_t start = std::clock();
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
    const auto f = [&](const auto& a) -> Tensor<float> {
      throw tg::Error((kept = chain(a), "stop"));
    };
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
  CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 30);  // about 0.5, 10 unoptimised
}

}  // namespace node_test
