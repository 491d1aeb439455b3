// error: a model has no maps or sets
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <map>
#include <string>

namespace tg = thrustgrad;

struct Model {
  std::map<std::string, tg::Parameter<float>> weights;
};

auto result = tg::numel(Model{});
