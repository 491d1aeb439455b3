// SPDX-License-Identifier: MIT
// The wording of errors, and that a check which holds costs nothing but a branch.
#include "thrustgrad/error.h"

#include <doctest/doctest.h>

#include <string>

#include "thrustgrad/core/shape.h"

namespace error_test {

namespace tg = thrustgrad;

namespace {

// Counts how often it is turned into text.
struct Counted {
  int* count;
  std::string str() const { return ++*count, "counted"; }
};

}  // namespace

TEST_CASE("an error reads op: what is wrong") {
  CHECK_THROWS_WITH_AS(
      tg::fail("conv2d", "x has ", 3, " channels, weight expects ", 6, ": x ", tg::Shape{8, 3}),
      "conv2d: x has 3 channels, weight expects 6: x (8, 3)", tg::Error);
}

TEST_CASE("an operation that is a template is named without its arguments") {
  CHECK_THROWS_WITH(tg::fail("cube<float>", "text"), "cube: text");
}

TEST_CASE("an error is a std::runtime_error") {
  CHECK_THROWS_AS(tg::fail("op", "text"), std::runtime_error);
}

TEST_CASE("require throws only if the condition does not hold") {
  CHECK_NOTHROW(tg::require(true, "op", "text"));
  CHECK_THROWS_WITH_AS(tg::require(false, "op", "text"), "op: text", tg::Error);
}

TEST_CASE("the parts of a message are turned into text only when it is thrown") {
  int count = 0;
  tg::require(true, "op", Counted{&count});
  CHECK(count == 0);
  CHECK_THROWS_WITH(tg::require(false, "op", Counted{&count}), "op: counted");
  CHECK(count == 1);
}

TEST_CASE("every kind of part is readable") {
  CHECK(tg::detail::describe("a", std::string("b"), std::string_view("c")) == "abc");
  CHECK(tg::detail::describe(-7, " ", std::size_t{8}, " ", std::int64_t{1} << 62) ==
        "-7 8 4611686018427387904");
  CHECK(tg::detail::describe(0.5, " ", 1e-7f, " ", 3.0) == "0.5 1e-07 3");
  CHECK(tg::detail::describe(true, " ", false) == "true false");
  CHECK(tg::detail::describe() == "");
}

}  // namespace error_test
