// SPDX-License-Identifier: MIT
// The smallest program of a user.
#include <thrustgrad/thrustgrad.h>

#include <cstdio>

namespace tg = thrustgrad;

int main() {
  const auto x = tg::ones<float>({2, 3});
  std::printf("%lld elements\n", static_cast<long long>(x.numel()));
  return x.numel() == 6 ? 0 : 1;
}
