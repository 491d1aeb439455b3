// error: a class with fields() has a default constructor
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

class Model {
 public:
  explicit Model(tg::index_t n) : weight_(tg::zeros<float>({n})) {}
  auto fields() { return tg::fields(tg::field("weight", weight_)); }

 private:
  tg::Parameter<float> weight_;
};

auto result = tg::skeleton(Model(3));
