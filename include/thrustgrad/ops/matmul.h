// SPDX-License-Identifier: MIT
// Matrix products as contractions. Transposed operands are views and cost no copy. Layer ops.
#pragma once
#include "thrustgrad/ops/contract.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// The matrix product over the last two axes, (..., m, k) (..., k, n) -> (..., m, n); leading axes
/// broadcast. A vector as left or right operand counts as a row or a column, as in PyTorch.
/// Throws if the inner sizes differ.
template <floating A, floating B> Tensor<A> matmul(const Tensor<A>& a, const Tensor<B>& b) {
  const detail::OpScope scope("matmul");
  require(a.rank() > 0 && b.rank() > 0, "matmul", "a scalar is no matrix: ", a.shape, " and ",
          b.shape);
  if (a.rank() == 1) return squeeze(matmul(unsqueeze(a, 0), b), -2);
  if (b.rank() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  require(a.size(-1) == b.size(-2), "matmul", "inner sizes differ: ", a.shape, " and ", b.shape);
  if (b.rank() == 2)
    return contract(a, transpose(b), {0, 1}, "matmul");  // one right operand for all
  const Shape batch =
      broadcast("matmul", a.shape.slice(0, a.rank() - 2), b.shape.slice(0, b.rank() - 2));
  const auto left = expand(a, batch + a.shape.slice(a.rank() - 2, a.rank()));
  const auto right = expand(b, batch + b.shape.slice(b.rank() - 2, b.rank()));
  return contract(left, transpose(right), {batch.rank(), 1}, "matmul");
}

/// x weight^T + bias, (..., in) (out, in) (out) -> (..., out): weights lie as in PyTorch. An absent
/// bias is none.
/// Throws if the sizes of x and weight differ.
template <floating T, floating W>
Tensor<T> linear(const Tensor<T>& x, const Tensor<W>& weight, const Tensor<W>& bias = {}) {
  const detail::OpScope scope("linear");
  require(weight.rank() == 2 && x.rank() > 0 && x.size(-1) == weight.size(1), "linear", "x ",
          x.shape, " does not fit weight ", weight.shape, ", which is (out, in)");
  const Tensor<T> y = contract(x, weight, {0, 1}, "linear");
  return bias.defined() ? y + bias : y;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
