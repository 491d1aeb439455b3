// error: a struct in a model has no base class
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Base {
  tg::Parameter<float> weight;
};
struct Model : Base {
  tg::Parameter<float> bias;
};

auto result = tg::numel(Model{});
