// SPDX-License-Identifier: MIT
// The network: a small residual network for 32 x 32 images. Shapes stand at the right margin.
#pragma once
#include <thrustgrad/thrustgrad.h>

namespace cifar10 {

namespace tg = thrustgrad;
using tg::Phase;
using tg::Tensor;

/// A convolution without bias, normalised.
struct ConvNorm {
  tg::Conv2d conv;
  tg::BatchNorm norm;

  Tensor<float> operator()(const Tensor<float>& x, Phase phase) const {
    return norm(conv(x), phase);
  }
};

inline ConvNorm make_conv_norm(const tg::Key& key, tg::index_t in, tg::index_t out, int kernel,
                               int stride) {
  const tg::Conv2dSettings settings{
      .kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = tg::Bias::no};
  return {tg::make_conv2d(key, in, out, settings), tg::make_batch_norm(out)};
}

/// Two convolutions beside a shortcut, which is a 1x1 convolution where the shape changes.
/// Source: He et al., arXiv:1512.03385.
struct Stage {
  tg::Conv2d conv1;
  tg::BatchNorm norm1;
  tg::Conv2d conv2;
  tg::BatchNorm norm2;
  std::optional<ConvNorm> shortcut;

  Tensor<float> operator()(const Tensor<float>& x, Phase phase) const {
    const auto y = norm2(conv2(relu(norm1(conv1(x), phase))), phase);
    return relu(y + (shortcut ? (*shortcut)(x, phase) : x));
  }
};

inline Stage make_stage(const tg::Key& key, tg::index_t in, tg::index_t out, int stride) {
  Stage stage;
  ConvNorm first = make_conv_norm(fold(key, 0), in, out, 3, stride),
           second = make_conv_norm(fold(key, 1), out, out, 3, 1);
  stage.conv1 = std::move(first.conv);
  stage.norm1 = std::move(first.norm);
  stage.conv2 = std::move(second.conv);
  stage.norm2 = std::move(second.norm);
  if (in != out || stride != 1) stage.shortcut = make_conv_norm(fold(key, 2), in, out, 1, stride);
  return stage;
}

struct Network {
  ConvNorm prep;
  std::vector<Stage> stages;
  tg::Linear head;

  Tensor<float> operator()(const Tensor<float>& images, Phase phase) const {  // (n, 32, 32, 3)
    auto x = max_pool2d(relu(prep(images, phase)), 2);                        // (n, 16, 16, 32)
    for (const Stage& stage : stages) x = stage(x, phase);                    // (n, 4, 4, 128)
    return head(global_avg_pool(x));                                          // (n, 10)
  }
};

/// Channels 32, 64, 128 at 16, 8 and 4 cells a side, with PyTorch's start values.
inline Network make_network(const tg::Key& key) {
  Network network{
      make_conv_norm(fold(key, 0), 3, 32, 3, 1), {}, tg::make_linear(fold(key, 4), 128, 10)};
  network.stages.push_back(make_stage(fold(key, 1), 32, 32, 1));
  network.stages.push_back(make_stage(fold(key, 2), 32, 64, 2));
  network.stages.push_back(make_stage(fold(key, 3), 64, 128, 2));
  return network;
}

}  // namespace cifar10
