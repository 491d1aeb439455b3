// SPDX-License-Identifier: MIT
// What a model owns: copies are snapshots, addresses stay, and assign is the only writer.
#include "thrustgrad/core/parameter.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "thrustgrad/ops/reduce.h"

namespace parameter_test {

namespace tg = thrustgrad;
using tg::Buffer;
using tg::Parameter;
using tg::Tensor;

namespace {

using floats = std::vector<float>;

// (value, velocity, gradient) -> the new value and velocity.
struct momentum_fn {
  float rate;
  THRUSTGRAD_FN auto operator()(auto value, auto velocity, auto gradient) const {
    const auto next = velocity * 0.5f + gradient;
    return tg::pack{value - next * rate, next};
  }
};
struct add_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto y) const { return x + y; }
};
struct decay_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return x * 0.5f; }
};

}  // namespace

TEST_CASE("a parameter takes over a tensor that nobody else holds, and copies any other") {
  auto x = tg::arange<float>(3);
  const float* const address = x.data();
  const Parameter<float> taken = std::move(x);
  CHECK(taken.data() == address);
  const auto y = tg::arange<float>(3);
  const Parameter<float> copied = y;
  CHECK(copied.data() != y.data());
  CHECK(tg::to_host(copied) == floats{0, 1, 2});
}

TEST_CASE("a parameter made from a view is dense, in the order of the view") {
  const auto x = tg::reshape(tg::arange<float>(6), {2, 3});
  const Parameter<float> transposed = tg::transpose(x);
  CHECK(transposed.strides == tg::Shape{1, 3});
  CHECK(tg::to_host(transposed) == floats{0, 3, 1, 4, 2, 5});
  const Parameter<float> stretched = tg::expand(tg::scalar(2.0f), {2, 2});
  CHECK(stretched.strides == tg::Shape{2, 1});
  CHECK(tg::to_host(stretched) == floats{2, 2, 2, 2});
  const Parameter<float> flipped = tg::flip(tg::arange<float>(3), {});
  CHECK(flipped.strides == tg::Shape{1});
  CHECK(tg::to_host(flipped) == floats{2, 1, 0});
  const Parameter<float> part = tg::slice(tg::arange<float>(6), 0, 0, 2);
  CHECK(part.storage->bytes == 2 * sizeof(float));
}

TEST_CASE("copying a parameter copies its elements") {
  Parameter<float> p = tg::ones<float>({2});
  const Parameter<float> snapshot = p;
  CHECK(snapshot.data() != p.data());
  tg::assign(p, tg::zeros<float>({2}));
  CHECK(tg::to_host(snapshot) == floats{1, 1});
  const Parameter<float> none;
  CHECK_FALSE(Parameter<float>(none).defined());
}

TEST_CASE("copy-assignment of an equal shape keeps the address, of another shape takes a new one") {
  Parameter<float> p = tg::ones<float>({2});
  const float* const address = p.data();
  const Parameter<float> q = tg::arange<float>(2);
  p = q;
  CHECK(p.data() == address);
  CHECK(tg::to_host(p) == floats{0, 1});
  const Tensor<float> alias = p;
  p = q;
  CHECK_THROWS_AS(alias.data(), tg::Error);  // it was written
  const Parameter<float> longer = tg::arange<float>(3);
  p = longer;
  CHECK(p.data() != longer.data());
  CHECK(tg::to_host(p) == floats{0, 1, 2});
  p = Parameter<float>(Parameter<float>());
  CHECK_FALSE(p.defined());
}

TEST_CASE("assigning a parameter to itself changes nothing") {
  Parameter<float> p = tg::ones<float>({2});
  const Parameter<float>& same = p;
  const Tensor<float> alias = p;
  p = same;
  CHECK(alias.data() == p.data());
  CHECK(tg::to_host(p) == floats{1, 1});
}

