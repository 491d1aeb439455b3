// error: a struct in a model has no base class
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Tag {};
struct Model : Tag {
  tg::Parameter<float> weight;
};

auto result = tg::numel(Model{});
