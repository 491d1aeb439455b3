// error: a model has no pointers
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weight;
  tg::Parameter<float>* tied = &weight;
};

auto result = tg::numel(Model{});
