// error: use std::array, which can be copied
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weights[2];
};

auto result = tg::numel(Model{});
