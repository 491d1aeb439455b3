// SPDX-License-Identifier: MIT
// The handle itself: what it shares, what it refuses to read, and when it may read back.
#include "thrustgrad/core/tensor.h"

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>

#include "thrustgrad/core/create.h"
#include "thrustgrad/core/parameter.h"

namespace tensor_test {

namespace tg = thrustgrad;

TEST_CASE("a default-constructed tensor is absent, and reading it is an error") {
  const tg::Tensor<float> none;
  CHECK_FALSE(none.defined());
  CHECK_THROWS_WITH_AS(none.data(), "data: an operand is absent (a default-constructed tensor)",
                       tg::Error);
  CHECK_THROWS_AS(tg::copy(none), tg::Error);
}

TEST_CASE("copying a tensor shares its elements") {
  const auto x = tg::arange<float>(5);
  const auto y = x;
  CHECK(y.data() == x.data());
  CHECK(x.storage.use_count() == 2);
}

TEST_CASE("a tensor knows its sizes") {
  const auto x = tg::empty<double>({2, 3, 4});
  CHECK(x.defined());
  CHECK(x.rank() == 3);
  CHECK(x.size(1) == 3);
  CHECK(x.size(-1) == 4);
  CHECK(x.numel() == 24);
  CHECK(x.strides == tg::Shape{12, 4, 1});
  CHECK_THROWS_AS(x.size(3), tg::Error);
  CHECK(x.operand().data == x.data());
  CHECK(x.operand().strides == x.strides);
}

TEST_CASE("a tensor may be empty in any order of memory") {
  const auto x = tg::empty<float>({5, 2, 3, 4}, {1, 2, 0, 3});
  CHECK(x.strides == tg::Shape{4, 60, 20, 1});
  CHECK_FALSE(x.is_contiguous());
  CHECK(x.is_ordered({4, 60, 20, 1}));
  CHECK(tg::empty<float>({3, 0}).numel() == 0);
}

TEST_CASE("the strides of axes of size 1 do not matter for being contiguous") {
  auto x = tg::empty<float>({2, 1, 3});
  x.strides = {3, 77, 1};
  CHECK(x.is_contiguous());
  x.strides = {4, 77, 1};
  CHECK_FALSE(x.is_contiguous());
}

TEST_CASE("a size in bytes that overflows 64 bits is an error") {
  CHECK_THROWS_AS(tg::empty<double>({tg::index_t{1} << 61}), tg::Error);
  CHECK_THROWS_AS(tg::empty<float>({-1}), tg::Error);
}

TEST_CASE("item reads a tensor with one element of any rank") {
  CHECK(tg::scalar(2.5).item() == 2.5);
  CHECK(tg::full<float>({1, 1}, 3).item() == 3.0f);
  CHECK(tg::full<bool>({1}, true).item());
  CHECK(static_cast<float>(tg::scalar(tg::bf16(0.5f)).item()) == 0.5f);
}

TEST_CASE("item of a tensor with no or several elements is an error") {
  CHECK_THROWS_WITH_AS(tg::arange<float>(2).item(),
                       "item: a tensor of shape (2) has not exactly one element", tg::Error);
  CHECK_THROWS_AS(tg::empty<float>({0}).item(), tg::Error);
}

TEST_CASE("NoReadback forbids reading back while it is alive, nested too") {
  const auto x = tg::scalar(1.0f);
  {
    const tg::NoReadback outer;
    CHECK_THROWS_WITH_AS(
        x.item(), "item: reads back to the host where this is forbidden (NoReadback)", tg::Error);
    {
      const tg::NoReadback inner;
      CHECK_THROWS_AS(tg::to_host(x), tg::Error);
    }
    CHECK_THROWS_AS(tg::to_host(x), tg::Error);
  }
  CHECK(x.item() == 1.0f);
}

TEST_CASE("a tensor taken from a parameter is stale after the parameter was assigned") {
  tg::Parameter<float> p = tg::ones<float>({2});
  const tg::Tensor<float> before = p;
  CHECK(before.data() == p.data());
  tg::assign(p, tg::zeros<float>({2}));
  CHECK_THROWS_WITH_AS(
      before.data(),
      "data: an operand of shape (2) is stale: the parameter or buffer that it was "
      "taken from has been assigned since; take a copy() of what is needed later",
      tg::Error);
  CHECK_THROWS_AS(tg::to_host(before), tg::Error);
  const tg::Tensor<float> after = p;
  CHECK(tg::to_host(after) == std::vector<float>{0, 0});
}

TEST_CASE("a message about an operand names the outermost operation") {
  const auto read_absent = [] {
    const tg::detail::OpScope outer("layer_norm");
    const tg::detail::OpScope inner("mean");
    tg::Tensor<float>().data();
  };
  CHECK_THROWS_WITH_AS(read_absent(), doctest::Contains("layer_norm: "), tg::Error);
  CHECK(tg::detail::current_op == nullptr);
}

TEST_CASE("no tensor is made implicitly from its untyped part") {
  static_assert(!std::is_convertible_v<tg::AnyTensor, tg::Tensor<float>>);
  static_assert(std::is_constructible_v<tg::Tensor<float>, tg::AnyTensor>);
  const tg::Tensor<float> x(tg::AnyTensor(tg::ones<float>({3})));
  CHECK(tg::to_host(x) == std::vector<float>{1, 1, 1});
}

}  // namespace tensor_test
