// error: lists what it holds in a member fields()
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

class Model {
 public:
  const tg::Parameter<float>& weight() const { return weight_; }

 private:
  tg::Parameter<float> weight_;
};

auto result = tg::numel(Model{});
