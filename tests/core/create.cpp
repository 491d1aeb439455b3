// SPDX-License-Identifier: MIT
// Tensors from nothing and from the host, and back, whatever their strides are.
#include "thrustgrad/core/create.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace create_test {

namespace tg = thrustgrad;

TEST_CASE("full, zeros, ones and scalar fill every element") {
  CHECK(tg::to_host(tg::full<float>({2, 2}, 1.5f)) == std::vector<float>(4, 1.5f));
  CHECK(tg::to_host(tg::zeros<std::int32_t>({3})) == std::vector<std::int32_t>(3, 0));
  CHECK(tg::to_host(tg::ones<double>({3})) == std::vector<double>(3, 1.0));
  CHECK(tg::to_host(tg::full<bool>({2}, true)) == std::vector<bool>{true, true});
  CHECK(tg::scalar(7).rank() == 0);
  CHECK(tg::scalar(7).item() == 7);
  CHECK(tg::to_host(tg::zeros<float>({0, 3})).empty());
}

TEST_CASE("integers of 64 bits and doubles keep all their bits") {
  const std::int64_t large = (std::int64_t{1} << 62) + 1;
  CHECK(tg::full<std::int64_t>({1}, large).item() == large);
  CHECK(tg::full<double>({1}, 0.1).item() == 0.1);
  CHECK(tg::to_host(tg::arange<std::int64_t>(3, large, 1))[2] == large + 2);
}

TEST_CASE("16-bit elements are filled exactly") {
  const auto x = tg::to_host(tg::full<tg::bf16>({700}, tg::bf16(-0.375f)));
  CHECK(static_cast<float>(x.front()) == -0.375f);
  CHECK(static_cast<float>(x.back()) == -0.375f);
  CHECK(static_cast<float>(tg::ones<tg::half>({1}).item()) == 1.0f);
}

TEST_CASE("arange counts, with a start and a step") {
  CHECK(tg::to_host(tg::arange<std::int64_t>(4)) == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(tg::to_host(tg::arange<float>(3, 1.0f, -0.5f)) == std::vector<float>{1, 0.5f, 0});
  CHECK(tg::arange<float>(0).shape == tg::Shape{0});
  CHECK_THROWS_AS(tg::arange<float>(-1), tg::Error);
  const auto large = tg::to_host(tg::arange<std::int32_t>(100000));
  CHECK(large.back() == 99999);
}

TEST_CASE("zeros_like keeps shape and order in memory") {
  const auto x = tg::permute(tg::ones<float>({2, 3, 4}), {2, 0, 1});
  const auto y = tg::zeros_like(x);
  CHECK(y.shape == x.shape);
  CHECK(y.strides == x.strides);
  CHECK(tg::to_host(y) == std::vector<float>(24, 0.0f));
}

TEST_CASE("from_host and to_host are inverses for every element type") {
  CHECK(tg::to_host(tg::from_host<float>({1, -2, 3}, {3})) == std::vector<float>{1, -2, 3});
  CHECK(tg::to_host(tg::from_host(std::vector<std::int64_t>{5, 6}, {2, 1})) ==
        std::vector<std::int64_t>{5, 6});
  CHECK(tg::to_host(tg::from_host(std::vector<std::uint8_t>{0, 255}, {2})) ==
        std::vector<std::uint8_t>{0, 255});
  const std::vector<bool> bits{true, false, false, true, true, false};
  CHECK(tg::to_host(tg::from_host(bits, {2, 3})) == bits);
  CHECK(tg::to_host(tg::from_host<bool>({true, false}, {2})) == std::vector<bool>{true, false});
  const std::array<double, 2> numbers{1, 2};
  CHECK(tg::to_host(tg::from_host(std::span<const double>(numbers), {2})) ==
        std::vector<double>{1, 2});
  CHECK(tg::to_host(tg::from_host(std::vector<float>{}, {0})).empty());
}

TEST_CASE("from_host copies: the source may go") {
  std::vector<float> source{1, 2};
  const auto x = tg::from_host(source, {2});
  source[0] = 9;
  CHECK(tg::to_host(x) == std::vector<float>{1, 2});
}

TEST_CASE("from_host throws if the number of elements is not that of the shape") {
  CHECK_THROWS_WITH_AS(tg::from_host<float>({1, 2, 3}, {2, 2}),
                       "from_host: shape (2, 2) needs 4 elements, but 3 were given", tg::Error);
  CHECK_THROWS_AS(tg::from_host(std::vector<bool>{true}, {2}), tg::Error);
  CHECK_THROWS_AS(tg::from_host(std::vector<float>{}, {}), tg::Error);
}

TEST_CASE("to_host reads views in their logical order") {
  const auto x = tg::from_host<float>({0, 1, 2, 3, 4, 5}, {2, 3});
  CHECK(tg::to_host(tg::transpose(x)) == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK(tg::to_host(tg::flip(x, {1})) == std::vector<float>{2, 1, 0, 5, 4, 3});
  CHECK(tg::to_host(tg::flip(x, {})) == std::vector<float>{5, 4, 3, 2, 1, 0});
  CHECK(tg::to_host(tg::slice(x, 1, 1)) == std::vector<float>{1, 2, 4, 5});
  CHECK(tg::to_host(tg::slice(x, 1, 0, 3, 2)) == std::vector<float>{0, 2, 3, 5});
  CHECK(tg::to_host(tg::expand(tg::arange<float>(2), {2, 2})) == std::vector<float>{0, 1, 0, 1});
  CHECK(tg::to_host(tg::expand(tg::scalar(4.0f), {3})) == std::vector<float>{4, 4, 4});
  CHECK(tg::to_host(
            tg::transpose(tg::from_host(std::vector<bool>{true, true, false, false}, {2, 2}))) ==
        std::vector<bool>{true, false, true, false});
}

TEST_CASE("views share storage, copies do not") {
  const auto x = tg::arange<float>(6);
  const auto matrix = tg::reshape(x, {2, 3});
  const auto column = tg::select(matrix, 1, 2);
  CHECK(matrix.storage == x.storage);
  CHECK(column.storage == x.storage);
  CHECK(column.offset == 2);
  CHECK(tg::expand(x, {4, 6}).storage == x.storage);
  CHECK(tg::copy(x).storage != x.storage);
}

TEST_CASE("copy is row-major, and contiguous copies only what is not") {
  const auto x = tg::reshape(tg::arange<float>(6), {2, 3});
  const auto y = tg::transpose(x);
  CHECK(tg::contiguous(x).storage == x.storage);
  CHECK(tg::contiguous(y).storage != x.storage);
  CHECK(tg::copy(y).is_contiguous());
  CHECK(tg::to_host(tg::copy(y)) == tg::to_host(y));
}

TEST_CASE("large views of eight axes are copied right") {
  const auto x = tg::reshape(tg::arange<std::int32_t>(3 * 2 * 5 * 2 * 3 * 2 * 7 * 3),
                             {3, 2, 5, 2, 3, 2, 7, 3});
  const tg::Shape axes{7, 3, 0, 5, 2, 6, 1, 4};
  tg::Shape inverse = axes;
  for (int i = 0; i < 8; ++i) inverse[axes[i]] = i;
  const auto there = tg::copy(tg::permute(x, axes));
  CHECK(there.shape == tg::Shape{3, 2, 3, 2, 5, 7, 2, 3});
  CHECK(tg::to_host(there)[1] == 2 * 7 * 3);  // the last axis was axis 4
  CHECK(tg::to_host(tg::permute(there, inverse)) == tg::to_host(x));
}

}  // namespace create_test
