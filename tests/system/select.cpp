// SPDX-License-Identifier: MIT
// Counting keys, with few bins and with many, and finding where a mask holds.
#include "thrustgrad/system/system.h"

#include "system/arrays.h"

namespace {
namespace primitive_select_test {

using namespace primitives;

TEST_CASE("each key is counted once, on top of what was counted before") {
  for (index_t n : {0, 1, 31, 255, 257, 4095, 4097, 9001}) {
    for (index_t bins : {1, 10, 255, 257, 2048, 2049, 3000}) {
      CAPTURE(n);
      CAPTURE(bins);
      std::vector<index_t> x;
      for (index_t i = 0; i < n; ++i) x.push_back((draw(i, 13, 1 << 20) + (1 << 20)) % bins);
      if (n > 1) x[0] = 0, x[1] = bins - 1;
      Array<index_t> keys(x), counts(drawn<index_t>(bins, 14));
      std::vector<index_t> expected = counts.before();
      for (index_t key : x) ++expected[static_cast<std::size_t>(key)];
      device::histogram(keys.data(), n, counts.data(), bins, tg::Scratch{});
      CHECK(counts.now() == expected);
    }
  }
}

TEST_CASE("counts go beyond 32 bits") {
  const index_t large = (index_t{1} << 40) - 1;
  Array<index_t> keys({2, 0, 2}), counts({large, large, large});
  device::histogram(keys.data(), 3, counts.data(), 3, tg::Scratch{});
  CHECK(counts.now() == std::vector<index_t>{large + 1, large, large + 2});
}

TEST_CASE("the positions at which a mask holds are found in order") {
  for (index_t n : {0, 1, 2, 31, 32, 1000, 5001}) {
    for (int one_in : {1, 2, 50, 0}) {
      CAPTURE(n);
      CAPTURE(one_in);
      std::vector<bool> holds;
      std::vector<index_t> expected;
      for (index_t i = 0; i < n; ++i) {
        holds.push_back(one_in > 0 && (draw(i, 15, 1 << 20) + (1 << 20)) % one_in == 0);
        if (holds.back()) expected.push_back(i);
      }
      Array<bool> mask(holds);
      Array<index_t> positions(n);
      const index_t number = device::select(mask.data(), n, positions.data(), tg::Scratch{});
      auto found = positions.now();
      found.resize(static_cast<std::size_t>(number));
      CHECK(found == expected);
    }
  }
}

}  // namespace primitive_select_test
}  // namespace
