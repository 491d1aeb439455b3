// SPDX-License-Identifier: MIT
// Running sums of rows that a thread adds up, of rows of one chunk and of several, and of rows
// whose chunks are so many that their sums are scanned in chunks.
#include "thrustgrad/system/system.h"

#include <cmath>

#include "system/arrays.h"

namespace {
namespace primitive_scan_test {

using namespace primitives;

template <class T> void check_scan(index_t rows, index_t n) {
  CAPTURE(rows);
  CAPTURE(n);
  Array<T> y(drawn<T>(rows * n, 11), 1);
  std::vector<T> expected = y.before();
  for (index_t i = 0; i < rows * n; ++i) {
    if (i % n > 0)
      expected[static_cast<std::size_t>(i)] += expected[static_cast<std::size_t>(i - 1)];
  }
  device::inclusive_scan_rows(y.data(), rows, n, tg::Scratch{});
  CHECK(y.now() == expected);
}

template <class T> void check_scans() {
  for (index_t n : {1, 2, 3, 31, 32, 33, 255, 257, 1000, 1024, 1025, 2048, 2100})
    for (index_t rows : {0, 1, 3}) check_scan<T>(rows, n);
  for (index_t n : {2, 3, 4, 5, 6, 8, 31}) check_scan<T>(900, n);
  check_scan<T>(40, 70);
}

TEST_CASE("rows of floats, doubles and integers become their running sums") {
  check_scans<float>();
  check_scans<double>();
  check_scans<std::int32_t>();
  check_scans<index_t>();
  Array<float> nothing(index_t{0});
  device::inclusive_scan_rows(nothing.data(), 3, 0, tg::Scratch{});
  CHECK(nothing.now().empty());
}

TEST_CASE("rows of many chunks become their running sums") {
  check_scan<std::int32_t>(1, 40 * 1024 + 3);
  check_scan<float>(2, 33 * 1024);
}

TEST_CASE("the first element keeps its bits, and the sums of a run are those of any other") {
  for (index_t n : {5, 100, 3000}) {
    std::vector<float> x;
    for (index_t i = 0; i < n; ++i) x.push_back(static_cast<float>(draw(i, 12, 1 << 20)) * 0.37f);
    x[0] = -0.0f;
    Array<float> y(x), again(x);
    device::inclusive_scan_rows(y.data(), 1, n, tg::Scratch{});
    device::inclusive_scan_rows(again.data(), 1, n, tg::Scratch{});
    CHECK(std::signbit(y.now()[0]));
    CHECK(y.now() == again.now());
  }
}

}  // namespace primitive_scan_test
}  // namespace
