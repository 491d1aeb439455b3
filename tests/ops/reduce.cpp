// SPDX-License-Identifier: MIT
// Reductions: values and gradients against PyTorch and differences, adjointness, ties and special
// values, error bounds of sums, and the same bits for any number of threads.
#include "thrustgrad/ops/reduce.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "golden/goldens.h"
#include "gradient.h"
#include "threads.h"

namespace {
namespace reduce_test {

namespace tg = thrustgrad;
using tests::Function;
using tests::generic;
using tests::Inputs;
using tests::integers;
using tests::Recorded;
using tests::Tensor;
using tg::Keep;
using tg::Shape;

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

using Reduce = std::function<Tensor(const Tensor&, const Shape&, Keep)>;
struct Case {
  std::string name;
  Reduce f;
  std::vector<Recorded> expected;  // for each list of axes
};

const std::vector<Shape> axes_lists{{2}, {0}, {0, 2}, {}};

#define RECORDED(name, axes)                                  \
  {                                                           \
    golden::name##_##axes##_y, { golden::name##_##axes##_gx } \
  }
#define CASE(name, ...)                                                              \
  {                                                                                  \
#name, __VA_ARGS__, {                                                            \
      RECORDED(name, 2), RECORDED(name, 0), RECORDED(name, 0_2), RECORDED(name, all) \
    }                                                                                \
  }
#define REDUCE(op) \
  [](const Tensor& x, const Shape& axes, Keep keep) { return tg::op(x, axes, keep); }

std::vector<Case> all_cases() {
  return {CASE(sum, REDUCE(sum)),
          CASE(mean, REDUCE(mean)),
          CASE(amax, REDUCE(amax)),
          CASE(amin, REDUCE(amin)),
          CASE(logsumexp, REDUCE(logsumexp)),
          CASE(norm, REDUCE(norm)),
          CASE(var_unbiased, [](const Tensor& x, const Shape& axes,
                                Keep keep) { return tg::variance(x, axes, 1, keep); }),
          CASE(var_biased, [](const Tensor& x, const Shape& axes, Keep keep) {
            return tg::variance(x, axes, 0, keep);
          })};
}

TEST_CASE("reductions have PyTorch's values and gradients, with and without the reduced axes") {
  for (const Case& c : all_cases()) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    for (std::size_t i = 0; i < axes_lists.size(); ++i) {
      const Shape axes = axes_lists[i];
      CAPTURE(axes.str());
      for (Keep keep : {Keep::none, Keep::axes}) {
        const Function reduce = [&, reduction = f](const Inputs& x) {
          return reduction(x[0], axes, keep);
        };
        tests::check_recorded(reduce, {generic({2, 3, 4}, 1)}, expected[i]);
      }
      const auto kept = f(generic({2, 3, 4}, 1), axes, Keep::axes);
      CHECK(kept.shape ==
            tg::detail::kept_shape({2, 3, 4}, tg::normalize_axes("", {2, 3, 4}, axes)));
    }
  }
}

TEST_CASE("the gradients of reductions agree with differences") {
  for (const Case& c : all_cases()) {
    CAPTURE(c.name);
    const auto& [name, f, expected] = c;
    const Function reduce = [reduction = f](const Inputs& x) {
      return reduction(tg::transpose(x[0], 0, 2), {1, -1}, Keep::none);
    };
    tests::check_gradient_of_list(reduce, {generic({2, 3, 3}, 1)});
    tests::check_linear_in_cotangent(reduce, {generic({2, 3, 3}, 1)});
  }
  tests::check_gradient([](auto& x) { return tg::sum_squares(x, {1}); }, generic({2, 5}, 2));
  tests::check_gradient([](auto& x) { return tg::sum_to(x, {3, 1}); }, generic({2, 3, 4}, 2));
}

TEST_CASE("summing and repeating are adjoint, exactly, on small integers") {
  const auto x = integers({3, 4, 5}, 1);
  for (const Shape& axes : {Shape{0}, Shape{1}, Shape{2}, Shape{0, 2}, Shape{}}) {
    tests::check_adjoint([axes](auto& a) { return tg::sum(a, axes); }, x);
    tests::check_adjoint(
        [axes](auto& a) {
          return tg::sum(tg::flip(tg::transpose(a, 0, 1), {2}), axes, Keep::axes);
        },
        x);
  }
  tests::check_adjoint([](auto& a) { return tg::sum_to(a, {4, 1}); }, x);
  tests::check_adjoint([](auto& a) { return tg::expand(a, {2, 3, 4, 5}); }, integers({3, 1, 5}, 2));
}