TEST_CASE("moving a parameter moves its storage and leaves it absent") {
  Parameter<float> p = tg::ones<float>({2});
  const float* const address = p.data();
  Parameter<float> q = std::move(p);
  CHECK(q.data() == address);
  CHECK_FALSE(p.defined());  // NOLINT
  CHECK(p.shape == tg::Shape{});
  p = std::move(q);
  CHECK(p.data() == address);
  CHECK_FALSE(q.defined());  // NOLINT
  static_assert(std::is_nothrow_move_constructible_v<Parameter<float>>);
  static_assert(std::is_nothrow_move_assignable_v<Buffer<float>>);
}

TEST_CASE("assign writes in place, stretched to the target") {
  Parameter<float> p = tg::zeros<float>({2, 3});
  const float* const address = p.data();
  tg::assign(p, tg::arange<float>(3));
  CHECK(tg::to_host(p) == floats{0, 1, 2, 0, 1, 2});
  tg::assign(p, tg::scalar(4.0f));
  CHECK(tg::to_host(p) == floats(6, 4));
  CHECK(p.data() == address);
  Buffer<std::int64_t> count = tg::scalar(std::int64_t{1});
  tg::assign(count, count + 1);
  CHECK(count.item() == 2);
}

TEST_CASE("assign keeps the target's order in memory") {
  Parameter<float> p = tg::transpose(tg::zeros<float>({2, 3}));
  tg::assign(p, tg::reshape(tg::arange<float>(6), {3, 2}));
  CHECK(p.strides == tg::Shape{1, 3});
  CHECK(tg::to_host(p) == floats{0, 1, 2, 3, 4, 5});
}

TEST_CASE("assign of a view of the target reads it before it writes") {
  Parameter<float> p = tg::arange<float>(4);
  tg::assign(p, tg::flip(p, {}));
  CHECK(tg::to_host(p) == floats{3, 2, 1, 0});
  tg::assign(p, tg::select(p, 0, 1));
  CHECK(tg::to_host(p) == floats{2, 2, 2, 2});
  Parameter<float> square = tg::reshape(tg::arange<float>(4), {2, 2});
  tg::assign(square, tg::transpose(square));
  CHECK(tg::to_host(square) == floats{0, 2, 1, 3});
}

TEST_CASE("assign to an absent target or of an absent value is an error") {
  Parameter<float> none;
  CHECK_THROWS_WITH_AS(tg::assign(none, tg::scalar(1.0f)),
                       "assign: the target is absent (a default-constructed parameter)", tg::Error);
  Parameter<float> p = tg::ones<float>({2});
  CHECK_THROWS_WITH_AS(tg::assign(p, Tensor<float>()), doctest::Contains("assign: "), tg::Error);
  CHECK(tg::to_host(p) == floats{1, 1});
}

TEST_CASE("assign of a wrong shape throws with both shapes and writes nothing") {
  Parameter<float> p = tg::ones<float>({2});
  const Tensor<float> alias = p;
  CHECK_THROWS_WITH_AS(tg::assign(p, tg::zeros<float>({3})), doctest::Contains("(2) and (3)"),
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::assign(p, tg::zeros<float>({3, 2})),
                       "assign: a value of shape (3, 2) does not fit into a target of shape (2)",
                       tg::Error);
  CHECK(tg::to_host(alias) == floats{1, 1});  // not even the version moved
}

TEST_CASE("assign of a stale value throws and writes nothing") {
  Parameter<float> p = tg::ones<float>({2}), q = tg::zeros<float>({2});
  const Tensor<float> stale = q;
  tg::assign(q, tg::full<float>({2}, 5));
  CHECK_THROWS_WITH_AS(tg::assign(p, stale),
                       doctest::Contains("assign: an operand of shape (2) is stale"), tg::Error);
  CHECK(tg::to_host(p) == floats{1, 1});
}

TEST_CASE("every write advances the version, and an operation that reads a stale tensor is named") {
  Parameter<float> p = tg::ones<float>({2});
  const std::uint64_t first = p.storage->version();
  const Tensor<float> old = p;
  tg::assign(p, tg::zeros<float>({2}));
  CHECK(p.storage->version() == first + 1);
  CHECK(old.version == first);
  CHECK_THROWS_WITH_AS(tg::exp(old), doctest::Contains("exp: an operand of shape (2) is stale"),
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::sum(old), doctest::Contains("sum: an operand"), tg::Error);
  CHECK_THROWS_WITH_AS(old + p, doctest::Contains("add: an operand"), tg::Error);
  CHECK_THROWS_WITH_AS(tg::copy(tg::transpose(tg::reshape(old, {1, 2}))),
                       doctest::Contains("copy: an operand"), tg::Error);
}

