// error: a struct in a model has no C arrays
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  float table[1000];
  tg::Parameter<float> weight;
};

auto result = tg::numel(Model{});
