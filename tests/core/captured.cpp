// SPDX-License-Identifier: MIT
// Captured steps: the same training, bit for bit; what goes stale, what stays alive, and errors. On
// the host system a captured step is a plain call, and most of this holds for both; what only a
// replay shows is skipped there. A recorder that works at once shows the bookkeeping on both.
#include "thrustgrad/core/captured.h"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "thrustgrad/autograd/grad.h"
#include "thrustgrad/core/random.h"
#include "thrustgrad/ops/matmul.h"
#include "thrustgrad/ops/pointwise.h"
#include "thrustgrad/ops/reduce.h"
#include "thrustgrad/optim/sgd.h"

namespace captured_test {

namespace tg = thrustgrad;
using tg::Parameter;
using tg::Tensor;

namespace {

using floats = std::vector<float>;

constexpr bool replays = tg::device::Graph::replays;

// A check that needs replays; where there are none, the report says what was left out.
#define CHECK_IF_REPLAYED(...)                       \
  do {                                               \
    if constexpr (replays)                           \
      CHECK(__VA_ARGS__);                            \
    else                                             \
      MESSAGE("skipped, no replays: " #__VA_ARGS__); \
  } while (false)

struct Model {
  Parameter<float> weight = tg::reshape(tg::arange<float>(12, -1, 0.2f), {4, 3});
  Parameter<float> bias = tg::zeros<float>({3});
};

floats elements(const Model& model) {
  floats all = tg::to_host(model.weight);
  const floats bias = tg::to_host(model.bias);
  all.insert(all.end(), bias.begin(), bias.end());
  return all;
}

// A regression with noisy inputs that are new at every step.
struct Training {
  Model model;
  tg::Sgd<Model> sgd{model, {.momentum = 0.9}};
  tg::Step step;

  Tensor<float> operator()() {
    const auto x = tg::randn(tg::Key(5).at(step.value), {8, 4});
    const auto loss_of = [&](const Model& m) {
      return tg::mean(tg::square(tg::matmul(x, m.weight) + m.bias - 0.5f));
    };
    const auto [loss, gradient] = tg::value_and_grad(loss_of, model);
    const auto rate = 0.1f / (tg::cast<float>(step.value) + 1.0f);
    sgd.step(model, gradient, rate);
    tg::advance(step);
    return loss;
  }
};

// Takes the place of a graph: "recording" works at once, a launch does nothing.
struct AtOnce {
  static constexpr bool replays = true;
  static inline int launches = 0;
  template <class F> void record(const F& f) { f(); }
  void launch() { ++launches; }
};
template <class F> tg::Captured<F, AtOnce> at_once(F step) {
  return tg::Captured<F, AtOnce>(std::move(step));
}

}  // namespace

TEST_CASE("a captured training step computes what the plain step computes, bit for bit") {
  Training plain, recorded;
  auto train = tg::captured([&] { return recorded(); });
  for (int i = 0; i < 6; ++i) CHECK(train().item() == plain().item());
  CHECK(elements(recorded.model) == elements(plain.model));
  CHECK(elements(recorded.sgd.velocity) == elements(plain.sgd.velocity));
  CHECK(recorded.step.value.item() == 6);
}

TEST_CASE("plain calls between replays do the same work") {
  Training plain, mixed;
  auto train = tg::captured([&] { return mixed(); });
  for (int i = 0; i < 9; ++i) {
    const float loss = i % 3 == 2 ? mixed().item() : train().item();
    CHECK(loss == plain().item());
  }
  CHECK(elements(mixed.model) == elements(plain.model));
}

TEST_CASE("a parameter may be assigned between replays") {
  Parameter<float> p = tg::ones<float>({2});
  auto step = tg::captured([&] {
    tg::assign(p, p * 2.0f);
    return tg::sum(p);
  });
  for (const float sum : {4.0f, 8.0f, 16.0f}) CHECK(step().item() == sum);
  tg::assign(p, tg::from_host<float>({1, 10}, {2}));
  CHECK(step().item() == 22);
  CHECK(tg::to_host(p) == floats{2, 20});
}

TEST_CASE("a snapshot of the model does not change") {
  Training training;
  auto train = tg::captured([&] { return training(); });
  train();
  train();
  const Model best = training.model;
  const floats before = elements(best);
  for (int i = 0; i < 3; ++i) train();
  CHECK(elements(best) == before);
  CHECK(elements(training.model) != before);
}

TEST_CASE("values of the host are those of the recording") {
  Parameter<float> p = tg::zeros<float>({2});
  float rate = 1;
  auto step = tg::captured([&] {
    tg::assign(p, p + rate);
    return copy(p);
  });
  step();
  CHECK(tg::to_host(step()) == floats{2, 2});
  rate = std::numeric_limits<float>::quiet_NaN();
  CHECK_IF_REPLAYED(tg::to_host(step()) == floats{3, 3});
  CHECK_IF_REPLAYED(tg::to_host(p) == floats{3, 3});
}

TEST_CASE("what was taken from a parameter is stale after a replay, the parameter is not") {
  Training training;
  auto train = tg::captured([&] { return training(); });
  for (int i = 0; i < 4; ++i) {
    const Tensor<float> weight = training.model.weight;
    const Tensor<std::int64_t> number = training.step.value;
    CHECK(number.item() == i);
    train();
    CHECK_THROWS_WITH_AS(tg::exp(weight), doctest::Contains("exp: an operand of shape (4, 3) is"),
                         tg::Error);
    CHECK_THROWS_AS(number.item(), tg::Error);
    CHECK(training.step.value.item() == i + 1);
  }
}

TEST_CASE("a result is stale after the next replay, and a copy of it is not") {
  Parameter<float> p = tg::zeros<float>({2});
  auto step = tg::captured([&] {
    tg::assign(p, p + 1.0f);
    return p * 2.0f;
  });
  step();
  const auto second = step();
  const auto copied = tg::copy(second);
  const float* const address = second.data();
  const auto third = step();
  CHECK(tg::to_host(copied) == floats{4, 4});
  CHECK(tg::to_host(third) == floats{6, 6});
  CHECK_IF_REPLAYED(third.data() == address);
  if constexpr (replays) {
    CHECK_THROWS_WITH_AS(tg::sum(second), doctest::Contains("sum: an operand of shape (2) is"),
                         tg::Error);
  }
}

TEST_CASE("steps return nothing, tuples, lists and structs of tensors") {
  struct Both {
    Tensor<float> value;
    std::vector<Tensor<float>> list;
    int number;
  };
  Parameter<float> p = tg::zeros<float>({});
  auto nothing = tg::captured([&] { tg::assign(p, p + 1.0f); });
  static_assert(std::is_void_v<decltype(nothing())>);
  auto pair = tg::captured([&] { return std::tuple(p + 1.0f, tg::cast<double>(p)); });
  auto both = tg::captured([&] { return Both{p + 2.0f, {p + 3.0f, p + 4.0f}, 7}; });
  for (int i = 1; i < 5; ++i) {
    nothing();
    const auto [a, b] = pair();
    const auto [value, list, number] = both();
    CHECK(p.item() == static_cast<float>(i));
    CHECK(a.item() == static_cast<float>(i + 1));
    CHECK(b.item() == i);
    CHECK(value.item() == static_cast<float>(i + 2));
    CHECK(list[1].item() == static_cast<float>(i + 4));
    CHECK(number == 7);
  }
}

TEST_CASE("a result may be a parameter's newest elements, or those that it no longer has") {
  Parameter<float> p = tg::zeros<float>({});
  auto newest = tg::captured([&] {
    tg::assign(p, p + 1.0f);
    return Tensor<float>(p);
  });
  auto older = tg::captured([&] {
    const Tensor<float> before = p;
    tg::assign(p, p + 1.0f);
    return before;
  });
  for (int i = 0; i < 4; ++i) {
    const float value = newest().item();
    CHECK(value == p.item());
    CHECK_THROWS_AS(older().item(), tg::Error);
  }
}

TEST_CASE("a captured step may outlive its model") {
  auto training = std::make_unique<Training>();
  auto train = tg::captured([&] { return (*training)(); });
  const float first = train().item();
  train();
  if constexpr (replays) {
    training.reset();
    CHECK(train().item() < first);
  } else {
    MESSAGE("skipped, no replays: a replay after the end of the model");
  }
}

TEST_CASE("a model and the results may outlive a captured step") {
  Training training, plain;
  Tensor<float> loss;
  {
    auto train = tg::captured([&] { return training(); });
    for (int i = 0; i < 3; ++i) loss = train();
  }
  for (int i = 0; i < 2; ++i) plain();
  CHECK(loss.item() == plain().item());
  CHECK(elements(training.model) == elements(plain.model));
  CHECK(training().item() == plain().item());
}

TEST_CASE("a captured step may be moved") {
  Training training, plain;
  auto train = tg::captured([&] { return training(); });
  for (int i = 0; i < 2; ++i) CHECK(train().item() == plain().item());
  auto moved = std::move(train);
  CHECK(moved().item() == plain().item());
}

TEST_CASE("an exception inside the step passes on, and the next call works") {
  Training training, plain;
  int calls = 0;
  auto train = tg::captured([&] {
    const auto loss = training();
    if (++calls == 2) throw std::runtime_error("the second call");
    return loss;
  });
  CHECK(train().item() == plain().item());
  const Tensor<float> before = training.model.weight;
  CHECK_THROWS_WITH_AS(train(), "the second call", std::runtime_error);
  CHECK_THROWS_AS(before.data(), tg::Error);
  if (!replays) plain();  // the work was done before the exception
  for (int i = 0; i < 3; ++i) CHECK(train().item() == plain().item());
  CHECK(elements(training.model) == elements(plain.model));
}

TEST_CASE("a training step allocates nothing once it is replayed") {
  Training training;
  auto train = tg::captured([&] { return training(); });
  Tensor<float> loss;
  for (int i = 0; i < 3; ++i) loss = train();
  const auto before = tg::Pool::instance().statistics();
  for (int i = 0; i < 3; ++i) loss = train();
  const auto after = tg::Pool::instance().statistics();
  CHECK(after.allocations == before.allocations);
  CHECK(after.in_use == before.in_use);
  CHECK(after.cached == before.cached);
}

TEST_CASE("a captured step inside another is a part of it") {
  Parameter<float> p = tg::zeros<float>({});
  auto inner = tg::captured([&] {
    tg::assign(p, p + 1.0f);
    return p * 1.0f;
  });
  auto outer = tg::captured([&] { return inner() + inner(); });
  for (int i = 0; i < 4; ++i) CHECK(outer().item() == static_cast<float>(4 * i + 3));
  CHECK(inner().item() == 9);
}

TEST_CASE("a captured step is not called while a gradient is recorded") {
  Model model;
  auto step = tg::captured([&] { return tg::sum(model.weight); });
  CHECK_THROWS_WITH_AS(tg::grad([&](const Model&) { return step(); }, model),
                       doctest::Contains("captured: called inside value_and_grad"), tg::Error);
}

TEST_CASE("what a recording reads back throws and names the operation") {
  Parameter<float> p = tg::ones<float>({1});
  const auto check_refused = [&](const char* op, auto use) {
    auto step = at_once([&] {
      tg::assign(p, p + 1.0f);
      use();
      return copy(p);
    });
    step();
    const std::string message = std::string(op) + ": ";
    CHECK_THROWS_WITH_AS(step(), doctest::Contains(message.c_str()), tg::Error);
    CHECK_THROWS_WITH_AS(step(), doctest::Contains("while a step is captured"), tg::Error);
    CHECK(p.defined());
  };
  check_refused("item", [&] { p.item(); });
  check_refused("to_host", [&] { tg::to_host(p); });
  check_refused("from_host", [&] { tg::from_host<float>({1}, {1}); });
  CHECK(p.item() > 1);
}

TEST_CASE("reading back inside a step fails where steps are recorded, and nothing else does") {
  Training training, plain;
  bool reads = true;
  auto train = tg::captured([&] {
    const auto loss = training();
    if (reads) loss.item();
    return loss;
  });
  CHECK(train().item() == plain().item());
  if constexpr (replays)
    CHECK_THROWS_WITH_AS(train(), doctest::Contains("item: reads back"), tg::Error);
  else
    MESSAGE("skipped, no replays: item() inside a step throws");
  CHECK(training().item() == plain().item());
  reads = false;
  for (int i = 0; i < 3; ++i) CHECK(train().item() == plain().item());
}

TEST_CASE("each replay is one launch, and advances the versions that the recording advanced") {
  Parameter<float> written = tg::ones<float>({2});
  const Parameter<float> read = tg::ones<float>({2});
  int calls = 0;
  auto step = at_once([&] {
    ++calls;
    tg::assign(written, written + read);
    return std::pair(written + read, Tensor<float>(read));
  });
  AtOnce::launches = 0;
  step();
  CHECK(AtOnce::launches == 0);
  const auto second = step();
  CHECK(AtOnce::launches == 1);
  CHECK(tg::to_host(second.first) == floats{4, 4});
  const Tensor<float> before = written;
  const auto third = step();
  CHECK(AtOnce::launches == 2);
  CHECK(calls == 2);
  CHECK_THROWS_AS(before.data(), tg::Error);
  CHECK_THROWS_AS(second.first.data(), tg::Error);
  CHECK(second.second.data() == read.data());  // nobody wrote to it
  CHECK(third.second.data() == read.data());
  CHECK(tg::to_host(third.first) == floats{4, 4});
  CHECK(tg::to_host(written) == floats{3, 3});
}

TEST_CASE("tensors that got out of a step are stale after a replay, or if it failed") {
  const auto x = tg::ones<float>({2});
  Tensor<float> out;
  bool fails = true;
  auto step = at_once([&] {
    out = x + 1.0f;
    if (tg::detail::capture != nullptr && fails) throw 1;
  });
  step();
  CHECK_THROWS_AS(step(), int);
  CHECK_THROWS_AS(out.data(), tg::Error);
  fails = false;
  step();
  CHECK(tg::to_host(out) == floats{2, 2});
  step();
  CHECK_THROWS_AS(out.data(), tg::Error);
}

TEST_CASE("a recording keeps what it reads and writes, and has its memory for itself") {
  auto x = std::make_unique<Tensor<float>>(tg::ones<float>({1000}));
  auto p = std::make_unique<Parameter<float>>(tg::ones<float>({1000}));
  const std::weak_ptr<tg::Storage> read = x->storage, written = p->storage;
  const float* result = nullptr;
  const std::size_t before = tg::Pool::instance().statistics().in_use;
  {
    auto step = at_once([&] {
      tg::assign(*p, *x * 2.0f);
      return tg::exp(*p);
    });
    step();
    result = step().data();
    x.reset();
    p.reset();
    CHECK(!read.expired());
    CHECK(!written.expired());
    step();
    std::vector<Tensor<float>> others;
    for (int i = 0; i < 20; ++i) others.push_back(tg::zeros<float>({1000}));
    for (const auto& other : others) CHECK(other.data() != result);
  }
  CHECK(read.expired());
  CHECK(written.expired());
  CHECK(tg::Pool::instance().statistics().in_use ==
        before - 2 * tg::Pool::size_class(1000 * sizeof(float)));
}

TEST_CASE("inside a recording memory is used again") {
  const auto x = tg::ones<float>({1000});
  auto step = at_once([&] {
    Tensor<float> y = x;
    for (int i = 0; i < 20; ++i) y = y + 1.0f;
    return y;
  });
  step();
  const std::size_t before = tg::Pool::instance().statistics().in_use;
  const auto result = step();
  const std::size_t size = tg::Pool::size_class(1000 * sizeof(float));
  CHECK(tg::Pool::instance().statistics().in_use <= before + 2 * size);
  CHECK(tg::to_host(result) == floats(1000, 21));
}

#undef CHECK_IF_REPLAYED

}  // namespace captured_test
