// error: a model has no unions or variants
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <variant>

namespace tg = thrustgrad;

struct Model {
  std::variant<tg::Parameter<float>, tg::Parameter<double>> weight;
};

auto result = tg::numel(Model{});
