// error: a model has no pointers
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <memory>

namespace tg = thrustgrad;

struct Model {
  std::vector<std::unique_ptr<tg::Parameter<float>>> weights;
};

auto result = [](const Model& model) { return tg::numel(model); }(Model{});
