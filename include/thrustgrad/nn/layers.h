// SPDX-License-Identifier: MIT
// Layers: plain structs of parameters that are called like functions, and functions that make them
// with PyTorch's start values. Parameters are named as in PyTorch, so that files go both ways
// (io/checkpoint.h). They are float whatever the activations are: block(cast<bf16>(x)) computes in
// bf16 with float master weights. A model is a struct of layers, and layers that may be missing are
// optional:
//
//   struct Block {
//     tg::Conv2d conv;
//     tg::BatchNorm norm;
//     std::optional<tg::Conv2d> projection;
//     auto operator()(const auto& x, tg::Phase phase) const {
//       return tg::relu(norm(conv(x), phase)) + (projection ? (*projection)(x) : x);
//     }
//   };
//   struct Network {
//     std::vector<Block> blocks;
//     tg::Linear head;
//   };
//   tg::save("network.safetensors", network);  // blocks.0.projection.weight, ...
//
// Layer nn.
#pragma once
#include "thrustgrad/nn/init.h"
#include "thrustgrad/ops/conv.h"
#include "thrustgrad/ops/dropout.h"
#include "thrustgrad/ops/gather.h"
#include "thrustgrad/ops/matmul.h"
#include "thrustgrad/ops/norm.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Whether a layer has a bias. Without one, its bias is absent.
enum class Bias { no, yes };

namespace detail {

/// PyTorch's start values of weight and bias: both uniform in +-1 / sqrt(fan_in).
template <class Layer> Layer start(const Key& key, const Shape& weight, Bias has_bias) {
  Layer layer;
  layer.weight = kaiming_uniform(fold(key, 0), weight, std::sqrt(5.0));
  if (has_bias == Bias::yes) {
    const double bound = 1 / std::sqrt(static_cast<double>(fan_in(weight)));
    layer.bias = uniform(fold(key, 1), {weight[0]}, -bound, bound);
  }
  return layer;
}

}  // namespace detail

/// x weight^T + bias, (..., in) -> (..., out).
struct Linear {
  Parameter<float> weight;  // (out, in)
  Parameter<float> bias;    // (out), or absent

  template <floating T> Tensor<T> operator()(const Tensor<T>& x) const {
    return linear(x, weight, bias);
  }
};

template <std::same_as<Key> K>
Linear make_linear(const K& key, index_t in, index_t out, Bias bias = Bias::yes) {
  return detail::start<Linear>(key, {out, in}, bias);
}

/// The 2-D convolution with weight, plus bias: (n, h, w, c) -> (n, p, q, k).
struct Conv2d {
  Parameter<float> weight;  // (k, r, s, c)
  Parameter<float> bias;    // (k), or absent
  Window window;

  template <floating T> Tensor<T> operator()(const Tensor<T>& x) const {
    const Tensor<T> y = conv2d(x, weight, window);
    return bias.defined() ? y + bias : y;
  }
};

struct Conv2dSettings {
  int kernel = 3;
  int stride = 1, padding = 0, dilation = 1;
  Bias bias = Bias::yes;
};

/// make_conv2d(key, 64, 128, {.stride = 2, .padding = 1, .bias = tg::Bias::no})
template <std::same_as<Key> K>
Conv2d make_conv2d(const K& key, index_t in, index_t out, const Conv2dSettings& settings = {}) {
  const Shape weight{out, settings.kernel, settings.kernel, in};
  Conv2d layer = detail::start<Conv2d>(key, weight, settings.bias);
  layer.window = {settings.stride, settings.padding, settings.dilation};
  return layer;
}

/// Each channel, the last axis, with mean 0 and variance 1 over all others, times weight plus bias.
/// In training a call writes the running statistics: the one side effect of a forward pass, and
/// the reason why they are mutable.
struct BatchNorm {
  Parameter<float> weight, bias;                    // (c)
  mutable Buffer<float> running_mean, running_var;  // (c)
  BatchNormSettings settings;

  template <floating T> Tensor<T> operator()(const Tensor<T>& x, Phase phase) const {
    return batch_norm(x, weight, bias, running_mean, running_var, phase, settings);
  }
};

template <std::integral I>
BatchNorm make_batch_norm(I channels, const BatchNormSettings& settings = {}) {
  const Shape shape{static_cast<index_t>(channels)};
  return {ones<float>(shape), zeros<float>(shape), zeros<float>(shape), ones<float>(shape),
          settings};
}

/// The last axes with mean 0 and variance 1, times weight plus bias.
struct LayerNorm {
  Parameter<float> weight, bias;  // the shape of these axes
  double epsilon = 1e-5;

  template <floating T> Tensor<T> operator()(const Tensor<T>& x) const {
    return layer_norm(x, weight, bias, epsilon);
  }
};

inline LayerNorm make_layer_norm(const Shape& shape, double epsilon = 1e-5) {
  return {ones<float>(shape), zeros<float>(shape), epsilon};
}

/// Zeros at random in training, scaled so that the mean stays; what a key drops is the same each
/// time.
struct Dropout {
  double p = 0.5;  // the probability of a zero

  template <floating T>
  Tensor<T> operator()(const Tensor<T>& x, const Key& key, Phase phase) const {
    return dropout(x, p, key, phase);
  }
};

/// A row of weight for each position: (...) of int32 or int64 -> (..., d).
struct Embedding {
  Parameter<float> weight;  // (size, d)

  template <detail::position I> Tensor<float> operator()(const Tensor<I>& positions) const {
    const Tensor<I> list = reshape(positions, {positions.numel()});
    return reshape(index_select(weight, 0, list), positions.shape + Shape{weight.size(1)});
  }
};

/// Starts standard normal.
template <std::same_as<Key> K> Embedding make_embedding(const K& key, index_t size, index_t d) {
  return {randn(key, {size, d})};
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
