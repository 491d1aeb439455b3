// SPDX-License-Identifier: MIT
#include "thrustgrad/ops/select.h"

#include <doctest/doctest.h>

namespace {
namespace select_test {

namespace tg = thrustgrad;
using Counts = std::vector<std::int64_t>;

TEST_CASE("bincount counts each key, absent ones too") {
  const auto x = tg::from_host<std::int32_t>({3, 0, 3, 1, 3, 0}, {2, 3});
  CHECK(tg::to_host(tg::bincount(x, 5)) == Counts{2, 1, 0, 3, 0});
  CHECK(tg::to_host(tg::bincount(tg::transpose(x), 5)) == Counts{2, 1, 0, 3, 0});
  CHECK(tg::to_host(x) == std::vector<std::int32_t>{3, 0, 3, 1, 3, 0});  // untouched by the sort
  CHECK(tg::to_host(tg::bincount(tg::zeros<std::int64_t>({0}), 2)) == Counts{0, 0});
  CHECK_THROWS_WITH_AS(tg::bincount(x, 3), "bincount: elements from 0 to 3 do not fit into 3 bins",
                       tg::Error);
}

TEST_CASE("a histogram of many keys agrees with a plain loop") {
  const tg::index_t n = 20000;
  std::vector<std::int64_t> keys;
  Counts expected(17, 0);
  for (tg::index_t i = 0; i < n; ++i) {
    keys.push_back(i * i % 17);
    ++expected[static_cast<std::size_t>(keys.back())];
  }
  CHECK(tg::to_host(tg::bincount(tg::from_host(keys, {n}), 17)) == expected);
}

TEST_CASE("confusion_matrix has a row for each label") {
  const auto labels = tg::from_host<std::int64_t>({0, 0, 1, 2, 2}, {5}),
             answers = tg::from_host<std::int64_t>({0, 1, 1, 2, 0}, {5});
  CHECK(tg::to_host(tg::confusion_matrix(labels, answers, 3)) == Counts{1, 1, 0, 0, 1, 0, 1, 0, 1});
  CHECK_THROWS_AS(tg::confusion_matrix(labels, answers, 2), tg::Error);
}

TEST_CASE("nonzero gives ascending positions in row-major order") {
  const auto x = tg::from_host<float>({1, -1, 2, -2, 3, -3}, {2, 3});
  CHECK(tg::to_host(tg::nonzero(x > 0)) == Counts{0, 2, 4});
  CHECK(tg::to_host(tg::nonzero(tg::transpose(x) < 0)) == Counts{1, 2, 5});
  CHECK(tg::nonzero(x > 9).numel() == 0);
}

}  // namespace select_test
}  // namespace
