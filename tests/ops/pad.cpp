// SPDX-License-Identifier: MIT
// Padding: PyTorch's values and gradients for every border, exact adjointness, and its limits.
#include "thrustgrad/ops/pad.h"

#include <doctest/doctest.h>

#include "golden/goldens.h"
#include "gradient.h"

namespace {
namespace pad_test {

namespace tg = thrustgrad;
using tests::Inputs;
using tests::integers;
using tg::Border;
using tg::Shape;

struct Case {
  Border border;
  tests::Recorded even, uneven;
};

#define CASE(name)                                                       \
  {                                                                      \
    Border::name, {golden::pad_##name##_y, {golden::pad_##name##_gx}}, { \
      golden::pad_##name##_uneven_y, { golden::pad_##name##_uneven_gx }  \
    }                                                                    \
  }

TEST_CASE("pad has PyTorch's values and gradients for every border") {
  const auto x = tests::generic({2, 4, 5, 3}, 1);
  for (const auto& [border, even, uneven] :
       std::vector<Case>{CASE(zero), CASE(reflect), CASE(replicate)}) {
    const Border b = border;
    CAPTURE(int(b));
    const auto around = [b](tg::index_t top, tg::index_t bottom, tg::index_t left,
                                     tg::index_t right) {
      return [=](const Inputs& in) {
        return tg::pad(tg::pad(in[0], 1, top, bottom, b), -2, left, right, b);
      };
    };
    tests::check_recorded(around(2, 2, 2, 2), {x}, even);
    tests::check_recorded(around(1, 2, 3, 0), {x}, uneven);
  }
}

TEST_CASE("the pullback of pad is its exact adjoint for every border and axis") {
  for (Border border : {Border::zero, Border::reflect, Border::replicate}) {
    for (int axis : {0, 1, 2}) {
      tests::check_adjoint([=](auto& x) { return tg::pad(x, axis, 2, 1, border); },
                           integers({3, 4, 3}, 1));
      tests::check_adjoint(
          [=](auto& x) { return tg::pad(tg::transpose(x, 0, 2), axis, 0, 2, border); },
          integers({3, 4, 3}, 1));
    }
  }
}

TEST_CASE("every border shows its elements") {
  const auto x = tg::from_host<float>({1, 2, 3}, {3});
  CHECK(tg::to_host(tg::pad(x, 0, 2, 1)) == std::vector<float>{0, 0, 1, 2, 3, 0});
  CHECK(tg::to_host(tg::pad(x, 0, 2, 2, Border::reflect)) ==
        std::vector<float>{3, 2, 1, 2, 3, 2, 1});
  CHECK(tg::to_host(tg::pad(x, 0, 1, 4, Border::replicate)) ==
        std::vector<float>{1, 1, 2, 3, 3, 3, 3, 3});
  CHECK(tg::pad(x, 0, 0, 0, Border::reflect).storage == x.storage);
  CHECK(tg::to_host(tg::pad(tg::zeros<float>({0}), 0, 1, 1)) == std::vector<float>{0, 0});
  CHECK(tg::to_host(tg::pad(tg::slice(x, 0, 1, 2), 0, 1, 1, Border::replicate)) ==
        std::vector<float>{2, 2, 2});
}

TEST_CASE("pad says why a border does not fit") {
  const auto x = tg::zeros<float>({2, 3});
  CHECK_THROWS_WITH_AS(tg::pad(x, 1, -1, 0), "pad: padding -1 and 0 is negative", tg::Error);
  CHECK_THROWS_WITH_AS(tg::pad(x, 1, 1, 3, Border::reflect),
                       "pad: axis 1 of (2, 3) is too short for 3 more elements: reflect needs a "
                       "longer axis, replicate a border",
                       tg::Error);
  CHECK_THROWS_AS(tg::pad(tg::zeros<float>({0}), 0, 1, 0, Border::replicate), tg::Error);
  CHECK_THROWS_WITH_AS(tg::pad(x, 2, 1, 0), "pad: axis 2 does not exist in (2, 3)", tg::Error);
}

}  // namespace pad_test
}  // namespace

#undef CASE
