// error: a model has no unions or variants
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

union Number {
  int integer;
  float real;
};
struct Model {
  tg::Parameter<float> weight;
  Number number;
};

auto result = tg::numel(Model{});
