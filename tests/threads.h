// SPDX-License-Identifier: MIT
// That results do not depend on the number of threads. Give it work of more than 32,768 elements:
// less stays on the calling thread.
#pragma once
#include <doctest/doctest.h>
#include <omp.h>

namespace {

/// results() gives the same bits with 1, 2, 3 and 8 threads.
template <class F> void check_same_bits(const F& results) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto expected = results();
  for (int threads : {2, 3, 8}) {
    omp_set_num_threads(threads);
    CHECK(results() == expected);
  }
  omp_set_num_threads(before);
}

}  // namespace
