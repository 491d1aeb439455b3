// error: a parameter used twice is one field used twice
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <memory>

namespace tg = thrustgrad;

struct Model {
  std::shared_ptr<tg::Parameter<float>> weight;
};

auto result = [](const Model& model) { return tg::numel(model); }(Model{});
