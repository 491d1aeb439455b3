// SPDX-License-Identifier: MIT
// Joining and dividing: PyTorch's values and gradients, exact adjointness, and what does not fit.
#include "thrustgrad/ops/join.h"

#include <doctest/doctest.h>

#include "golden/goldens.h"
#include "gradient.h"

namespace {
namespace join_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::Inputs;
using tests::integers;
using tests::Recorded;
using tests::Tensor;
using tg::Shape;

#define RECORDED(name)                                         \
  {                                                            \
    golden::name##_y, { golden::name##_ga, golden::name##_gb } \
  }

TEST_CASE("concatenate has PyTorch's values and gradients along every axis") {
  const std::vector<Shape> others{{4, 3, 4}, {2, 1, 4}, {2, 3, 2}};
  const std::vector<Recorded> expected{RECORDED(cat_0), RECORDED(cat_1), RECORDED(cat_2)};
  for (int axis = 0; axis < 3; ++axis) {
    CAPTURE(axis);
    const auto at = static_cast<std::size_t>(axis);
    tests::check_recorded(
        [&](const Inputs& x) {
          return tg::concatenate<double>({x[0], x[1]}, axis);
        },
        {generic({2, 3, 4}, 1), generic(others[at], 2)}, expected[at]);
  }
}

TEST_CASE("stack has PyTorch's values and gradients at every position") {
  for (const auto& [at, expected] :
       {std::pair(0, Recorded RECORDED(stack_0)), std::pair(1, Recorded RECORDED(stack_1)),
        std::pair(3, Recorded RECORDED(stack_3)), std::pair(-1, Recorded RECORDED(stack_3))}) {
    const int position = at;
    CAPTURE(position);
    tests::check_recorded(
        [position](const Inputs& x) {
          return tg::stack<double>({x[0], x[1]}, position);
        },
        {generic({2, 3, 2}, 1), generic({2, 3, 2}, 2)}, expected);
  }
}

TEST_CASE("split has PyTorch's values and gradients") {
  const auto x = generic({2, 3, 4}, 1);
  const auto parts = tg::split(x, {1, 3}, 2);
  CHECK(golden::mismatch(tg::to_host(parts.at(0)), golden::split_y0) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(parts.at(1)), golden::split_y1) < 1e-9);
  const auto objective = [](auto& a) {
    const auto both = tg::split(a, {1, 3}, -1);
    return tg::sum(both[0] * generic(both[0].shape, 9)) +
           tg::sum(both[1] * generic(both[1].shape, 10));
  };
  CHECK(golden::mismatch(tg::to_host(tg::grad(objective, x)), golden::split_gx) < 1e-9);
}

TEST_CASE("joining and dividing are adjoint, exactly, on small integers") {
  const auto a = integers({2, 3, 4}, 1), b = integers({2, 1, 4}, 2), c = integers({2, 0, 4}, 3);
  tests::check_adjoint(
      [](auto& x, auto& y, auto& z) {
        return tg::concatenate<double>({x, z, y, x}, 1);
      },
      a, b, c);
  tests::check_adjoint(
      [](auto& x) {
        return tg::concatenate<double>({tg::flip(x, {2}), tg::slice(x, 0, 1, 2)}, -3);
      },
      a);
  tests::check_adjoint(
      [](auto& x) {
        return tg::stack<double>({tg::transpose(x), tg::transpose(x) * 2}, 2);
      },
      a);
  tests::check_adjoint([](auto& x) { return tg::chunk(x, 3, 1)[1]; }, a);
}

TEST_CASE("parts of a tensor are views, and joined they give it back") {
  const auto x = generic({6, 4}, 1);
  for (const auto& parts : {tg::chunk(x, 3), tg::split(x, {1, 0, 5})}) {
    CHECK(parts.size() == 3);
    for (const auto& part : parts) CHECK(part.storage == x.storage);
    CHECK(tg::to_host(tg::concatenate(parts)) == tg::to_host(x));
  }
  const auto columns = tg::chunk(tg::transpose(x), 2, 0);
  CHECK(tg::to_host(tg::concatenate(columns, 0)) == tg::to_host(tg::transpose(x)));
}

TEST_CASE("integers are joined, and a single part is copied") {
  const auto x = tg::from_host<std::int32_t>({1, 2}, {2});
  CHECK(tg::to_host(tg::concatenate<std::int32_t>({x, x})) ==
        std::vector<std::int32_t>{1, 2, 1, 2});
  CHECK(tg::to_host(tg::stack<std::int32_t>({x, x}, 1)) == std::vector<std::int32_t>{1, 1, 2, 2});
  const auto one = tg::concatenate<std::int32_t>({x});
  CHECK(tg::to_host(one) == tg::to_host(x));
  CHECK(one.storage != x.storage);
}

TEST_CASE("joining says what does not fit") {
  const auto x = tg::zeros<float>({2, 3}), y = tg::zeros<float>({3, 3});
  using List = std::vector<tg::Tensor<float>>;
  CHECK_THROWS_WITH_AS(tg::concatenate(List{}), "concatenate: there is nothing to join", tg::Error);
  CHECK_THROWS_WITH_AS(tg::concatenate(List{x, y}, 1),
                       "concatenate: (3, 3) does not fit to (2, 3) along axis 1", tg::Error);
  CHECK_THROWS_WITH_AS(tg::concatenate(List{x, tg::zeros<float>({3})}),
                       "concatenate: (3) does not fit to (2, 3) along axis 0", tg::Error);
  CHECK_THROWS_WITH_AS(tg::stack(List{}), "stack: there is nothing to stack", tg::Error);
  CHECK_THROWS_WITH_AS(tg::stack(List{x, y}), "stack: (3, 3) and (2, 3) differ", tg::Error);
  CHECK_THROWS_WITH_AS(tg::split(x, {1, 1}, 1),
                       "split: the sizes add up to 2, not to axis 1 of (2, 3)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::split(x, {1, 3}, 1), "split: the sizes exceed axis 1 of (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::chunk(x, 2, 1),
                       "chunk: axis 1 of (2, 3) does not divide into 2 equal parts", tg::Error);
}

}  // namespace join_test
}  // namespace

#undef RECORDED
