// SPDX-License-Identifier: MIT
// Dropout: which elements it drops, how often, and what gradient passes.
#include "thrustgrad/ops/dropout.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "gradient.h"

namespace {
namespace dropout_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::positive;
using tg::Phase;
using tg::Shape;

TEST_CASE("in training an element is 0 or scaled by 1 / (1 - p)") {
  const auto x = positive({40, 50}, 1);
  const auto y = tg::to_host(tg::dropout(x, 0.25, tg::Key(3), Phase::train));
  const auto scaled = tg::to_host(x * (1 / 0.75));
  int dropped = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    CHECK((y[i] == 0 || y[i] == scaled[i]));
    dropped += y[i] == 0;
  }
  CHECK(std::abs(dropped / 2000.0 - 0.25) < 5 * std::sqrt(0.25 * 0.75 / 2000));  // five deviations
}

TEST_CASE("in evaluation and for p = 0 it is x itself") {
  const auto x = generic({5}, 1);
  CHECK(tg::dropout(x, 0.5, tg::Key(1), Phase::eval).storage == x.storage);
  CHECK(tg::dropout(x, 0, tg::Key(1), Phase::train).storage == x.storage);
}

TEST_CASE("the key decides what is dropped") {
  const auto x = tg::ones<float>({100});
  const auto draw = [&](const tg::Key& key) {
    return tg::to_host(tg::dropout(x, 0.5, key, Phase::train));
  };
  CHECK(draw(tg::Key(7)) == draw(tg::Key(7)));
  CHECK(draw(tg::Key(7)) != draw(tg::Key(8)));
  CHECK(draw(tg::Key(7)) != draw(tg::Key(7).at(tg::scalar<std::int64_t>(1))));
  CHECK(draw(tg::Key(7)) == tg::to_host(tg::cast<float>(tg::dropout(tg::cast<tg::bf16>(x), 0.5,
                                                                    tg::Key(7), Phase::train))));
}

TEST_CASE("the gradient passes where the element was kept, with the same scale") {
  const auto f = [](auto& x) { return tg::dropout(x, 0.4, tg::Key(5), Phase::train); };
  const auto x = positive({4, 6}, 1);
  tests::check_gradient(f, x);
  const auto g = tg::to_host(tg::grad([&](auto&a) { return tg::sum(f(a)); }, x)),
             y = tg::to_host(f(x));
  for (std::size_t i = 0; i < g.size(); ++i) CHECK(g[i] == (y[i] == 0 ? 0 : 1 / (1 - 0.4)));
}

TEST_CASE("almost everything may be dropped, and nothing of nothing") {
  const auto y =
      tg::to_host(tg::dropout(tg::full<float>({64}, 1), 0.999, tg::Key(1), Phase::train));
  CHECK(std::count(y.begin(), y.end(), 0.0f) > 55);
  CHECK(tg::dropout(tg::zeros<float>({0, 3}), 0.5, tg::Key(1), Phase::train).shape == Shape{0, 3});
}

TEST_CASE("dropout refuses what is no probability below 1") {
  const auto x = tg::zeros<float>({2});
  CHECK_THROWS_WITH_AS(tg::dropout(x, 1, tg::Key(1), Phase::train),
                       "dropout: probability 1 does not lie in [0, 1)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::dropout(x, -0.5, tg::Key(1), Phase::eval),
                       "dropout: probability -0.5 does not lie in [0, 1)", tg::Error);
  CHECK_THROWS_AS(tg::dropout(x, std::nan(""), tg::Key(1), Phase::train), tg::Error);
}

}  // namespace dropout_test
}  // namespace
