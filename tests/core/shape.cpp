// SPDX-License-Identifier: MIT
// Shapes, strides, broadcasting and the arithmetic that may overflow.
#include "thrustgrad/core/shape.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace shape_test {

namespace tg = thrustgrad;
using tg::Shape;

namespace {

constexpr tg::index_t greatest = std::numeric_limits<tg::index_t>::max();

}  // namespace

TEST_CASE("a shape is a short list of sizes") {
  const Shape s{2, 3, 4};
  CHECK(s.rank() == 3);
  CHECK(s.numel() == 24);
  CHECK(s.str() == "(2, 3, 4)");
  CHECK(s == Shape(std::vector<tg::index_t>{2, 3, 4}));
  CHECK(s != Shape{2, 3});
  CHECK(s != Shape{2, 3, 5});
  CHECK(Shape{}.rank() == 0);
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{}.str() == "()");
  CHECK(Shape{5}.str() == "(5)");
  CHECK(Shape{7, 0, 3}.numel() == 0);
  CHECK(Shape::repeat(3, 7) == Shape{7, 7, 7});
}

TEST_CASE("axes count from either end") {
  Shape s{2, 3, 4};
  CHECK(s[0] == 2);
  CHECK(s[-1] == 4);
  CHECK(s[-3] == 2);
  CHECK(s.back() == 4);
  CHECK(s.axis(-2) == 1);
  s[-1] = 9;
  CHECK(s == Shape{2, 3, 9});
}

TEST_CASE("an axis that does not exist is an error that shows the shape") {
  const Shape s{2, 3};
  CHECK_THROWS_WITH_AS(s.axis(2, "sum"), "sum: axis 2 does not exist in (2, 3)", tg::Error);
  CHECK_THROWS_WITH_AS(s.axis(-3, "sum"), "sum: axis -3 does not exist in (2, 3)", tg::Error);
  CHECK_THROWS_AS(s[2], tg::Error);
  CHECK_THROWS_AS(Shape{}[0], tg::Error);
  CHECK_THROWS_AS(Shape{}.back(), tg::Error);
}

TEST_CASE("a tensor has at most eight axes") {
  Shape s{1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(s.rank() == Shape::max_rank);
  CHECK_THROWS_WITH_AS(s.push_back(9), "shape: a tensor has at most 8 axes", tg::Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), tg::Error);
  CHECK_THROWS_AS(s.insert(0, 1), tg::Error);
  CHECK_THROWS_AS(s + Shape{1}, tg::Error);
  CHECK_THROWS_AS(Shape::repeat(9, 1), tg::Error);
}

TEST_CASE("sizes are inserted, erased, sliced and joined") {
  Shape s{2, 3, 4};
  s.insert(0, 7);
  CHECK(s == Shape{7, 2, 3, 4});
  s.insert(4, 8);
  CHECK(s == Shape{7, 2, 3, 4, 8});
  s.insert(2, 9);
  CHECK(s == Shape{7, 2, 9, 3, 4, 8});
  s.erase(2);
  s.erase(4);
  CHECK(s == Shape{7, 2, 3, 4});
  CHECK(s.slice(1, 3) == Shape{2, 3});
  CHECK(s.slice(2, 2) == Shape{});
  CHECK(s.slice(0, 2) + Shape{5} == Shape{7, 2, 5});
}

TEST_CASE("arithmetic that overflows 64 bits is an error") {
  CHECK(tg::checked_mul(3, -4) == -12);
  CHECK(tg::checked_add(3, -4) == -1);
  CHECK_THROWS_WITH_AS(tg::checked_mul(greatest, 2, "empty"),
                       "empty: 9223372036854775807 x 2 overflows 64 bits", tg::Error);
  CHECK_THROWS_WITH_AS(tg::checked_add(greatest, 1, "pad"),
                       "pad: 9223372036854775807 + 1 overflows 64 bits", tg::Error);
  const tg::index_t large = tg::index_t{1} << 32;
  CHECK_THROWS_AS((Shape{large, large}.numel()), tg::Error);
  CHECK_THROWS_AS(tg::contiguous_strides(Shape{2, large, large}), tg::Error);
  CHECK_THROWS_AS(tg::ordered_strides(Shape{2, large, large}, Shape{0, 1, 2}), tg::Error);
}

TEST_CASE("a negative size is an error") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}.numel()), "shape: (2, -1) has a negative size", tg::Error);
}

TEST_CASE("strides are those of a dense tensor in row-major or any other order") {
  CHECK(tg::contiguous_strides({2, 3, 4}) == Shape{12, 4, 1});
  CHECK(tg::contiguous_strides({}) == Shape{});
  CHECK(tg::contiguous_strides({2, 0, 4}) == Shape{4, 4, 1});
  // (n, h, w, c) lying as h, w, n, c
  CHECK(tg::ordered_strides({5, 2, 3, 4}, {1, 2, 0, 3}) == Shape{4, 60, 20, 1});
}

TEST_CASE("stride_order lists the axes as they lie in memory, outermost first") {
  CHECK(tg::stride_order({5, 2, 3, 4}, {4, 60, 20, 1}) == Shape{1, 2, 0, 3});
  CHECK(tg::stride_order({2, 3}, {3, -7}) == Shape{1, 0});
  CHECK(tg::stride_order({2, 1, 3}, {0, 0, 0}) == Shape{0, 1, 2});
}

TEST_CASE("shapes broadcast as in NumPy") {
  struct Case {
    Shape a, b, result;
  };
  const std::vector<Case> cases = {
      {{}, {}, {}},
      {{3}, {}, {3}},
      {{2, 3}, {3}, {2, 3}},
      {{2, 1}, {3}, {2, 3}},
      {{2, 1}, {1, 3}, {2, 3}},
      {{1}, {0}, {0}},
      {{4, 1, 5}, {6, 1}, {4, 6, 5}},
      {{0, 3}, {1, 3}, {0, 3}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.a.str());
    CAPTURE(c.b.str());
    CHECK(tg::broadcast("add", c.a, c.b) == c.result);
    CHECK(tg::broadcast("add", c.b, c.a) == c.result);
  }
}

TEST_CASE("shapes that do not broadcast are named with the operation and the rule") {
  CHECK_THROWS_WITH_AS(tg::broadcast("add", {2, 3}, {2}),
                       "add: shapes (2, 3) and (2) do not broadcast: aligned at the last axis, "
                       "sizes must be equal or 1",
                       tg::Error);
  CHECK_THROWS_AS(tg::broadcast("add", {0}, {2}), tg::Error);
  CHECK_THROWS_AS(tg::broadcast("add", {2, 3}, {3, 3}), tg::Error);
}

TEST_CASE("the axes of a reduction are sorted, and an empty list means all") {
  CHECK(tg::normalize_axes("sum", {2, 3, 4}, {-1, 0}) == Shape{0, 2});
  CHECK(tg::normalize_axes("sum", {2, 3, 4}, {}) == Shape{0, 1, 2});
  CHECK(tg::normalize_axes("sum", {}, {}) == Shape{});
  CHECK_THROWS_WITH_AS(tg::normalize_axes("sum", {2, 3}, {1, -1}),
                       "sum: axis -1 is named twice in (1, -1)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::normalize_axes("sum", {2, 3}, {2}),
                       "sum: axis 2 does not exist in (2, 3)", tg::Error);
}

}  // namespace shape_test
