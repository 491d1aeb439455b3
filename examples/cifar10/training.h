// SPDX-License-Identifier: MIT
// The training: one step, one epoch, and the test accuracy. Everything that changes from step to
// step lies in device memory, and losses are read once an epoch.
#pragma once
#include "network.h"
#include "trace.h"

namespace cifar10 {

struct Recipe {
  tg::index_t epochs = 5;
  tg::index_t batch = 128;
  double peak_rate = 0.1;  // of the mean loss; reached after `warmup` epochs, 0 at the end
  double warmup = 2.5;
  tg::SgdSettings sgd{.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4};
  tg::Augmentation augmentation{.crop = true, .flip = tg::Flip::random};
};

/// A network on its way: what a step reads and writes.
struct Training {
  Training(const Recipe& recipe, const tg::ImageSet& images, const tg::Key& key)
      : network(make_network(fold(key, 0))),
        sgd(network, recipe.sgd),
        batches{images, recipe.batch, recipe.augmentation, fold(key, 1), tg::cifar_channels},
        schedule(make_schedule(recipe)) {}

  /// One batch; its loss is added to total_loss.
  void run_step(Trace* trace) {
    const auto batch = tg::training_batch<float>(batches, step.value);
    const auto rate = schedule(step);
    const auto [loss, gradient] = tg::value_and_grad(
        [&](const Network& net) {
          return cross_entropy(net(batch.images, Phase::train), batch.labels);
        },
        network);
    sgd.step(network, gradient, rate);
    tg::assign(total_loss, total_loss + loss);
    if (trace != nullptr) trace->record(batch, rate, loss);
    tg::advance(step);
  }

  tg::index_t steps_per_epoch() const { return batches.per_epoch(); }

  Network network;
  tg::Sgd<Network> sgd;
  tg::Batches batches;
  tg::PiecewiseLinear schedule;
  tg::Step step;
  tg::Buffer<float> total_loss = tg::scalar(0.0f);

 private:
  tg::PiecewiseLinear make_schedule(const Recipe& recipe) const {
    const double steps = static_cast<double>(batches.per_epoch()),
                 epochs = static_cast<double>(recipe.epochs);
    const double peak = std::min(recipe.warmup, epochs / 2);
    return {{0, 0}, {peak * steps, recipe.peak_rate}, {epochs * steps, 0}};
  }
};

/// The share of the images whose class the network names.
inline double test_accuracy(const Network& network, const tg::ImageSet& test) {
  constexpr tg::index_t size = 1000;
  tg::Buffer<std::int64_t> correct = tg::scalar<std::int64_t>(0);
  for (tg::index_t first = 0; first < test.count(); first += size) {
    const auto batch = tg::evaluation_batch<float>(test, first, size, tg::cifar_channels);
    tg::assign(correct, correct + count_correct(network(batch.images, Phase::eval), batch.labels));
  }
  return static_cast<double>(correct.item()) / static_cast<double>(test.count());
}

}  // namespace cifar10