TEST_CASE("several targets are updated in one pass from their old values") {
  Parameter<float> w = tg::from_host<float>({1, 2}, {2});
  Buffer<float> v = tg::from_host<float>({2, 4}, {2});
  const float* const address = w.data();
  tg::assign(std::tie(w, v), momentum_fn{0.5f}, tg::full<float>({2}, 3));
  CHECK(tg::to_host(v) == floats{4, 5});
  CHECK(tg::to_host(w) == floats{-1, -0.5f});
  CHECK(w.data() == address);
  CHECK(w.storage->version() == 1);
  CHECK(v.storage->version() == 1);
  tg::assign(std::tie(w, v), momentum_fn{0}, tg::scalar(1.0f));  // a scalar is stretched
  CHECK(tg::to_host(v) == floats{3, 3.5f});
}

TEST_CASE("one target alone is updated by a functor that returns its value") {
  Parameter<float> w = tg::transpose(tg::reshape(tg::arange<float>(6), {2, 3}));
  tg::assign(std::tie(w), decay_fn{});
  CHECK(tg::to_host(w) == floats{0, 1.5f, 0.5f, 2, 1, 2.5f});
}

TEST_CASE("an update whose operands do not fit throws and writes nothing") {
  Parameter<float> w = tg::ones<float>({2}), longer = tg::ones<float>({3}), none;
  const Tensor<float> alias = w;
  CHECK_THROWS_WITH_AS(tg::assign(std::tie(w, longer), momentum_fn{1}, tg::scalar(1.0f)),
                       doctest::Contains("(3)"), tg::Error);
  CHECK_THROWS_AS(tg::assign(std::tie(w), add_fn{}, tg::ones<float>({3})), tg::Error);
  CHECK_THROWS_WITH_AS(tg::assign(std::tie(w, none), momentum_fn{1}, tg::scalar(1.0f)),
                       doctest::Contains("absent"), tg::Error);
  Buffer<float> v = tg::ones<float>({2});
  CHECK_THROWS_WITH_AS(tg::assign(std::tie(w, v), momentum_fn{1}, tg::ones<float>({2, 2})),
                       "assign: an operand of shape (2, 2) does not fit into a target of shape (2)",
                       tg::Error);
  CHECK(tg::to_host(alias) == floats{1, 1});
}

TEST_CASE("an update of targets that lie differently in memory is an error") {
  Parameter<float> a = tg::ones<float>({2, 3}), b = tg::transpose(tg::ones<float>({3, 2}));
  CHECK_THROWS_WITH_AS(tg::assign(std::tie(a, b), momentum_fn{1}, tg::scalar(1.0f)),
                       doctest::Contains("order in memory"), tg::Error);
}

TEST_CASE("an update may read a target where it is written, but no other view of it") {
  Parameter<float> w = tg::from_host<float>({1, 2}, {2});
  Buffer<float> v = tg::zeros<float>({2});
  tg::assign(std::tie(w, v), momentum_fn{1}, Tensor<float>(w));
  CHECK(tg::to_host(w) == floats{0, 0});
  CHECK(tg::to_host(v) == floats{1, 2});
  CHECK_THROWS_WITH_AS(tg::assign(std::tie(w, v), momentum_fn{1}, tg::flip(v, {})),
                       doctest::Contains("is a view of a target"), tg::Error);
  CHECK_THROWS_WITH_AS(tg::assign(std::tie(w, w), momentum_fn{1}, tg::scalar(1.0f)),
                       "assign: a target of shape (2) is given twice", tg::Error);
  CHECK(tg::to_host(v) == floats{1, 2});
}

}  // namespace parameter_test
