// SPDX-License-Identifier: MIT
// Matrix products and contractions against PyTorch, plain loops and derived error bounds.
#include "thrustgrad/ops/matmul.h"
#include "thrustgrad/ops/contract.h"
#include "thrustgrad/ops/conv.h"

#include <doctest/doctest.h>

#include <cmath>

#include "golden/formula.h"
#include "golden/goldens.h"
#include "threads.h"

namespace {
namespace matmul_test {

namespace tg = thrustgrad;
using tg::index_t;
using tg::Shape;

tg::Tensor<double> generic(const Shape& shape, int seed) {
  return tg::from_host(golden::formula(shape.numel(), seed), shape);
}

template <class F>
void compare(const F& f, const Shape& a_shape, const Shape& b_shape, std::span<const double> y,
             std::span<const double> ga, std::span<const double> gb) {
  const auto a = generic(a_shape, 1), b = generic(b_shape, 2);
  CHECK(golden::mismatch(tg::to_host(f(a, b)), y) < 1e-9);
  const auto objective = [&](auto& p, auto& q) {
    const auto value = f(p, q);
    return tg::sum(value * generic(value.shape, 9));
  };
  const auto [da, db] = tg::grad(objective, std::tuple(a, b));
  CHECK(golden::mismatch(tg::to_host(da), ga) < 1e-9);
  CHECK(golden::mismatch(tg::to_host(db), gb) < 1e-9);
}

const auto product = [](const auto& a, const auto& b) { return tg::matmul(a, b); };

TEST_CASE("matmul has PyTorch's values and gradients") {
#define COMPARE(name, f, a, b)                                                            \
  SUBCASE(#name) {                                                                        \
    compare(f, Shape a, Shape b, golden::name##_y, golden::name##_ga, golden::name##_gb); \
  }
#define LIST(...) {__VA_ARGS__}
  COMPARE(matmul, product, LIST(3, 4), LIST(4, 5));
  COMPARE(
      matmul_tn, [](auto& a, auto& b) { return tg::matmul(tg::transpose(a), b); }, LIST(4, 3),
      LIST(4, 5));
  COMPARE(
      matmul_nt, [](auto& a, auto& b) { return tg::matmul(a, tg::transpose(b)); }, LIST(3, 4),
      LIST(5, 4));
  COMPARE(
      matmul_tt, [](auto& a, auto& b) { return tg::matmul(tg::transpose(a), tg::transpose(b)); },
      LIST(4, 3), LIST(5, 4));
  COMPARE(matmul_batched, product, LIST(2, 3, 4), LIST(2, 4, 5));
  COMPARE(matmul_broadcast, product, LIST(2, 1, 3, 4), LIST(3, 4, 5));
  COMPARE(matmul_broadcast_left, product, LIST(3, 4), LIST(2, 4, 5));
  COMPARE(matmul_broadcast_right, product, LIST(2, 3, 4), LIST(4, 5));
  COMPARE(matmul_matrix_vector, product, LIST(3, 4), LIST(4));
  COMPARE(matmul_vector_matrix, product, LIST(4), LIST(4, 5));
  COMPARE(matmul_large, product, LIST(70, 150), LIST(150, 45));
#undef LIST
#undef COMPARE
}

TEST_CASE("linear has PyTorch's values and gradients") {
  const auto check = [](const Shape& shape, auto y, auto gx, auto gw, auto gb) {
    const auto x = generic(shape, 1), w = generic({5, 4}, 2), b = generic({5}, 3);
    CHECK(golden::mismatch(tg::to_host(tg::linear(x, w, b)), y) < 1e-9);
    const auto [dx, dw, db] = tg::grad(
        [](auto& p, auto& q, auto& r) {
          const auto value = tg::linear(p, q, r);
          return tg::sum(value * generic(value.shape, 9));
        },
        std::tuple(x, w, b));
    CHECK(golden::mismatch(tg::to_host(dx), gx) < 1e-9);
    CHECK(golden::mismatch(tg::to_host(dw), gw) < 1e-9);
    CHECK(golden::mismatch(tg::to_host(db), gb) < 1e-9);
  };
  check({3, 4}, std::span(golden::linear_y), std::span(golden::linear_gx),
        std::span(golden::linear_gw), std::span(golden::linear_gb));
  check({2, 3, 4}, std::span(golden::linear_batched_y), std::span(golden::linear_batched_gx),
        std::span(golden::linear_batched_gw), std::span(golden::linear_batched_gb));
}

template <class T> tg::Tensor<T> integers(const Shape& shape, int seed) {
  std::vector<T> v;
  for (double x : golden::formula(shape.numel(), seed)) v.push_back(T(float(int(x * 4.9))));
  return tg::from_host(v, shape);
}

template <class T> void exact(index_t m, index_t n, index_t k) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  const auto a = integers<T>({m, k}, 1), b = integers<T>({n, k}, 2);
  const auto p = tg::to_host(tg::cast<double>(a)), q = tg::to_host(tg::cast<double>(b));
  std::vector<double> expected;
  double nonzero = 0;
  for (index_t i = 0; i < m; ++i) {
    for (index_t j = 0; j < n; ++j) {
      double sum = 0;
      for (index_t d = 0; d < k; ++d) sum += p[std::size_t(i * k + d)] * q[std::size_t(j * k + d)];
      expected.push_back(std::is_same_v<T, double> ? sum : double(float(T(float(sum)))));
      nonzero += sum != 0;
    }
  }
  CHECK(nonzero > 0.3 * double(m * n));  // else equality would prove little
  CHECK(tg::to_host(tg::cast<double>(tg::matmul(a, tg::transpose(b)))) == expected);
  // The same operands lying the other way round in memory.
  const auto at = tg::copy(tg::transpose(a)), bt = tg::copy(tg::transpose(b));
  CHECK(tg::to_host(tg::cast<double>(tg::matmul(tg::transpose(at), bt))) == expected);
}

TEST_CASE_TEMPLATE("contractions are exact on small integers for sizes that break tiles", T, float,
                   double, tg::bf16, tg::half) {
  for (index_t m : {1, 5, 13, 241}) {
    for (index_t n : {1, 15, 33, 130}) exact<T>(m, n, 37);
  }
  for (index_t k : {1, 2, 255, 256, 257, 513}) exact<T>(7, 18, k);
  exact<T>(3, 5, 9000);  // cut along its depth
}

TEST_CASE_TEMPLATE("contract reads broadcast, flipped and overlapping views in place", T, float,
                   tg::half) {
  const auto x = integers<T>({2, 9, 20, 6}, 1), w = integers<T>({5, 3, 4, 6}, 2);
  const auto windows = tg::windows(x, 3, 4, tg::Window{1});    // (2, 7, 17, 3, 4, 6)
  const auto left = tg::permute(windows, {2, 0, 1, 3, 4, 5});  // 17 batches, 2 x 7 rows
  const auto turned = tg::flip(w, {0, 2});                     // 5 columns
  const auto right = tg::expand(tg::unsqueeze(turned, 0), {17, 5, 3, 4, 6});
  const auto p = tg::to_host(tg::cast<double>(tg::copy(left))),
             q = tg::to_host(tg::cast<double>(tg::copy(turned)));
  std::vector<double> expected;
  for (std::size_t row = 0; row < 17 * 2 * 7; ++row) {
    for (std::size_t column = 0; column < 5; ++column) {
      double sum = 0;
      for (std::size_t d = 0; d < 72; ++d) sum += p[row * 72 + d] * q[column * 72 + d];
      expected.push_back(sum);
    }
  }
  CHECK(tg::to_host(tg::cast<double>(tg::contract(left, right, {1, 3}))) == expected);
}

TEST_CASE("a float product stays within the probabilistic bound 4 sqrt(k) u sum |a||b|") {
  const index_t k = 3000;
  const auto a = generic({40, k}, 1), b = generic({50, k}, 2);
  const auto fa = tg::cast<float>(a), fb = tg::cast<float>(b);
  const auto exact = tg::matmul(tg::cast<double>(fa), tg::transpose(tg::cast<double>(fb)));
  const auto scale =
      tg::matmul(tg::abs(tg::cast<double>(fa)), tg::transpose(tg::abs(tg::cast<double>(fb))));
  const auto error = tg::abs(tg::cast<double>(tg::matmul(fa, tg::transpose(fb))) - exact) / scale;
  const double worst = tg::amax(error).item();
  CHECK(worst > 0);
  CHECK(worst < 4 * std::sqrt(double(k)) * std::ldexp(1.0, -24));
}

TEST_CASE("contractions have the same bits for any number of threads") {
  const auto a = tg::cast<float>(generic({61, 9000}, 1)),
             b = tg::cast<float>(generic({37, 9000}, 2));
  check_same_bits([&] { return tg::to_host(tg::matmul(a, tg::transpose(b))); });
}

TEST_CASE("contract sums over several axes and keeps batch axes") {
  const auto a = integers<double>({2, 3, 4, 5}, 1), b = integers<double>({2, 6, 4, 5}, 2);
  const auto y = tg::contract(a, b, {.batch = 1, .depth = 2});
  CHECK(y.shape == Shape{2, 3, 6});
  const auto flat =
      tg::matmul(tg::reshape(a, {2, 3, 20}), tg::transpose(tg::reshape(b, {2, 6, 20})));
  CHECK(tg::to_host(y) == tg::to_host(flat));
}

TEST_CASE("empty products") {
  CHECK(tg::matmul(tg::zeros<float>({0, 3}), tg::zeros<float>({3, 2})).shape == Shape{0, 2});
  CHECK(tg::to_host(tg::matmul(tg::zeros<float>({2, 0}), tg::zeros<float>({0, 2}))) ==
        std::vector<float>(4, 0.0f));
}

TEST_CASE("matmul and linear name both shapes of an error") {
  const auto x = tg::zeros<float>({3, 4});
  CHECK_THROWS_WITH_AS(tg::matmul(x, x), "matmul: inner sizes differ: (3, 4) and (3, 4)",
                       tg::Error);
  CHECK_THROWS_WITH_AS(tg::linear(x, tg::zeros<float>({5, 3})),
                       "linear: x (3, 4) does not fit weight (5, 3), which is (out, in)",
                       tg::Error);
  CHECK_THROWS_AS(tg::matmul(tg::zeros<float>({2, 3, 4}), tg::zeros<float>({3, 4, 5})), tg::Error);
}

}  // namespace matmul_test
}  // namespace
