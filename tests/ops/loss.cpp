// SPDX-License-Identifier: MIT
// Softmax and losses: PyTorch's values and gradients, differences, extremes, and 16-bit logits.
#include "thrustgrad/ops/loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "golden/goldens.h"
#include "gradient.h"

namespace {
namespace loss_test {

namespace tg = thrustgrad;
using tests::generic;
using tests::Inputs;
using tests::Recorded;
using tg::Reduction;
using tg::Shape;

tg::Tensor<std::int64_t> some_labels() { return tg::from_host(golden::labels(6, 2, 5), {6}); }

#define RECORDED(name)                      \
  {                                         \
    golden::name##_y, { golden::name##_gx } \
  }

TEST_CASE("softmax and log_softmax have PyTorch's values and gradients along every axis") {
  const std::vector<Recorded> softmax{RECORDED(softmax_0), RECORDED(softmax_1),
                                      RECORDED(softmax_2)};
  const std::vector<Recorded> logs{RECORDED(log_softmax_0), RECORDED(log_softmax_1),
                                   RECORDED(log_softmax_2)};
  for (int axis = 0; axis < 3; ++axis) {
    CAPTURE(axis);
    const auto at = static_cast<std::size_t>(axis);
    tests::check_recorded([&](const Inputs& x) { return tg::softmax(x[0], axis); },
                          {generic({2, 3, 4}, 1, 4)}, softmax[at]);
    tests::check_recorded([&](const Inputs& x) { return tg::log_softmax(x[0], axis); },
                          {generic({2, 3, 4}, 1, 4)}, logs[at]);
  }
  tests::check_gradient([](auto& x) { return tg::softmax(tg::transpose(x), 0); },
                        generic({3, 4}, 2, 2));
  tests::check_gradient([](auto& x) { return tg::log_softmax(tg::transpose(x), 1); },
                        generic({3, 4}, 2, 2));
}

TEST_CASE("softmax of extremes is PyTorch's") {
  const auto x = tg::from_host(std::span<const double>(golden::kink_softmax_x), {3, 2});
  const Recorded expected RECORDED(kink_softmax);
  tests::check_recorded([](const Inputs& in) { return tg::softmax(in[0]); }, {x},
                        tg::reshape(tg::arange<double>(6, 1, 1), {3, 2}), expected);
  const auto large = tg::from_host<float>({3e38f, 0, -3e38f}, {1, 3});
  CHECK(tg::to_host(tg::softmax(large)) == std::vector<float>{1, 0, 0});
  CHECK(tg::to_host(tg::log_softmax(tg::from_host<float>({1e4f, 0}, {2}))) ==
        std::vector<float>{0, -1e4f});
}

TEST_CASE(
    "cross_entropy has PyTorch's values and gradients for every reduction, with and without "
    "smoothing") {
  struct Case {
    tg::CrossEntropySettings settings;
    Recorded expected;
  };
  const std::vector<Case> cases{{{0, Reduction::mean}, RECORDED(cross_entropy_mean)},
                                {{0, Reduction::sum}, RECORDED(cross_entropy_sum)},
                                {{0, Reduction::none}, RECORDED(cross_entropy_none)},
                                {{0.2, Reduction::mean}, RECORDED(cross_entropy_mean_smooth)},
                                {{0.2, Reduction::sum}, RECORDED(cross_entropy_sum_smooth)},
                                {{0.2, Reduction::none}, RECORDED(cross_entropy_none_smooth)}};
  const auto labels = some_labels();
  for (const Case& c : cases) {
    CAPTURE(c.settings.label_smoothing);
    CAPTURE(int(c.settings.reduction));
    const auto& [settings, expected] = c;
    const tests::Function f = [&, s = settings](const Inputs& x) {
      return tg::cross_entropy(x[0], labels, s);
    };
    tests::check_recorded(f, {generic({6, 5}, 1, 4)}, expected);
    tests::check_gradient_of_list(f, {generic({6, 5}, 3)});
    tests::check_linear_in_cotangent(f, {generic({6, 5}, 3)});
  }
}

TEST_CASE("mse_loss has PyTorch's values and gradients") {
  const auto a = generic({6, 5}, 1), b = generic({6, 5}, 2);
  tests::check_recorded([](const Inputs& x) { return tg::mse_loss(x[0], x[1]); }, {a, b},
                        {golden::mse_mean_y, {golden::mse_mean_ga, golden::mse_mean_gb}});
  tests::check_recorded([](const Inputs& x) { return tg::mse_loss(x[0], x[1], Reduction::sum); },
                        {a, b}, {golden::mse_sum_y, {golden::mse_sum_ga, golden::mse_sum_gb}});
  CHECK(tg::to_host(tg::mse_loss(a, b, Reduction::none)) == tg::to_host(tg::square(a - b)));
}

TEST_CASE("16-bit logits give a float loss and a 16-bit gradient") {
  const auto x = tg::cast<tg::bf16>(generic({6, 5}, 1, 4));
  const auto labels = tg::cast<std::int32_t>(some_labels());
  const auto f = [&](auto& a) { return tg::cross_entropy(a, labels); };
  const auto [loss, g] = tg::value_and_grad(f, x);
  const auto [wide_loss, wide_g] = tg::value_and_grad(f, tg::cast<float>(x));
  static_assert(std::is_same_v<std::decay_t<decltype(loss)>, tg::Tensor<float>>);
  CHECK(loss.item() == wide_loss.item());
  CHECK(tg::to_host(g) == tg::to_host(tg::cast<tg::bf16>(wide_g)));
}

TEST_CASE("a label that is no class makes its loss NaN, and no other") {
  const auto x = tg::zeros<float>({3, 4});
  const auto labels = tg::from_host<std::int64_t>({0, 4, -1}, {3});
  const auto losses = tg::to_host(tg::cross_entropy(x, labels, {.reduction = Reduction::none}));
  CHECK(losses[0] == doctest::Approx(std::log(4.0)));
  CHECK(std::isnan(losses[1]));
  CHECK(std::isnan(losses[2]));
}

TEST_CASE_TEMPLATE("16-bit softmax is the float one, rounded once", T, tg::bf16, tg::half) {
  const auto x = tg::cast<T>(generic({20, 40}, 1, 10));
  const auto wide = tg::cast<float>(x);
  CHECK(tg::to_host(tg::softmax(x)) == tg::to_host(tg::cast<T>(tg::softmax(wide))));
  CHECK(tg::to_host(tg::log_softmax(x, 0)) == tg::to_host(tg::cast<T>(tg::log_softmax(wide, 0))));
}

TEST_CASE("a class that logits exclude costs nothing unless it is wanted") {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto x = tg::from_host<float>({0, 0, -infinity}, {1, 3});
  const auto loss = [](std::int64_t label, double smoothing = 0) {
    return [=](auto& a) {
      return tg::cross_entropy(a, tg::from_host<std::int64_t>({label}, {1}),
                               {.label_smoothing = smoothing});
    };
  };
  const auto [value, g] = tg::value_and_grad(loss(0), x);
  CHECK(value.item() == doctest::Approx(std::log(2.0)));
  CHECK(tg::to_host(g) == std::vector<float>{-0.5f, 0.5f, 0});
  CHECK(loss(2)(x).item() == infinity);
  CHECK(loss(0, 0.1)(x).item() == infinity);
}

TEST_CASE("a small loss beside large logits keeps its digits") {
  const auto x = tg::from_host<float>({1000, 991}, {1, 2});
  CHECK(tg::cross_entropy(x, tg::from_host<std::int64_t>({0}, {1})).item() ==
        doctest::Approx(std::log1p(std::exp(-9.0))).epsilon(1e-3));
}

TEST_CASE("a loss of half precision is float, and larger than half could hold") {
  const auto x = tg::full<tg::half>({1024}, tg::half(300.0f)), y = tg::zeros<tg::half>({1024});
  static_assert(std::is_same_v<decltype(tg::mse_loss(x, y)), tg::Tensor<float>>);
  CHECK(tg::mse_loss(x, y).item() == 90000);
  CHECK(tg::mse_loss(x, y, Reduction::sum).item() == 1024 * 90000.0f);
  const auto g = tg::grad([&](auto& a) { return tg::mse_loss(a, y); }, x);
  CHECK(float(tg::to_host(g)[0]) == 2 * 300.0f / 1024);
}

TEST_CASE("count_correct counts the rows whose largest logit is at the label") {
  const auto x = tg::from_host<float>({1, 2, 0, 5, 4, 3, 0, 0, 1}, {3, 3});
  CHECK(tg::count_correct(x, tg::from_host<std::int64_t>({1, 0, 0}, {3})).item() == 2);
  CHECK(tg::count_correct(x, tg::from_host<std::uint8_t>({0, 1, 2}, {3})).item() == 1);
}

TEST_CASE("losses name the shapes that do not fit") {
  const auto x = tg::zeros<float>({3, 4});
  CHECK_THROWS_WITH_AS(tg::cross_entropy(x, tg::zeros<std::int64_t>({4})),
                       "cross_entropy: logits (3, 4) are (n, classes), labels (4) must be (n)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::cross_entropy(x, tg::zeros<std::int64_t>({3}), {.label_smoothing = 1.5}),
                       "cross_entropy: label smoothing 1.5 does not lie in [0, 1]", tg::Error);
  CHECK_THROWS_WITH_AS(tg::count_correct(x, tg::zeros<std::int64_t>({3, 1})),
                       "count_correct: logits (3, 4) are (n, classes), labels (3, 1) must be (n)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::mse_loss(x, tg::zeros<float>({4})),
                       "mse_loss: shapes (3, 4) and (4) differ", tg::Error);
  CHECK_THROWS_WITH_AS(tg::softmax(x, 2), "softmax: axis 2 does not exist in (3, 4)", tg::Error);
}

}  // namespace loss_test
}  // namespace

#undef RECORDED
