// SPDX-License-Identifier: MIT
// Counting and naming the fields of plain structs; that models are walked by it is tested with
// them.
#include "thrustgrad/core/reflect.h"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace {
namespace reflect_test {

namespace tg = thrustgrad;

struct Empty {};
struct Inner {
  int left = 1, right = 2;
};
struct Outer {
  Inner inner;
  std::array<int, 3> sizes{};
  std::array<Inner, 2> pair{};
  std::vector<double> list;
  std::optional<Inner> maybe;
  bool flag = true;
  std::string name = "x";
};

TEST_CASE("fields are counted, whatever aggregates they are themselves") {
  CHECK(tg::detail::field_count<Empty> == 0);
  CHECK(tg::detail::field_count<Inner> == 2);
  CHECK(tg::detail::field_count<Outer> == 7);
}

TEST_CASE("fields have the names that the source gives them") {
  CHECK(tg::detail::field_name<Inner, 0>() == "left");
  CHECK(tg::detail::field_name<Inner, 1>() == "right");
  CHECK(tg::detail::field_name<Outer, 2>() == "pair");
  CHECK(tg::detail::field_name<Outer, 4>() == "maybe");
  CHECK(tg::detail::field_name<Outer, 6>() == "name");
}

TEST_CASE("references reach the fields of the object itself") {
  Outer object;
  std::get<5>(tg::detail::field_references(object)) = false;
  std::get<0>(tg::detail::field_references(object)).right = 9;
  CHECK_FALSE(object.flag);
  CHECK(object.inner.right == 9);
}

TEST_CASE("types are named as messages need it") {
  CHECK(tg::detail::type_name<int>() == "int");
  CHECK(tg::detail::type_name<Inner>().find("Inner") != std::string_view::npos);
}

}  // namespace reflect_test
}  // namespace