/// Values at special elements; the cotangents of the recorded gradients are 1, 2, ...
void check_kink(const Function& f, const Shape& shape, std::span<const double> x,
                const Recorded& expected) {
  const auto input = tg::from_host(x, shape);
  const auto y = f({input});
  tests::check_recorded(f, {input}, tg::reshape(tg::arange<double>(y.numel(), 1, 1), y.shape),
                        expected);
}

TEST_CASE("reductions have PyTorch's values and gradients at ties and special values") {
#define KINK(name, shape, expression)                                           \
  SUBCASE(#name)                                                                \
  check_kink([](const Inputs& x) -> Tensor { return expression; }, Shape shape, \
             golden::kink_##name##_x, {golden::kink_##name##_y, {golden::kink_##name##_gx}})
#define SHAPE(...) {__VA_ARGS__}
  KINK(amax, SHAPE(3, 3), tg::amax(x[0], {1}));
  KINK(amin, SHAPE(3, 3), tg::amin(x[0], {1}));
  KINK(amax_all, SHAPE(4), tg::amax(x[0]));
  KINK(amax_nan, SHAPE(2, 3), tg::amax(x[0], {1}));
  KINK(norm, SHAPE(2, 2), tg::norm(x[0], {1}));
  KINK(logsumexp, SHAPE(4, 2), tg::logsumexp(x[0], {1}));
  KINK(var_of_one, SHAPE(2, 1), tg::variance(x[0], {1}));
#undef KINK
#undef SHAPE
}

TEST_CASE("argmax and argmin find PyTorch's positions, the first of equals and of NaNs") {
  const auto x = generic({2, 3, 4}, 1);
  CHECK(golden::mismatch(tg::to_host(tg::argmax(x, {0})), golden::argmax_0) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmin(x, {0})), golden::argmin_0) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmax(x, {1})), golden::argmax_1) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmin(x, {1})), golden::argmin_1) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmax(x, {-1})), golden::argmax_2) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmin(x, {-1})), golden::argmin_2) == 0);
  const auto tied = tg::from_host<double>({1, 3, 3, 1}, {4}),
             broken = tg::from_host<double>({1, nan, 3, nan}, {4});
  CHECK(golden::mismatch(tg::to_host(tg::argmax(tied)), golden::kink_argmax) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmin(tied)), golden::kink_argmin) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmax(broken)), golden::kink_argmax_nan) == 0);
  CHECK(golden::mismatch(tg::to_host(tg::argmin(broken)), golden::kink_argmin_nan) == 0);
  const auto turned = tg::transpose(tg::from_host<float>({0, 5, 1, 5}, {2, 2}));  // 0 1 / 5 5
  CHECK(tg::argmax(turned).item() == 2);
  CHECK(tg::argmax(tg::full<float>({3}, -std::numeric_limits<float>::infinity())).item() == 0);
}

TEST_CASE("integers and bools are summed in int64") {
  const auto bytes = tg::full<std::uint8_t>({1000}, 200);
  static_assert(std::is_same_v<decltype(tg::sum(bytes)), tg::Tensor<std::int64_t>>);
  CHECK(tg::sum(bytes).item() == 200000);
  CHECK(tg::to_host(tg::sum(tg::from_host<bool>({true, true, false, true}, {2, 2}), {1})) ==
        std::vector<std::int64_t>{2, 1});
  CHECK(tg::amax(tg::from_host<std::int32_t>({-5, -2, -9}, {3})).item() == -2);
  CHECK(tg::amin(bytes).item() == 200);
}

TEST_CASE("reductions of nothing give the identity, or say that there is none") {
  CHECK(tg::to_host(tg::sum(tg::zeros<float>({3, 0}), {1})) == std::vector<float>(3, 0.0f));
  CHECK(tg::sum(tg::zeros<float>({0, 3}), {1}).shape == Shape{0});
  CHECK(tg::to_host(tg::norm(tg::zeros<double>({2, 0}), {-1})) == std::vector<double>(2, 0.0));
  CHECK(tg::amax(tg::zeros<float>({0, 3}), {1}).shape == Shape{0});
  CHECK_THROWS_WITH_AS(tg::amax(tg::zeros<float>({3, 0}), {1}),
                       "amax: there is no element along (1) of (3, 0)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::argmax(tg::zeros<float>({0})),
                       "argmax: there is no element along (0) of (0)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::argmin(tg::zeros<float>({3, 0}), {-1}),
                       "argmin: there is no element along (1) of (3, 0)", tg::Error);
  CHECK(tg::argmax(tg::zeros<float>({0, 3}), {1}).shape == Shape{0});
  CHECK(std::isnan(tg::mean(tg::zeros<float>({0})).item()));
  CHECK(tg::sum(tg::scalar(2.5)).item() == 2.5);
}

