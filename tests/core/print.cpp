// SPDX-License-Identifier: MIT
// Tensors as text.
#include "thrustgrad/core/print.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/ops/reduce.h"

namespace print_test {

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

TEST_CASE("not-a-number is printed without a sign, in every floating type") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(tg::str(tg::from_host<double>({nan, -nan, 1}, {3})) == "[nan nan   1] float64 (3)");
  CHECK(tg::str(tg::scalar(tg::half(-std::numeric_limits<float>::infinity()))) ==
        "-inf float16 ()");
}

TEST_CASE("integers are printed with all digits, bytes as numbers") {
  CHECK(tg::str(tg::scalar(std::numeric_limits<std::int64_t>::min())) ==
        "-9223372036854775808 int64 ()");
  CHECK(tg::str(tg::from_host<std::uint8_t>({0, 65, 255}, {3})) == "[  0  65 255] uint8 (3)");
}

TEST_CASE("parameters and buffers are printed like tensors, models as a table") {
  struct Model {
    tg::Parameter<float> weight;
  };
  const tg::Parameter<float> p = tg::ones<float>({2});
  const tg::Buffer<std::int32_t> b = tg::zeros<std::int32_t>({});
  CHECK(tg::str(p) == "[1 1] float32 (2)");
  CHECK(tg::str(b) == "0 int32 ()");
  CHECK(tg::str(tg::Parameter<double>()) == "absent float64");
  static_assert(requires(const Model& model) { tg::print(p), tg::print(b), tg::print(model); });
  static_assert(requires { tg::print(tg::zeros<tg::bf16>({2})); });
}

TEST_CASE("scalars, empty and absent tensors are printed") {
  CHECK(tg::str(tg::scalar(2.5)) == "2.5 float64 ()");
  CHECK(tg::str(tg::zeros<float>({0})) == "[] float32 (0)");
  CHECK(tg::str(tg::zeros<float>({2, 0})) == "[[]\n []] float32 (2, 0)");
  CHECK(tg::str(tg::Tensor<float>()) == "absent float32");
}

TEST_CASE("an empty tensor with a long axis is cut as well") {
  CHECK(tg::str(tg::zeros<float>({1000000, 0})) ==
        "[[]\n []\n []\n ...\n []\n []\n []] float32 (1000000, 0)");
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

}  // namespace print_test
