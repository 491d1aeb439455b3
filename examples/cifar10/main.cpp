// SPDX-License-Identifier: MIT
// Trains a small residual network on CIFAR-10 and saves it where PyTorch can load it. Without
// --data it trains on a built-in data set of shapes in the same format.
#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>

#include "training.h"

namespace {

namespace tg = thrustgrad;
using namespace cifar10;

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int signal) {
  interrupted = signal;
  std::signal(signal, SIG_DFL);  // a second one ends the program at once
}

struct Options {
  std::string data, out = "cifar10-out";
  std::uint64_t seed = 1;
  Recipe recipe;
  std::size_t trace = 0;
};

/// The data set of --data, or the built-in one with a notice.
tg::Cifar10 load_data(const std::string& folder) {
  if (!folder.empty()) return tg::read_cifar10(folder);
  std::printf(
      "No --data given: this is NOT CIFAR-10 but a built-in data set of ten classes of shapes.\n");
  return {tg::synthetic_images(50000, 1), tg::synthetic_images(10000, 2)};
}

void save(const Training& training, const std::string& folder) {
  const std::string path = folder + "/network.safetensors";
  tg::save(path, training.network);
  std::printf("saved %s\n", path.c_str());
}

int train(const Options& options) {
  std::filesystem::create_directories(options.out);
  const tg::Cifar10 data = load_data(options.data);
  const tg::Normalization colours = tg::channel_statistics(data.train);
  const tg::ImageSet train = tg::image_set(data.train, colours, 4),
                     test = tg::image_set(data.test, colours);
  Training training(options.recipe, train, tg::Key(options.seed));
  std::optional<Trace> trace;
  if (options.trace > 0) trace.emplace(options.out, options.trace, training.network);
  auto step = tg::captured([&] { training.run_step(nullptr); });
  std::printf("%ld parameters, %ld training and %ld test images, batches of %ld, %s\n",
              tg::numel(training.network), train.count(), test.count(), options.recipe.batch,
              tg::device::describe().c_str());
  std::printf("epoch   loss   test accuracy   images/s   seconds\n");
  std::fflush(stdout);  // a log file shows at once that it has begun
  double seconds = 0;
  for (tg::index_t epoch = 0; epoch < options.recipe.epochs; ++epoch) {
    const tg::device::Timer timer;
    tg::shuffle(training.batches, epoch);
    tg::assign(training.total_loss, tg::scalar(0.0f));
    const tg::index_t steps = training.steps_per_epoch();
    for (tg::index_t i = 0; i < steps && interrupted == 0; ++i) {
      if (trace && !trace->complete())
        training.run_step(&*trace);
      else
        step();
    }
    if (interrupted != 0) {
      std::printf("interrupted in epoch %ld\n", epoch + 1);
      save(training, options.out);
      return 128 + interrupted;
    }
    const double loss = training.total_loss.item() / static_cast<double>(steps);
    const double elapsed = timer.seconds();
    seconds += elapsed;
    tg::require(std::isfinite(loss), "cifar10", "the loss is no longer a number in epoch ",
                epoch + 1, "; the network is not saved. A smaller --rate may help");
    std::printf("%5ld  %6.4f   %10.2f %%   %8.0f   %7.1f\n", epoch + 1, loss,
                100 * test_accuracy(training.network, test),
                static_cast<double>(steps * options.recipe.batch) / elapsed, seconds);
    std::fflush(stdout);
  }
  save(training, options.out);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Trains a small residual network on CIFAR-10.");
  app.add_option("--data", options.data,
                 "folder with data_batch_1.bin ... test_batch.bin; default: built-in shapes");
  app.add_option("--epochs", options.recipe.epochs, "passes over the training images")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--batch", options.recipe.batch, "images a step")
      ->check(CLI::Range(2, 50000))
      ->capture_default_str();
  app.add_option("--rate", options.recipe.peak_rate, "peak learning rate")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of start values, order and augmentation")
      ->capture_default_str();
  app.add_option("--out", options.out, "folder for network.safetensors")->capture_default_str();
  app.add_option("--trace", options.trace, "record this many first steps in --out")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  try {
    return train(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
