// SPDX-License-Identifier: MIT
// Gradients: a model is a plain struct of parameters, and the gradient of a function of it is a
// value of the same struct type. There are no flags to set and nothing to clear: what runs inside
// grad is recorded, what runs outside is not. Here a line is fitted to points by gradient descent.
#include <thrustgrad/thrustgrad.h>

#include <cstdio>

namespace tg = thrustgrad;

struct Line {
  tg::Parameter<float> slope = tg::scalar(0.0f), offset = tg::scalar(0.0f);
};

int main() {
  const auto x = tg::arange<float>(5, 0, 0.5f), y = x * 3 - 1;  // (5), (5)
  const auto error = [&](const Line& l) {
    return tg::mean(tg::square(x * l.slope + l.offset - y));
  };
  Line line;
  for (int step = 0; step < 300; ++step) {
    const Line gradient = tg::grad(error, line);
    tg::assign(line.slope, line.slope - 0.2f * gradient.slope);
    tg::assign(line.offset, line.offset - 0.2f * gradient.offset);
  }
  std::printf("slope %.3f, offset %.3f\n", line.slope.item(), line.offset.item());
}

// Output:
// slope 3.000, offset -1.000
