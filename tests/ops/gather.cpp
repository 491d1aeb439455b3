// SPDX-License-Identifier: MIT
// Gathering and scattering: PyTorch's values and gradients, exact adjointness, repeated positions
// in a fixed order, and positions that lie outside.
#include "thrustgrad/ops/gather.h"

#include <doctest/doctest.h>

#include "golden/goldens.h"
#include "gradient.h"
#include "threads.h"

namespace {
namespace gather_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::Inputs;
using tests::integers;
using tg::Shape;

const Shape shape{2, 3, 4};

tg::Tensor<std::int64_t> positions(const Shape& of, int seed, std::int64_t n) {
  return tg::from_host(golden::labels(of.numel(), seed, n), of);
}

TEST_CASE("take_along is PyTorch's gather") {
  const auto p = positions({2, 5, 4}, 4, 3), q = positions({2, 3, 6}, 4, 4);
  tests::check_recorded([&](const Inputs& x) { return tg::take_along(x[0], p, 1); },
                        {generic(shape, 1)}, {golden::gather_y, {golden::gather_gx}});
  tests::check_recorded([&](const Inputs& x) { return tg::take_along(x[0], q, -1); },
                        {generic(shape, 1)}, {golden::gather_2_y, {golden::gather_2_gx}});
}

TEST_CASE("scatter_add adds what PyTorch's adds") {
  const auto p = positions({2, 5, 4}, 4, 3);
  tests::check_recorded([&](const Inputs& x) { return x[0] + tg::scatter_add(x[1], p, 1, 3); },
                        {generic(shape, 1), generic({2, 5, 4}, 2)},
                        {golden::scatter_add_y, {golden::scatter_add_gx, golden::scatter_add_gs}});
}

TEST_CASE("index_select has PyTorch's values and gradients along every axis") {
  const auto p = tg::from_host<std::int32_t>({1, 0, 0, 1, 1}, {5});
  const std::vector<tests::Recorded> expected{
      {golden::index_select_0_y, {golden::index_select_0_gx}},
      {golden::index_select_1_y, {golden::index_select_1_gx}},
      {golden::index_select_2_y, {golden::index_select_2_gx}}};
  for (int axis = 0; axis < 3; ++axis) {
    CAPTURE(axis);
    tests::check_recorded([&](const Inputs& x) { return tg::index_select(x[0], axis, p); },
                          {generic(shape, 1)}, expected[static_cast<std::size_t>(axis)]);
  }
}

TEST_CASE("gathering and scattering are adjoint, exactly, on small integers") {
  const auto x = integers(shape, 1);
  for (int axis = 0; axis < 3; ++axis) {
    Shape along = shape;
    along[axis] = 7;
    const auto p = positions(along, 5, shape[axis]), list = positions({9}, 6, shape[axis]);
    tests::check_adjoint([=](auto& a) { return tg::take_along(a, p, axis); }, x);
    tests::check_adjoint([=](auto& a) { return tg::scatter_add(a, p, axis, shape[axis]); },
                         integers(along, 2));
    tests::check_adjoint([=](auto& a) { return tg::index_select(a, axis, list); }, x);
    tests::check_adjoint(
        [=](auto& a) { return tg::index_select(tg::transpose(a, axis, 1), 1, list); }, x);
    const auto into = positions({shape[axis]}, 6, 5);
    tests::check_adjoint([=](auto& a) { return tg::index_add(a, axis, into, 5); }, x);
  }
}

TEST_CASE("positions that occur several times or never") {
  const auto x = tg::from_host<double>({1, 2, 4, 8, 16}, {5});
  const auto p = tg::from_host<std::int64_t>({3, 0, 3, 3, 0}, {5});
  CHECK(tg::to_host(tg::scatter_add(x, p, 0, 5)) == std::vector<double>{18, 0, 0, 13, 0});
  CHECK(tg::to_host(tg::index_add(x, 0, p, 4)) == std::vector<double>{18, 0, 0, 13});
}

TEST_CASE("integers are gathered, and operands may lie in any order in memory") {
  const auto x =
      tg::transpose(tg::reshape(tg::arange<std::int64_t>(6), {2, 3}));  // 0 3 / 1 4 / 2 5
  const auto p = tg::transpose(tg::from_host<std::int64_t>({2, 0, 1, 1}, {2, 2}));  // 2 1 / 0 1
  CHECK(tg::to_host(tg::take_along(x, p, 0)) == std::vector<std::int64_t>{2, 4, 0, 4});
  CHECK(tg::to_host(tg::index_select(x, 0, tg::from_host<std::int64_t>({2, 2}, {2}))) ==
        std::vector<std::int64_t>{2, 5, 2, 5});
}

TEST_CASE("16-bit sums of repeated positions are taken in float") {
  const auto x = tg::full<tg::bf16>({1000}, tg::bf16(1));
  CHECK(float(tg::to_host(tg::index_add(x, 0, tg::zeros<std::int32_t>({1000}), 1))[0]) == 1000);
}

TEST_CASE("scattering has the same bits for any number of threads") {
  const auto x = tg::cast<float>(generic({20000, 3}, 1));
  const auto list = positions({20000}, 2, 50), each = positions({20000, 3}, 3, 50);
  const auto results = [&] {
    auto all = tg::to_host(tg::index_add(x, 0, list, 50));
    const auto more = tg::to_host(tg::scatter_add(x, each, 0, 50));
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  check_same_bits(results);
}

TEST_CASE("one_hot marks the class, and a label that is no class nothing") {
  CHECK(golden::mismatch(tg::to_host(tg::one_hot(positions({6}, 4, 5), 5)), golden::one_hot) == 0);
  CHECK(tg::to_host(tg::one_hot<double>(tg::from_host<std::int32_t>({-1, 2, 1}, {3}), 2)) ==
        std::vector<double>{0, 0, 0, 0, 0, 1});
}

TEST_CASE("gathering from and into nothing") {
  const auto none = tg::zeros<std::int64_t>({0});
  CHECK(tg::index_select(generic({3, 2}, 1), 0, none).shape == Shape{0, 2});
  CHECK(tg::to_host(tg::index_add(tg::zeros<double>({0, 2}), 0, none, 2)) ==
        std::vector<double>(4, 0.0));
  CHECK(tg::take_along(generic({3, 2}, 1), tg::zeros<std::int64_t>({0, 2}), 0).shape ==
        Shape{0, 2});
}

TEST_CASE("gathering says what does not fit") {
  const auto x = generic({3, 2}, 1);
  const auto p = tg::from_host<std::int64_t>({0, 3}, {2}),
             negative = tg::from_host<std::int64_t>({-1, 2}, {2});
  CHECK_THROWS_WITH_AS(tg::to_host(tg::index_select(x, 0, p)),
                       "index_select: position 3 does not lie in an axis of size 3", tg::Error);
  CHECK_THROWS_WITH_AS(tg::to_host(tg::index_select(x, 0, negative)),
                       "index_select: position -1 does not lie in an axis of size 3", tg::Error);
  CHECK_THROWS_WITH_AS(tg::index_select(x, 0, tg::reshape(p, {1, 2})),
                       "index_select: the positions are a list, not (1, 2)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::index_add(x, 0, p, 4),
                       "index_add: positions (2) do not match axis 0 of (3, 2)", tg::Error);
  CHECK_THROWS_WITH_AS(
      tg::take_along(x, tg::zeros<std::int64_t>({3, 3}), 0),
      "take_along: positions (3, 3) must have the shape of x (3, 2) but along axis 0", tg::Error);
  CHECK_THROWS_WITH_AS(tg::take_along(x, p, 0),
                       "take_along: positions (2) must have the shape of x (3, 2) but along axis 0",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::scatter_add(x, p, 0, 4),
                       "scatter_add: positions (2) and values (3, 2) must have one shape",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::index_select(x, 2, p), "index_select: axis 2 does not exist in (3, 2)",
                       tg::Error);
}

}  // namespace gather_test
}  // namespace
