// error: it has no references and no const members
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  const tg::Parameter<float>& weight;
};

auto result = [](const Model& model) { return tg::numel(model); };
