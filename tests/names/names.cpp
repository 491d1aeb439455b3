// SPDX-License-Identifier: MIT
// Prints the names that a model's parameters and buffers have in files. tests/CMakeLists.txt
// compiles it with every compiler at hand and compares the output with names.txt: files must go
// from one program to another whatever built them.
#include <cstdio>

#include "thrustgrad/autograd/visit.h"

namespace tg = thrustgrad;

namespace user {

struct Linear {
  tg::Parameter<float> weight, bias;
};

template <class T> struct Norm {
  tg::Parameter<T> weight;
  tg::Buffer<float> running_mean;
  double momentum = 0.1;
};

class Scaled {  // lists its fields itself
 public:
  auto fields() { return tg::fields(tg::field("scale", hidden_), tg::field("inner", inner_)); }

 private:
  tg::Parameter<float> hidden_;
  Linear inner_;
};

struct Block {
  Linear first;
  Norm<tg::bf16> norm;
  std::optional<Linear> projection;
};

struct Network {
  Linear stem_2;
  std::vector<Block> blocks;
  std::array<Norm<double>, 2> norms;
  std::pair<Linear, tg::Parameter<float>> heads;
  Scaled scaled;
};

}  // namespace user

int main() {
  user::Network network;
  network.blocks.resize(2);
  network.blocks[1].projection.emplace();
  tg::visit([](const std::string& name, const auto&) { std::printf("%s\n", name.c_str()); },
            network);
}
