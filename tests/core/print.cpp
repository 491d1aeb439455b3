// SPDX-License-Identifier: MIT
// Tensors as text.
#include "thrustgrad/core/print.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "thrustgrad/ops/reduce.h"

namespace tg = thrustgrad;

TEST_CASE("a matrix is printed in brackets, with its type and shape") {
  const auto x = tg::from_host<float>({0, 1, 2, 3, 4, 5}, {2, 3});
  CHECK(tg::str(x) == "[[0 1 2]\n [3 4 5]] float32 (2, 3)");
  CHECK(tg::str(tg::transpose(x)) == "[[0 3]\n [1 4]\n [2 5]] float32 (3, 2)");
}

TEST_CASE("elements have four digits and one width") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(tg::str(tg::from_host<float>({1.25f, -3, 1234567, -infinity}, {4})) ==
        "[     1.25        -3 1.235e+06      -inf] float32 (4)");
  CHECK(tg::str(tg::from_host<std::int64_t>({7, -10}, {2})) == "[  7 -10] int64 (2)");
  CHECK(tg::str(tg::from_host<bool>({true, false}, {2})) == "[ true false] bool (2)");
  CHECK(tg::str(tg::full<tg::bf16>({1}, tg::bf16(0.5f))) == "[0.5] bfloat16 (1)");
}

TEST_CASE("scalars, empty and absent tensors are printed") {
  CHECK(tg::str(tg::scalar(2.5)) == "2.5 float64 ()");
  CHECK(tg::str(tg::zeros<float>({0})) == "[] float32 (0)");
  CHECK(tg::str(tg::zeros<float>({2, 0})) == "[[]\n []] float32 (2, 0)");
  CHECK(tg::str(tg::Tensor<float>()) == "absent float32");
}

TEST_CASE("matrices of a batch are separated by an empty line") {
  const auto x = tg::reshape(tg::arange<std::int32_t>(4), {2, 1, 2});
  CHECK(tg::str(x) == "[[[0 1]]\n\n [[2 3]]] int32 (2, 1, 2)");
}

TEST_CASE("of a large tensor only the edges are printed") {
  CHECK(tg::str(tg::arange<std::int64_t>(1001)) ==
        "[   0    1    2 ...  998  999 1000] int64 (1001)");
  const std::string text = tg::str(tg::zeros<float>({1000, 2}));
  CHECK(text == "[[0 0]\n [0 0]\n [0 0]\n ...\n [0 0]\n [0 0]\n [0 0]] float32 (1000, 2)");
}
