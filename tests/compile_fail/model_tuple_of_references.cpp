// error: only the outermost tuple may be
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

#include <tuple>

namespace tg = thrustgrad;

struct Model {
  std::tuple<tg::Parameter<float>&> weights;
};

auto result = [](const Model& model) { return tg::numel(model); };
