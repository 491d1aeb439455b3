// error: the function given to visit takes a leaf of each model
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weight;
  tg::Parameter<double> scale;
};

auto result = (tg::visit([](const tg::Parameter<float>&) {}, Model{}), 0);
