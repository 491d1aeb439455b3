// error: a Tensor inside a model is neither trained nor saved
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Layer {
  tg::Tensor<float> weight;
};
struct Model {
  Layer layer;
};

auto result = tg::numel(Model{});
