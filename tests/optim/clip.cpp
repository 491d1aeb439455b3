// SPDX-License-Identifier: MIT
// Norms of whole gradients: against PyTorch, and without waiting for the device.
#include "thrustgrad/optim/clip.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "golden/formula.h"
#include "golden/goldens.h"

namespace {
namespace clip_test {

namespace tg = thrustgrad;

template <class T> struct Pair {
  tg::Parameter<T> a, b;
  tg::Parameter<T> absent;
};

Pair<double> formula() {
  return {tg::from_host(golden::formula(6, 1), {6}), tg::from_host(golden::formula(4, 2), {4}), {}};
}

TEST_CASE("a gradient is clipped to PyTorch's values if it is long, and kept if it is short") {
  const auto [norm, clipped] = tg::clip_by_global_norm(formula(), 0.5);
  CHECK(golden::mismatch(tg::to_host(norm), golden::clip_clipped_norm) < 1e-7);
  CHECK(golden::mismatch(tg::to_host(clipped.a), golden::clip_clipped_a) < 1e-7);
  CHECK(golden::mismatch(tg::to_host(clipped.b), golden::clip_clipped_b) < 1e-7);
  CHECK_FALSE(clipped.absent.defined());

  const auto [same_norm, kept] = tg::clip_by_global_norm(formula(), 100);
  CHECK(golden::mismatch(tg::to_host(same_norm), golden::clip_kept_norm) < 1e-7);
  CHECK(tg::to_host(kept.a) == golden::formula(6, 1));
  CHECK(tg::to_host(kept.b) == golden::formula(4, 2));
}

TEST_CASE("sums of squares of 16-bit gradients are taken in float") {
  // 1 + 2^-9 would round to 1 in bf16, and 300^2 is more than half can hold.
  const Pair<tg::bf16> fine{
      tg::ones<tg::bf16>({1}), tg::full<tg::bf16>({2}, tg::bf16(0.03125f)), {}};
  CHECK(tg::global_norm(fine).item() == doctest::Approx(std::sqrt(1 + 0x1p-9)).epsilon(1e-6));
  const Pair<tg::half> large{tg::full<tg::half>({2}, tg::half(300)), {}, {}};
  const auto [norm, clipped] = tg::clip_by_global_norm(large, 1);
  CHECK(norm.item() == doctest::Approx(300 * std::sqrt(2.0)).epsilon(1e-6));
  CHECK(float(tg::to_host(clipped.a)[1]) == doctest::Approx(std::sqrt(0.5)).epsilon(1e-3));
}

TEST_CASE("the global norm is differentiable, as a penalty on a model needs it") {
  const Pair<double> model = formula();
  const auto [norm, gradient] =
      tg::value_and_grad([](const auto& m) { return tg::global_norm(m); }, model);
  CHECK(tg::to_host(gradient.a)[2] ==
        doctest::Approx(tg::to_host(model.a)[2] / norm.item()).epsilon(1e-6));
}

TEST_CASE("one NaN or infinity anywhere is found") {
  Pair<float> g{tg::ones<float>({70000}), tg::zeros<float>({3, 2}), {}};
  CHECK(tg::all_finite(g).item());
  std::vector<float> values(70000, 1.0f);
  values[69999] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(tg::all_finite(Pair<float>{tg::from_host(values, {70000}), g.b, {}}).item());
  values[69999] = 1;
  values[0] = -std::numeric_limits<float>::infinity();
  CHECK_FALSE(tg::all_finite(Pair<float>{g.b, tg::from_host(values, {70000}), {}}).item());
  values[0] = std::numeric_limits<float>::max();  // its square is infinite, it is not
  CHECK(tg::all_finite(Pair<float>{g.b, tg::from_host(values, {70000}), {}}).item());
  CHECK(tg::all_finite(Pair<float>{}).item());
  CHECK(tg::global_norm(Pair<float>{}).item() == 0);
}

TEST_CASE("clipping reads nothing back and, once warm, allocates nothing") {
  const Pair<float> g{tg::ones<float>({1000}), tg::ones<float>({30}), {}};
  const auto max_norm = tg::scalar(1.0f);
  tg::clip_by_global_norm(g, max_norm);
  tg::all_finite(g);
  const auto before = tg::Pool::instance().statistics();
  {
    const tg::NoReadback forbidden;
    tg::clip_by_global_norm(g, max_norm);
    tg::all_finite(g);
  }
  CHECK(tg::Pool::instance().statistics().allocations == before.allocations);
}

}  // namespace clip_test
}  // namespace
