// error: a struct in a model has at most 24 fields
// SPDX-License-Identifier: MIT
#include "thrustgrad/autograd/model.h"

namespace tg = thrustgrad;

struct Model {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
  tg::Parameter<float> weight;
};

auto result = tg::numel(Model{});
