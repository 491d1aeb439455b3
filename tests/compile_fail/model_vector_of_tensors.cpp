// error: make it a Parameter (trained) or a Buffer
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

auto result = tg::numel(std::vector<tg::Tensor<float>>{});
