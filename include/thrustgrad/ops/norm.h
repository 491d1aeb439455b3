// SPDX-License-Identifier: MIT
// Normalisation as plain compositions. Statistics are taken in float for the 16-bit types. Layer
// ops.
#pragma once
#include "thrustgrad/ops/phase.h"
#include "thrustgrad/ops/reduce.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// How batch norm forgets, and what it adds to a variance.
struct BatchNormSettings {
  double momentum = 0.1;  // the share of a new batch in the running statistics
  double epsilon = 1e-5;
};

/// Each channel with mean 0 and variance 1 over all other axes, times weight plus bias:
///   y = (x - mean) / sqrt(variance + epsilon) weight + bias,   x (..., c), the others (c)
/// In training with the statistics of the batch; its one side effect: they are mixed into the
/// running mean and (unbiased) variance, which evaluation uses.
/// Throws if the channel counts differ, or in training with one element a channel.
/// Source: Ioffe & Szegedy, arXiv:1502.03167, algorithms 1 and 2.
template <floating T, floating W>
Tensor<T> batch_norm(const Tensor<T>& x, const Tensor<W>& weight, const Tensor<W>& bias,
                     Buffer<W>& running_mean, Buffer<W>& running_var, Phase phase,
                     const BatchNormSettings& settings = {}) {
  const detail::OpScope scope("batch_norm");
  using C = compute_t<T>;
  require(x.rank() >= 2, "batch_norm", "x ", x.shape, " has no axis besides its channels");
  const Shape channels{x.size(-1)};
  require(weight.shape == channels && bias.shape == channels && running_mean.shape == channels &&
              running_var.shape == channels,
          "batch_norm", "x ", x.shape, " has ", x.size(-1), " channels, but weight ", weight.shape,
          ", bias ", bias.shape, ", running mean ", running_mean.shape, " and variance ",
          running_var.shape);
  const auto affine = [&](const Tensor<C>& centred, const auto& variance) {
    return cast<T>(centred * (rsqrt(variance + settings.epsilon) * weight) + bias);
  };
  const auto values = cast<C>(x);
  if (phase == Phase::eval) return affine(values - running_mean, running_var);

  Shape axes;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) axes.push_back(axis);
  const index_t n = x.numel() / std::max<index_t>(x.size(-1), 1);
  require(n > 1, "batch_norm", "x ", x.shape,
          " has one element a channel: its variance is unknown");
  const auto mean = thrustgrad::mean(values, axes);
  const auto centred = values - mean;
  const auto variance = sum_squares(centred, axes) * (C(1) / static_cast<C>(n));
  {
    const detail::PauseRecording pause;
    const auto mix = [&](Buffer<W>& running, const Tensor<C>& batch) {
      assign(running, cast<W>(running * (1 - settings.momentum) + batch * settings.momentum));
    };
    mix(running_mean, mean);
    mix(running_var, variance * (static_cast<C>(n) / static_cast<C>(n - 1)));
  }
  return affine(centred, variance);
}

/// The last axes, as many as weight has, with mean 0 and variance 1, times weight plus bias.
/// Throws if the last axes of x are not weight's shape.
/// Source: Ba et al., arXiv:1607.06450.
template <floating T, floating W>
Tensor<T> layer_norm(const Tensor<T>& x, const Tensor<W>& weight, const Tensor<W>& bias,
                     double epsilon = 1e-5) {
  const detail::OpScope scope("layer_norm");
  using C = compute_t<T>;
  const int rank = weight.rank();
  require(rank > 0 && rank <= x.rank() &&
              x.shape.slice(x.rank() - rank, x.rank()) == weight.shape &&
              bias.shape == weight.shape,
          "layer_norm", "x ", x.shape, " does not end with the shape of weight ", weight.shape,
          " and bias ", bias.shape);
  Shape axes;
  for (int axis = x.rank() - rank; axis < x.rank(); ++axis) axes.push_back(axis);
  const auto values = cast<C>(x);
  const auto centred = values - mean(values, axes, Keep::axes);
  const auto variance = mean(square(centred), axes, Keep::axes);
  return cast<T>(centred * rsqrt(variance + epsilon) * weight + bias);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
