// error: a model is made of Parameter, Buffer, numbers
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <functional>

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weight;
  std::function<float(float)> activation;
};

auto result = tg::numel(Model{});
