// SPDX-License-Identifier: MIT
// Plans of loops: which axes merge, and in which order a result lies in memory.
#include "thrustgrad/core/loop.h"

#include <doctest/doctest.h>

#include "thrustgrad/core/create.h"

namespace loop_test {

namespace tg = thrustgrad;
namespace detail = tg::detail;
using tg::Shape;

namespace {

tg::Tensor<float> strided(const Shape& shape, const Shape& strides) {
  auto x = tg::empty<float>({1});
  x.shape = shape;
  x.strides = strides;
  return x;
}

Shape order_of_result(const Shape& shape, std::initializer_list<tg::Tensor<float>> operands) {
  std::vector<const tg::AnyTensor*> pointers;
  for (const auto& x : operands) pointers.push_back(&x);
  return detail::result_order(shape, pointers);
}

}  // namespace

TEST_CASE("a stretched operand has stride 0 along stretched and new axes") {
  CHECK(detail::expanded_strides(strided({3, 1}, {1, 1}), {2, 3, 4}) == Shape{0, 1, 0});
  CHECK(detail::expanded_strides(strided({}, {}), {2, 3}) == Shape{0, 0});
  CHECK(detail::expanded_strides(strided({2, 3}, {-3, 1}), {2, 3}) == Shape{-3, 1});
}

TEST_CASE("dense operands of equal order are one axis") {
  const auto loop = detail::plan_loop<2>({2, 3, 4}, {0, 1, 2}, {Shape{12, 4, 1}, Shape{12, 4, 1}});
  CHECK(loop.sizes == Shape{24});
  CHECK(loop.strides[0] == Shape{1});
  CHECK(loop.strides[1] == Shape{1});
  // The same with both permuted.
  const auto permuted =
      detail::plan_loop<2>({5, 2, 3, 4}, {1, 2, 0, 3}, {Shape{4, 60, 20, 1}, Shape{4, 60, 20, 1}});
  CHECK(permuted.sizes == Shape{120});
}

TEST_CASE("axes merge only where every operand allows it") {
  const auto bias = detail::plan_loop<2>({2, 3, 4}, {0, 1, 2}, {Shape{12, 4, 1}, Shape{0, 0, 1}});
  CHECK(bias.sizes == Shape{6, 4});
  CHECK(bias.strides[0] == Shape{4, 1});
  CHECK(bias.strides[1] == Shape{0, 1});
  const auto transposed = detail::plan_loop<2>({3, 4}, {0, 1}, {Shape{4, 1}, Shape{1, 3}});
  CHECK(transposed.sizes == Shape{3, 4});
  CHECK(transposed.strides[1] == Shape{1, 3});
}

TEST_CASE("axes of size 1 are dropped, and a scalar is a loop over one element") {
  const auto loop = detail::plan_loop<1>({1, 5, 1}, {0, 1, 2}, {Shape{99, 2, 99}});
  CHECK(loop.sizes == Shape{5});
  CHECK(loop.strides[0] == Shape{2});
  const auto one = detail::plan_loop<1>({}, {}, {Shape{}});
  CHECK(one.sizes == Shape{1});
  CHECK(one.strides[0] == Shape{0});
  CHECK(detail::plan_loop<1>({3, 0}, {0, 1}, {Shape{1, 1}}).sizes.numel() == 0);
}

TEST_CASE("an axis that runs backwards merges with its like") {
  const auto loop = detail::plan_loop<1>({2, 3}, {0, 1}, {Shape{-3, -1}});
  CHECK(loop.sizes == Shape{6});
  CHECK(loop.strides[0] == Shape{-1});
  CHECK(detail::plan_loop<1>({2, 3}, {0, 1}, {Shape{3, -1}}).sizes == Shape{2, 3});
}

TEST_CASE("a result lies in memory like its first operand of full shape") {
  const auto row_major = strided({5, 2, 3, 4}, {24, 12, 4, 1});
  const auto grid = strided({5, 2, 3, 4}, {4, 60, 20, 1});
  const auto bias = strided({4}, {1}), stretched = strided({5, 2, 3, 4}, {0, 0, 0, 1});
  CHECK(order_of_result({5, 2, 3, 4}, {bias, grid, row_major}) == Shape{1, 2, 0, 3});
  CHECK(order_of_result({5, 2, 3, 4}, {row_major, grid}) == Shape{0, 1, 2, 3});
  CHECK(order_of_result({5, 2, 3, 4}, {stretched, grid}) == Shape{1, 2, 0, 3});
  CHECK(order_of_result({5, 2, 3, 4}, {stretched, bias}) == Shape{0, 1, 2, 3});
}

}  // namespace loop_test
