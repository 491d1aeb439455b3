// SPDX-License-Identifier: MIT
// Comparisons and logic: truth tables, NaN, broadcasting, numbers on either side, mixed types.
#include "thrustgrad/ops/compare.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "thrustgrad/ops/reduce.h"

namespace {
namespace compare_test {

namespace tg = thrustgrad;
using tg::Shape;
using Bools = std::vector<bool>;

const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();

TEST_CASE("comparisons of tensors, in which NaN is equal to nothing") {
  const auto a = tg::from_host<float>({1, 2, 3, nan, nan, 0.0f}, {6});
  const auto b = tg::from_host<float>({2, 2, 2, 1, nan, -0.0f}, {6});
  CHECK(tg::to_host(tg::equal(a, b)) == Bools{false, true, false, false, false, true});
  CHECK(tg::to_host(tg::not_equal(a, b)) == Bools{true, false, true, true, true, false});
  CHECK(tg::to_host(a < b) == Bools{true, false, false, false, false, false});
  CHECK(tg::to_host(a <= b) == Bools{true, true, false, false, false, true});
  CHECK(tg::to_host(a > b) == Bools{false, false, true, false, false, false});
  CHECK(tg::to_host(a >= b) == Bools{false, true, true, false, false, true});
}

TEST_CASE("comparisons with a number") {
  const auto x = tg::from_host<std::int32_t>({-1, 0, 1}, {3});
  CHECK(tg::to_host(tg::equal(x, 0)) == Bools{false, true, false});
  CHECK(tg::to_host(tg::not_equal(x, 0)) == Bools{true, false, true});
  CHECK(tg::to_host(x < 0) == Bools{true, false, false});
  CHECK(tg::to_host(x <= 0) == Bools{true, true, false});
  CHECK(tg::to_host(x > 0) == Bools{false, false, true});
  CHECK(tg::to_host(x >= 0) == Bools{false, true, true});
}

TEST_CASE("a number that the elements' type does not hold is still compared as it is") {
  const auto x = tg::from_host<std::uint8_t>({0, 1, 200}, {3});
  CHECK(tg::to_host(x < 0.5) == Bools{true, false, false});
  CHECK(tg::to_host(x >= 0.5) == Bools{false, true, true});
  CHECK(tg::to_host(x < 300) == Bools{true, true, true});
  CHECK(tg::to_host(x > -1) == Bools{true, true, true});
  CHECK(tg::to_host(tg::equal(x, 256)) == Bools{false, false, false});
  CHECK(tg::to_host(tg::equal(x, 0.5)) == Bools{false, false, false});
  CHECK(tg::to_host(tg::not_equal(x, 1)) == Bools{true, false, true});
}

TEST_CASE(
    "comparisons broadcast, and take operands of different types and of any order in memory") {
  const auto column = tg::from_host<tg::bf16>({tg::bf16(1), tg::bf16(2)}, {2, 1});
  const auto row = tg::from_host<float>({1, 2, 1.001f}, {3});
  const auto hit = tg::equal(column, row);
  CHECK(hit.shape == Shape{2, 3});
  CHECK(tg::to_host(hit) == Bools{true, false, false, false, true, false});
  CHECK(tg::to_host(tg::slice(tg::flip(row, {0}), 0, 0, 2) < tg::transpose(column)) ==
        Bools{false, false});
  CHECK(tg::equal(tg::zeros<float>({0, 2}), tg::zeros<float>({2})).shape == Shape{0, 2});
}

TEST_CASE("logic follows its truth tables") {
  const auto a = tg::from_host<bool>({false, false, true, true}, {4}),
             b = tg::from_host<bool>({false, true, false, true}, {4});
  CHECK(tg::to_host(tg::logical_and(a, b)) == Bools{false, false, false, true});
  CHECK(tg::to_host(tg::logical_or(a, b)) == Bools{false, true, true, true});
  CHECK(tg::to_host(tg::logical_not(a)) == Bools{true, true, false, false});
  CHECK(tg::logical_and(tg::reshape(a, {4, 1}), b).shape == Shape{4, 4});
}

TEST_CASE("isfinite is false for NaN and both infinities, in every floating type") {
  const auto x = tg::from_host<float>({0, nan, infinity, -infinity, 3e38f}, {5});
  CHECK(tg::to_host(tg::isfinite(x)) == Bools{true, false, false, false, true});
  CHECK(tg::to_host(tg::isfinite(tg::cast<double>(x))) == Bools{true, false, false, false, true});
  CHECK(tg::to_host(tg::isfinite(tg::cast<tg::half>(x))) ==
        Bools{true, false, false, false, false});
}

TEST_CASE("a comparison is a constant to the gradient") {
  const auto x = tg::from_host<double>({-1, 2}, {2});
  const auto g = tg::grad([](auto& a) { return tg::sum(a * tg::cast<double>(a > 0)); }, x);
  CHECK(tg::to_host(g) == std::vector<double>{0, 1});
}

TEST_CASE("comparisons name shapes that do not broadcast") {
  CHECK_THROWS_WITH_AS((tg::zeros<float>({2}) < tg::zeros<float>({3})).numel(),
                       "less: shapes (2) and (3) do not broadcast: aligned at the last axis, sizes "
                       "must be equal or 1",
                       tg::Error);
}

}  // namespace compare_test
}  // namespace
