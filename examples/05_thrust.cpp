// SPDX-License-Identifier: MIT
// Thrust on tensors: begin(x) and end(x) are Thrust iterators of the tensor's device system, and
// policy() runs an algorithm there, with temporary memory from the library's pool. Reading is free;
// mutable_begin is for tensors that nobody else has seen yet, and for parameters and buffers.
#include <thrust/adjacent_difference.h>
#include <thrust/count.h>
#include <thrust/inner_product.h>
#include <thrust/sort.h>
#include <thrust/unique.h>
#include <thrustgrad/interop/thrust.h>
#include <thrustgrad/thrustgrad.h>

#include <cstdio>

namespace tg = thrustgrad;

struct is_even {
  THRUSTGRAD_FN bool operator()(std::int64_t x) const { return x % 2 == 0; }
};

int main() {
  const auto dice = tg::randint(tg::Key(1), {3, 4}, 1, 7);  // (3, 4)
  tg::print(dice);
  const auto even = thrust::count_if(tg::policy(), tg::begin(dice), tg::end(dice), is_even{});
  std::printf("%lld even\n", static_cast<long long>(even));

  auto sorted = tg::copy(dice);  // ours alone, so it may be written to
  thrust::sort(tg::policy(), tg::mutable_begin(sorted), tg::mutable_end(sorted));
  tg::print(sorted);

  auto values = tg::copy(sorted);
  const auto last =
      thrust::unique(tg::policy(), tg::mutable_begin(values), tg::mutable_end(values));
  tg::print(tg::slice(tg::flatten(values), 0, 0, last - tg::begin(values)));

  tg::Parameter<float> w = tg::from_host<float>({1, 4, 9, 16}, {4});
  auto steps = tg::empty<float>({4});
  thrust::adjacent_difference(tg::policy(), tg::begin(w), tg::end(w), tg::mutable_begin(steps));
  tg::print(steps);
  std::printf("inner product %g\n", thrust::inner_product(tg::policy(), tg::begin(w), tg::end(w),
                                                          tg::begin(steps), 0.0f));
}

// Output:
// [[6 5 6 4]
//  [4 6 1 1]
//  [4 6 2 2]] int64 (3, 4)
// 9 even
// [[1 1 2 2]
//  [4 4 4 5]
//  [6 6 6 6]] int64 (3, 4)
// [1 2 4 5 6] int64 (5)
// [1 3 5 7] float32 (4)
// inner product 170
