// SPDX-License-Identifier: MIT
// Second derivatives of the operations with vector-Jacobian products of their own, against
// differences of the first ones: reductions, losses, normalisation, products, convolutions, views
// and gathers.
#include <doctest/doctest.h>

#include "gradient.h"
#include "thrustgrad/ops/conv.h"
#include "thrustgrad/ops/join.h"
#include "thrustgrad/ops/loss.h"
#include "thrustgrad/ops/matmul.h"
#include "thrustgrad/ops/norm.h"
#include "thrustgrad/ops/sort.h"

namespace {
namespace derived_order2_test {

namespace tg = thrustgrad;
using tests::check_second_gradient;
using tests::generic;
using tests::positive;
using tg::Shape;

TEST_CASE("second derivatives of reductions agree with differences") {
  const auto x = generic({2, 3}, 1, 2);
  check_second_gradient([](auto& a) { return tg::square(tg::sum(a, {1})); }, x);
  check_second_gradient([](auto& a) { return tg::sum_squares(a, {0}) * tg::mean(a); }, x);
  check_second_gradient([](auto& a) { return tg::variance(a, {1}); }, x);
  check_second_gradient([](auto& a) { return tg::norm(a, {1}); }, x);
  check_second_gradient([](auto& a) { return tg::square(tg::amax(a, {1})) * tg::amin(a); }, x);
  check_second_gradient([](auto& a) { return tg::logsumexp(a, {1}); }, x);
}

TEST_CASE("second derivatives of losses agree with differences") {
  const auto x = generic({3, 4}, 1, 2);
  const auto labels = tg::from_host<std::int64_t>({1, 3, 0}, {3});
  check_second_gradient([](auto& a) { return tg::softmax(a); }, x);
  check_second_gradient([](auto& a) { return tg::log_softmax(a, 0); }, x);
  check_second_gradient(
      [&](auto& a) { return tg::cross_entropy(a, labels, {.label_smoothing = 0.1}); }, x);
  check_second_gradient([](auto& a, auto& b) { return tg::mse_loss(a, b); }, x, generic({3, 4}, 2));
}

TEST_CASE("second derivatives of products and convolutions agree with differences") {
  check_second_gradient([](auto& a, auto& b) { return tg::matmul(a, b); }, generic({2, 3}, 1),
                        generic({3, 2}, 2));
  check_second_gradient([](auto& a) { return tg::matmul(tg::square(a), tg::transpose(a)); },
                        generic({2, 3}, 1));
  check_second_gradient([](auto& a, auto& b, auto& c) { return tg::tanh(tg::linear(a, b, c)); },
                        generic({2, 3}, 1), generic({2, 3}, 2), generic({2}, 3));
  check_second_gradient(
      [](auto& a, auto& b) { return tg::conv2d(a, b, {.stride = 2, .padding = 1}); },
      generic({1, 4, 3, 2}, 1), generic({2, 3, 2, 2}, 2));
}

TEST_CASE("second derivatives of normalisations agree with differences") {
  const auto x = generic({4, 3}, 1), w = positive({3}, 2), b = generic({3}, 3);
  check_second_gradient([](auto& a, auto& p, auto& q) { return tg::layer_norm(a, p, q); }, x, w, b);
  tg::Buffer<double> mean = generic({3}, 4), variance = positive({3}, 5);
  for (tg::Phase phase : {tg::Phase::train, tg::Phase::eval}) {
    CAPTURE(int(phase));
    check_second_gradient(
        [&](auto& a, auto& p, auto& q) { return tg::batch_norm(a, p, q, mean, variance, phase); },
        x, w, b);
  }
}

TEST_CASE("second derivatives pass through views, joins, gathers and sorts") {
  const auto x = generic({3, 4}, 1);
  const auto list = tg::from_host<std::int64_t>({2, 0, 2}, {3});
  const auto each = tg::from_host(golden::labels(12, 3, 3), {3, 4});
  const auto cube = [](const tests::Tensor& a) { return tg::square(a) * a; };
  check_second_gradient([&](auto& a) { return cube(tg::reshape(tg::transpose(a), {2, 6})); }, x);
  check_second_gradient(
      [&](auto& a) {
        return cube(tg::expand(tg::slice(tg::flip(a, {0}), 1, 1, 4, 2), {2, 3, 2}));
      },
      x);
  check_second_gradient(
      [&](auto& a) {
        return cube(tg::concatenate<double>({a, tg::square(a)}, 1));
      },
      x);
  check_second_gradient([&](auto& a) { return cube(tg::index_select(cube(a), 0, list)); }, x);
  check_second_gradient(
      [&](auto& a) {
        return cube(tg::take_along(a, each, 0)) + cube(tg::scatter_add(a, each, 0, 3));
      },
      x);
  check_second_gradient([&](auto& a) { return cube(tg::sort(a, 1).values) * tg::cumsum(a, 0); }, x);
}

}  // namespace derived_order2_test
}  // namespace
