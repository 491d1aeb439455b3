// SPDX-License-Identifier: MIT
// Views: which elements they show, which of them copy, exact adjointness of every pair, and the
// wording of errors.
#include "thrustgrad/ops/view.h"

#include <doctest/doctest.h>

#include "gradient.h"

namespace {
namespace view_test {

namespace tg = thrustgrad;
using tests::integers;
using tg::Range;
using tg::Shape;

using Ints = std::vector<std::int64_t>;

tg::Tensor<std::int64_t> counted(const Shape& shape) {
  return tg::reshape(tg::arange<std::int64_t>(shape.numel()), shape);
}

template <class T> bool shares(const tg::Tensor<T>& a, const tg::Tensor<T>& b) {
  return a.storage == b.storage;
}

TEST_CASE("views show the elements they name, without a copy") {
  const auto x = counted({2, 3, 4});
  const auto check = [&](const tg::Tensor<std::int64_t>& y, const Shape& shape,
                         const Ints& elements) {
    CHECK(y.shape == shape);
    CHECK(shares(x, y));
    CHECK(tg::to_host(y) == elements);
  };
  const auto m = counted({2, 3});
  CHECK(tg::to_host(tg::transpose(m)) == Ints{0, 3, 1, 4, 2, 5});
  CHECK(tg::to_host(tg::expand(tg::slice(m, 1, 1, 2), {2, 2})) == Ints{1, 1, 4, 4});
  check(tg::reshape(x, {-1, 12}), {2, 12}, tg::to_host(x));
  check(tg::flatten(x, 1), {2, 12}, tg::to_host(x));
  check(tg::permute(tg::slice(x, 1, 0, 1), {2, 0, 1}), {4, 2, 1}, {0, 12, 1, 13, 2, 14, 3, 15});
  check(tg::slice(x, 2, -1), {2, 3, 1}, {3, 7, 11, 15, 19, 23});
  check(tg::slice(tg::select(x, 0, 1), 1, 0, 4, 3), {3, 2}, {12, 15, 16, 19, 20, 23});
  check(tg::slice(x, {1, 2, 2}, {Range{1, 1}, Range{0, 2}, Range{1, 2}}), {1, 2, 2},
        {13, 15, 21, 23});
  check(tg::select(tg::select(x, -1, -2), 0, 0), {3}, {2, 6, 10});
  check(tg::flip(tg::select(x, 0, 0), {0, 1}), {3, 4}, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0});
  check(tg::slice(tg::flip(tg::select(tg::select(x, 0, 0), 0, 0), {0}), 0, 1, 4, 2), {2}, {2, 0});
  check(tg::squeeze(tg::unsqueeze(x, -1), 3), {2, 3, 4}, tg::to_host(x));
  check(tg::unsqueeze(x, 1), {2, 1, 3, 4}, tg::to_host(x));
}

TEST_CASE("reshape copies only where strides cannot express the result") {
  const auto x = counted({4, 6});
  const auto t = tg::transpose(x);
  CHECK(shares(x, tg::reshape(t, {2, 3, 4})));
  CHECK(shares(x, tg::reshape(t, {6, 1, 2, 2})));
  CHECK(shares(x, tg::reshape(tg::slice(x, 1, 0, 6, 2), {2, 2, 3})));
  CHECK_FALSE(shares(x, tg::reshape(t, {24})));
  CHECK(tg::to_host(tg::reshape(t, {24})) == tg::to_host(t));
  CHECK(tg::to_host(tg::reshape(t, {3, 8})) == tg::to_host(t));
  CHECK(tg::to_host(tg::reshape(tg::flip(x, {1}), {24})) == tg::to_host(tg::flip(x, {1})));
  CHECK(shares(x, tg::reshape(tg::expand(tg::slice(x, 0, 0, 1), {4, 6}), {4, 2, 3})));
}

TEST_CASE("views of nothing and of axes of size 1") {
  const auto none = tg::zeros<float>({0, 3});
  CHECK(tg::reshape(none, {3, 0, 5}).shape == Shape{3, 0, 5});
  CHECK(tg::flip(none, {0}).shape == Shape{0, 3});
  CHECK(tg::slice(none, 1, 1, 1).shape == Shape{0, 0});
  CHECK(tg::slice(tg::zeros<float>({3}), 0, 2, 1).shape == Shape{0});
  CHECK(tg::slice(tg::zeros<float>({3}), 0, 3).shape == Shape{0});
  CHECK(tg::expand(tg::zeros<float>({1}), {0}).shape == Shape{0});
  CHECK(tg::reshape(tg::scalar(5.0f), {1, 1, 1}).item() == 5);
  CHECK(tg::permute(tg::scalar(5.0f), {}).item() == 5);
  CHECK(tg::to_host(tg::embed(tg::zeros<double>({0}), {2}, {})) == std::vector<double>{0, 0});
}

TEST_CASE("a slice and its embedding undo each other") {
  const auto x = integers({2, 3}, 1);
  const std::array<Range, Shape::max_rank> at{Range{1, 2}, Range{0, 3}};
  const auto wide = tg::embed(x, {4, 8}, at);
  CHECK(tg::to_host(tg::slice(wide, {2, 3}, at)) == tg::to_host(x));
  double total = 0, inside = 0;
  for (double v : tg::to_host(wide)) total += v;
  for (double v : tg::to_host(x)) inside += v;
  CHECK(total == inside);
}

TEST_CASE("the pullback of every view is its exact adjoint") {
  const auto x = integers({2, 3, 4}, 1);
  const std::array<Range, Shape::max_rank> at{Range{0, 1}, Range{1, 1}, Range{1, 2}};
  tests::check_adjoint([](auto& a) { return tg::reshape(a, {4, 6}); }, x);
  tests::check_adjoint(
      [](auto& a) {
        return tg::reshape(tg::transpose(a, 0, 2), {6, 4});
      },
      x);  // copies
  tests::check_adjoint([](auto& a) { return tg::permute(a, {2, 0, 1}); }, x);
  tests::check_adjoint([](auto& a) { return tg::permute(a, {-2, -1, 0}); }, x);
  tests::check_adjoint([](auto& a) { return tg::transpose(a); }, x);
  tests::check_adjoint([](auto& a) { return tg::expand(tg::unsqueeze(a, 0), {5, 2, 3, 4}); }, x);
  tests::check_adjoint([](auto& a) { return tg::expand(a, {4, 2, 3}); }, integers({2, 1}, 2));
  tests::check_adjoint([](auto& a) { return tg::squeeze(tg::slice(a, 1, 1, 2), 1); }, x);
  tests::check_adjoint([](auto& a) { return tg::slice(a, 2, 0, 4, 3); }, x);
  tests::check_adjoint([at](auto& a) { return tg::slice(a, {2, 2, 2}, at); }, x);
  tests::check_adjoint([at](auto& a) { return tg::embed(a, {2, 5, 9}, at); }, x);
  tests::check_adjoint([](auto& a) { return tg::flip(a, {0, -1}); }, x);
  tests::check_adjoint([](auto& a) { return tg::select(a, -1, 2); }, x);
  tests::check_adjoint(
      [](auto& a) { return tg::slice(tg::flip(tg::transpose(a), {1}), 1, 1, 4, 2); }, x);
  tests::check_adjoint(
      [](auto& a) {
        return tg::flatten(tg::expand(a, {2, 3, 4}), 1);
      },
      integers({3, 1}, 2));
}

TEST_CASE("a gradient collects the parts of a tensor that is sliced twice") {
  tests::check_gradient([](auto& x) { return tg::slice(x, 0, 0, 3) * tg::slice(x, 0, 1, 4); },
                        tests::generic({4, 2}, 1));
}

TEST_CASE("a view of a parameter is stale once the parameter was assigned") {
  tg::Parameter<float> w = tg::zeros<float>({2, 3});
  const auto row = tg::select(w, 0, 0);
  tg::assign(w, tg::ones<float>({2, 3}));
  CHECK_THROWS_WITH_AS(tg::to_host(row),
                       "data: an operand of shape (3) is stale: the parameter or buffer that it "
                       "was taken from has been assigned since; "
                       "take a copy() of what is needed later",
                       tg::Error);
}

TEST_CASE("views say what does not fit") {
  const auto x = tg::zeros<float>({2, 3});
  CHECK_THROWS_WITH_AS(tg::reshape(x, {4, 2}), "reshape: (2, 3) has 6 elements, (4, 2) needs 8",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::reshape(x, {-1, 4}),
                       "reshape: (2, 3) has 6 elements, which (-1, 4) does not divide", tg::Error);
  CHECK_THROWS_WITH_AS(tg::permute(x, {0}), "permute: (0) does not name each axis of (2, 3) once",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::permute(x, {0, 0}), "permute: axis 0 is named twice in (0, 0)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::transpose(x, 0, 2), "transpose: axis 2 does not exist in (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::expand(x, {1, 3}), "expand: (2, 3) does not stretch to (1, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::unsqueeze(x, 3), "unsqueeze: position 3 does not exist in (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::squeeze(x, 1), "squeeze: axis 1 of (2, 3) has not size 1", tg::Error);
  CHECK_THROWS_WITH_AS(tg::slice(x, 1, 4), "slice: [4:3:1] does not lie in axis 1 of (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::slice(x, 1, 0, 3, 0), "slice: [0:3:0] does not lie in axis 1 of (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::slice(x, {2, 2}, {Range{0, 1}, Range{0, 3}}),
                       "slice: 2 elements from 0 in steps of 3 do not fit into axis 1 of (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::slice(x, Shape{2}, {}), "slice: (2) has not the rank of (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::select(x, 0, 2), "select: position 2 does not exist in axis 0 of (2, 3)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::flip(x, {2}), "flip: axis 2 does not exist in (2, 3)", tg::Error);
}

}  // namespace view_test
}  // namespace
