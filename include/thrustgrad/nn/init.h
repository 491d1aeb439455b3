// SPDX-License-Identifier: MIT
// Where weights start. A weight is (out, in) or, of a convolution, (k, r, s, c): its outputs come
// first, and fan_in is the number of its elements an output, fan_out that an input. Layer nn.
#pragma once
#include <cmath>

#include "thrustgrad/core/random.h"
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

inline void require_weight(const char* op, const Shape& shape) {
  require(shape.rank() >= 2 && shape.numel() > 0, op, "a weight of shape ", shape,
          " has no inputs and outputs: expected (out, in) or (k, r, s, c)");
}

}  // namespace detail

/// The number of values that enter an output of a weight: all axes but the first.
inline index_t fan_in(const Shape& weight) {
  detail::require_weight("fan_in", weight);
  return weight.numel() / weight[0];
}

/// The number of values that an input of a weight enters: all axes but the last.
inline index_t fan_out(const Shape& weight) {
  detail::require_weight("fan_out", weight);
  return weight.numel() / weight[-1];
}

/// Uniform in +-sqrt(6 / ((1 + a^2) fan_in)), which keeps the variance through leaky ReLUs of slope
/// a. PyTorch's Linear and Conv2d start with a = sqrt 5: uniform in +-1 / sqrt(fan_in).
/// He et al., arXiv:1502.01852, equation 10.
template <floating T = float>
Tensor<T> kaiming_uniform(const Key& key, const Shape& shape, double a = 0) {
  const double bound = std::sqrt(6 / ((1 + a * a) * static_cast<double>(fan_in(shape))));
  return uniform<T>(key, shape, -bound, bound);
}

/// Normal with standard deviation sqrt(2 / ((1 + a^2) fan_in)); see kaiming_uniform.
template <floating T = float>
Tensor<T> kaiming_normal(const Key& key, const Shape& shape, double a = 0) {
  return randn<T>(key, shape) * std::sqrt(2 / ((1 + a * a) * static_cast<double>(fan_in(shape))));
}

/// Uniform in +-gain sqrt(6 / (fan_in + fan_out)).
/// Glorot & Bengio, "Understanding the difficulty of training deep feedforward networks", 2010,
/// equation 16.
template <floating T = float>
Tensor<T> xavier_uniform(const Key& key, const Shape& shape, double gain = 1) {
  const double bound = gain * std::sqrt(6 / static_cast<double>(fan_in(shape) + fan_out(shape)));
  return uniform<T>(key, shape, -bound, bound);
}

/// Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)); see xavier_uniform.
template <floating T = float>
Tensor<T> xavier_normal(const Key& key, const Shape& shape, double gain = 1) {
  return randn<T>(key, shape) *
         (gain * std::sqrt(2 / static_cast<double>(fan_in(shape) + fan_out(shape))));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
