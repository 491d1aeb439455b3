// error: a struct in a model has no references
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float>& weight;
};

auto result = [](const Model& model) { return tg::numel(model); };
