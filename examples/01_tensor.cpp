// SPDX-License-Identifier: MIT
// Tensors: how they are made, looked at, reshaped and combined. The element type is part of the
// C++ type, the shape is known when the program runs. A tensor is a handle on elements that are
// never written again, so views and copies of the handle are free and safe. Shapes that differ
// broadcast as in NumPy; what does not fit throws an Error that names the operation and the shapes.
#include <thrustgrad/thrustgrad.h>

#include <cstdio>

namespace tg = thrustgrad;

int main() {
  const auto a = tg::reshape(tg::arange<float>(6), {2, 3});
  tg::print(a);
  tg::print(tg::transpose(a));                                 // a view of the same elements
  tg::print(a - tg::mean(a, {1}, tg::Keep::axes));             // (2, 3) - (2, 1)
  tg::print(tg::matmul(a, tg::transpose(a)));                  // (2, 3) (3, 2)
  tg::print(tg::where(a > 2, a * 10, tg::slice(a, 0, 0, 1)));  // (2, 3), (2, 3), (1, 3)
  tg::print(tg::argmax(a, {1}));
  tg::print(tg::cast<tg::bf16>(a / 3));  // 8 bits of precision

  const auto draws = tg::randn(tg::Key(7), {1000, 100});  // the same key, the same numbers
  std::printf("standard deviation %.2f\n", tg::sqrt(tg::variance(draws)).item());

  try {
    tg::matmul(a, a);
  } catch (const tg::Error& error) {
    std::puts(error.what());
  }
}

// Output:
// [[0 1 2]
//  [3 4 5]] float32 (2, 3)
// [[0 3]
//  [1 4]
//  [2 5]] float32 (3, 2)
// [[-1  0  1]
//  [-1  0  1]] float32 (2, 3)
// [[ 5 14]
//  [14 50]] float32 (2, 2)
// [[ 0  1  2]
//  [30 40 50]] float32 (2, 3)
// [2 2] int64 (2)
// [[    0 0.334 0.668]
//  [    1 1.336 1.664]] bfloat16 (2, 3)
// standard deviation 1.00
// matmul: inner sizes differ: (2, 3) and (2, 3)
