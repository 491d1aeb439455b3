// error: models that are visited together have the same type
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weight;
};
struct Other {
  tg::Parameter<float> weight;
};

auto result = (tg::visit([](const auto&, const auto&) {}, Model{}, Other{}), 0);
