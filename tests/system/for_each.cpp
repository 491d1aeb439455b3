// SPDX-License-Identifier: MIT
// Parallel loops: each index is visited, once.
#include "thrustgrad/system/system.h"

#include "system/arrays.h"

namespace {
namespace for_each_test {

using namespace primitives;

struct visit_fn {
  index_t* visits;
  THRUSTGRAD_FN void operator()(index_t i) const { visits[i] += i + 1; }
};

TEST_CASE("a loop visits every index once, whatever its length and what a call works on") {
  for (index_t n : {0, 1, 2, 31, 32, 33, 255, 256, 257, 511, 513, 900, 2049, 5000}) {
    for (index_t elements : {1, 700, 5000}) {
      CAPTURE(n);
      Array<index_t> visits(std::vector<index_t>(static_cast<std::size_t>(n), 5));
      device::for_each(n, visit_fn{visits.data()}, elements);
      std::vector<index_t> expected;
      for (index_t i = 0; i < n; ++i) expected.push_back(6 + i);
      CHECK(visits.now() == expected);
    }
  }
}

}  // namespace for_each_test
}  // namespace
