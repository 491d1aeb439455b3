// SPDX-License-Identifier: MIT
// A record of the first steps, for repeating them elsewhere: the start values, and of each step its
// batch, rate and loss, as safetensors in PyTorch's orders (tests/golden/cifar_first_losses.py
// reads them).
#pragma once
#include "network.h"

namespace cifar10 {

class Trace {
 public:
  /// Writes start.safetensors into the folder now, and steps.safetensors after `steps` steps.
  Trace(std::string folder, std::size_t steps, const Network& network)
      : folder_(std::move(folder)), steps_(steps) {
    tg::save(folder_ + "/start.safetensors", network);
  }

  bool complete() const { return losses_.size() == steps_; }

  void record(const tg::Batch<float>& batch, const Tensor<float>& rate, const Tensor<float>& loss) {
    images_.push_back(copy(permute(batch.images, {0, 3, 1, 2})));  // (n, 3, 32, 32)
    labels_.push_back(batch.labels);
    rates_.push_back(reshape(rate, {}));
    losses_.push_back(reshape(loss, {}));
    if (!complete()) return;
    tg::write_safetensors(folder_ + "/steps.safetensors", {{"images", tg::stack(images_, 0)},
                                                           {"labels", tg::stack(labels_, 0)},
                                                           {"rates", tg::stack(rates_, 0)},
                                                           {"losses", tg::stack(losses_, 0)}});
  }

 private:
  std::string folder_;
  std::size_t steps_;
  std::vector<Tensor<float>> images_, rates_, losses_;
  std::vector<Tensor<std::int64_t>> labels_;
};

}  // namespace cifar10
