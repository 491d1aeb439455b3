// SPDX-License-Identifier: MIT
#include "thrustgrad/optim/average.h"

#include <doctest/doctest.h>

namespace {
namespace average_test {

namespace tg = thrustgrad;

struct Model {
  tg::Parameter<float> weight;
  tg::Parameter<tg::bf16> small;
  tg::Parameter<float> absent;
  tg::Buffer<double> running;
  tg::Buffer<std::int64_t> count;
};

Model filled(float x) {
  return {tg::full<float>({2, 3}, x),
          tg::full<tg::bf16>({4}, tg::bf16(x)),
          {},
          tg::full<double>({3}, x),
          tg::scalar(static_cast<std::int64_t>(x))};
}

TEST_CASE("an average moves towards the model, buffers too, and integers are copied") {
  Model average = filled(1);
  tg::ema(average, filled(5), 0.75);
  CHECK(tg::to_host(average.weight) == std::vector<float>(6, 2.0f));
  CHECK(tg::to_host(average.small)[3] == tg::bf16(2));
  CHECK(tg::to_host(average.running) == std::vector<double>(3, 2.0));
  CHECK(average.count.item() == 5);
  CHECK_FALSE(average.absent.defined());
  tg::ema(average, filled(4), tg::scalar(0.5f));
  CHECK(tg::to_host(average.weight) == std::vector<float>(6, 3.0f));
}

TEST_CASE("a constant model is its own average to the last bit") {
  const Model model = filled(0.1f);
  Model average = model;
  for (int i = 0; i < 10; ++i) tg::ema(average, model, 0.999);
  CHECK(tg::to_host(average.weight) == tg::to_host(model.weight));
}

TEST_CASE("averaging is in place, reads nothing back and, once warm, allocates nothing") {
  Model average = filled(1);
  const Model model = filled(2);
  const auto decay = tg::scalar(0.9f);
  tg::ema(average, model, decay);
  const float* const address = average.weight.data();
  const auto before = tg::Pool::instance().statistics();
  {
    const tg::NoReadback forbidden;
    tg::ema(average, model, decay);
  }
  CHECK(average.weight.data() == address);
  CHECK(tg::Pool::instance().statistics().allocations == before.allocations);
}

TEST_CASE("an average of another shape is refused") {
  Model average = filled(1), model = filled(2);
  model.weight = tg::zeros<float>({3, 3});
  CHECK_THROWS_WITH_AS(tg::ema(average, model, 0.9), doctest::Contains("(3, 3)"), tg::Error);
}

}  // namespace average_test
}  // namespace