TEST_CASE("logsumexp neither overflows nor loses an infinity") {
  CHECK(tg::logsumexp(tg::from_host<double>({infinity, 0}, {2})).item() == infinity);
  CHECK(tg::logsumexp(tg::full<float>({4}, 100)).item() == doctest::Approx(100 + std::log(4.0)));
  CHECK(tg::logsumexp(tg::full<float>({2}, -1e30f)).item() == -1e30f);
}

TEST_CASE("16-bit sums are taken in float and rounded once") {
  const auto x = tg::cast<tg::bf16>(generic({31, 50}, 1));
  const auto wide = tg::cast<float>(x);
  CHECK(tg::to_host(tg::sum(x, {1})) == tg::to_host(tg::cast<tg::bf16>(tg::sum(wide, {1}))));
  CHECK(tg::to_host(tg::sum_squares(x, {0})) ==
        tg::to_host(tg::cast<tg::bf16>(tg::sum_squares(wide, {0}))));
  CHECK(float(tg::sum(tg::full<tg::bf16>({4096}, tg::bf16(1))).item()) ==
        4096);  // bf16 steps would stop at 256
}

TEST_CASE_TEMPLATE("16-bit means and logsumexp are the float ones, rounded once", T, tg::bf16,
                   tg::half) {
  const auto x = tg::cast<T>(generic({31, 50}, 1, 10));
  const auto wide = tg::cast<float>(x);
  CHECK(tg::to_host(tg::mean(x, {1})) == tg::to_host(tg::cast<T>(tg::mean(wide, {1}))));
  CHECK(tg::to_host(tg::logsumexp(x, {0})) == tg::to_host(tg::cast<T>(tg::logsumexp(wide, {0}))));
  CHECK(float(tg::logsumexp(
                  tg::cast<T>(tg::full<float>({2}, -std::numeric_limits<float>::infinity())))
                  .item()) == -std::numeric_limits<float>::infinity());
}

TEST_CASE("a mean and a variance of half precision have no sum that half could not hold") {
  const auto x = tg::reshape(tg::cast<tg::half>(tg::arange<float>(2) * 2 + 10), {2, 1});
  const auto many = tg::copy(tg::expand(x, {2, 50000}));  // 10 and 12, 50000 times each
  CHECK(float(tg::mean(many).item()) == 11);
  CHECK(float(tg::variance(many * 2, {}, 0).item()) == 4);
  const auto g = tg::grad([](auto& a) { return tg::mean(a); }, x);
  CHECK(float(tg::to_host(g)[0]) == 0.5f);
}

TEST_CASE("a float sum stays within the bound of a sum in blocks") {
  // In double it is exact to 2^-53 n. In float each element passes at most 256 + log2 n additions.
  const tg::index_t n = 1 << 20;
  for (const Shape& shape : {Shape{n}, Shape{1024, 1024}, Shape{8, n / 8}}) {
    const auto x = tg::cast<float>(tests::positive(shape, 1));
    const double exact = tg::sum(tg::cast<double>(x)).item();
    const double error = std::abs(double(tg::sum(x).item()) - exact) / exact;
    CHECK(error < (256 + 20) * std::ldexp(1.0, -24));
    CHECK(std::abs(double(tg::mean(x).item()) * double(n) / exact - 1) <
          (256 + 22) * std::ldexp(1.0, -24));
  }
}

TEST_CASE("reductions have the same bits for any number of threads") {
  const auto x = tg::cast<float>(generic({97, 31, 113}, 1));
  const auto results = [&] {
    std::vector<std::vector<float>> all;
    for (const Shape& axes : {Shape{}, Shape{0}, Shape{1}, Shape{2}, Shape{0, 2}, Shape{1, 2}}) {
      all.push_back(tg::to_host(tg::sum(x, axes)));
      all.push_back(tg::to_host(tg::sum(tg::transpose(x, 0, 2), axes)));
    }
    all.push_back(tg::to_host(tg::norm(x)));
    return all;
  };
  check_same_bits(results);
}

TEST_CASE("reductions name the axis that does not fit") {
  const auto x = tg::zeros<float>({2, 3});
  CHECK_THROWS_WITH_AS(tg::sum(x, {2}), "sum: axis 2 does not exist in (2, 3)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::norm(x, {1, -1}), "norm: axis -1 is named twice in (1, -1)", tg::Error);
  CHECK_THROWS_WITH_AS(tg::sum_to(x, {2}),
                       "sum_to: shapes (2, 3) and (2) do not broadcast: aligned at the last axis, "
                       "sizes must be equal or 1",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::sum_to(x, {2, 2, 3}), "sum_to: (2, 2, 3) does not stretch to (2, 3)",
                       tg::Error);
}

}  // namespace reduce_test
}  // namespace

#undef RECORDED
#undef CASE
#undef REDUCE
