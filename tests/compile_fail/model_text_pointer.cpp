// error: std::string for text
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weight;
  const char* label;
};

auto result = tg::numel(Model{});
