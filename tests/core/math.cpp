// SPDX-License-Identifier: MIT
//
// Tests of core/math.h: the largest errors the float functions state, over floats of every exponent
// against the standard library in double, and the values at the edges.
#include "thrustgrad/core/math.h"
#include "thrustgrad/core/number.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

namespace math_test {

namespace tg = thrustgrad;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();
constexpr double misplaced = 1e30;  // where an infinity, a NaN, or a zero or its sign is wrong

// The distance of y from the exact value in units in the last place of a float of its size.
double ulps(float y, double exact) {
  const float rounded = static_cast<float>(exact);
  if (std::isnan(exact)) return std::isnan(y) ? 0.0 : misplaced;
  if (std::isinf(rounded) || exact == 0.0) {
    return y == rounded && std::signbit(y) == std::signbit(rounded) ? 0.0 : misplaced;
  }
  const int exponent = std::max(std::ilogb(exact), -126);
  const double error = std::abs(y - exact) / std::ldexp(1.0, exponent - 23);
  return std::isfinite(y) ? error : misplaced;
}

// The largest error over every step-th bit pattern of the floats accepted.
template <class F, class G, class Accept>
double largest_error(F f, G exact, Accept accept, std::uint64_t step) {
  double largest = 0.0;
  for (std::uint64_t bits = 0; bits < (1ull << 32); bits += step) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (accept(x)) largest = std::max(largest, ulps(f(x), exact(static_cast<double>(x))));
  }
  return largest;
}

template <class F, class G> double largest_error(F f, G exact, std::uint64_t step = 2003) {
  return largest_error(
      f, exact, [](float) { return true; }, step);
}

// The same over a range where the function is neither constant nor the identity.
template <class F, class G> double largest_error_within(F f, G exact, float low, float high) {
  double largest = 0.0;
  constexpr int count = 200000;
  for (int i = 0; i <= count; ++i) {
    const float x = low + (high - low) * (static_cast<float>(i) / count);
    largest = std::max(largest, ulps(f(x), exact(static_cast<double>(x))));
  }
  return largest;
}

// How far f is beyond an error of `base` ulp and `slope` more for each unit of x below 0.
template <class F, class G> double largest_excess_below_0(F f, G exact, double base, double slope) {
  double largest = -1.0;
  for (float x = -87.0f; x < 0.0f; x += 0.00037f)
    largest = std::max(largest, ulps(f(x), exact(static_cast<double>(x))) - base + slope * x);
  return largest;
}

#if defined(__x86_64__)
// As the loops of machines with fused multiply-add compute them; g++ fuses from -O2 on.
#if defined(__clang__)
#define FUSED [[gnu::target("avx2,fma")]]
#else
#define FUSED [[gnu::target("avx2,fma"), gnu::optimize("O2")]]
#endif
FUSED float fused_sigmoid(float x) { return tg::sigmoid(x); }
FUSED float fused_silu(float x) { return tg::silu(x); }
#undef FUSED
bool has_fused() { return __builtin_cpu_supports("fma"); }
#else
float fused_sigmoid(float x) { return tg::sigmoid(x); }
float fused_silu(float x) { return tg::silu(x); }
bool has_fused() { return false; }
#endif

}  // namespace

TEST_CASE("exp is within 2.3 ulp, in the subnormals too") {
  const auto f = [](float x) { return tg::exp(x); };
  const auto exact = [](double x) { return std::exp(x); };
  CHECK(largest_error(f, exact) <= 2.3);
  CHECK(largest_error_within(f, exact, -104.5f, 89.0f) <= 2.3);
  CHECK(tg::exp(0.0f) == 1.0f);
  CHECK(tg::exp(88.7228394f) == static_cast<float>(std::exp(double(88.7228394f))));
  CHECK(tg::exp(88.7229f) == infinity);
  CHECK(tg::exp(infinity) == infinity);
  CHECK(tg::exp(-infinity) == 0.0f);
  CHECK(std::isnan(tg::exp(quiet_nan)));
}

TEST_CASE("expm1 is within 1.7 ulp") {
  const auto f = [](float x) { return tg::expm1(x); };
  const auto exact = [](double x) { return std::expm1(x); };
  CHECK(largest_error(f, exact) <= 1.7);
  CHECK(largest_error_within(f, exact, -20.0f, 89.0f) <= 1.7);
  CHECK(largest_error_within(f, exact, -1.5f, 1.5f) <= 1.7);
  CHECK(tg::expm1(-infinity) == -1.0f);
}

TEST_CASE("log is within 1 ulp, of subnormals too") {
  const auto f = [](float x) { return tg::log(x); };
  const auto exact = [](double x) { return std::log(x); };
  CHECK(largest_error(f, exact) <= 1.0);
  CHECK(largest_error_within(f, exact, 0.5f, 2.0f) <= 1.0);
  CHECK(tg::log(1.0f) == 0.0f);
  CHECK(tg::log(0.0f) == -infinity);
  CHECK(tg::log(-0.0f) == -infinity);
  CHECK(tg::log(infinity) == infinity);
  CHECK(std::isnan(tg::log(-1.0f)));
  CHECK(std::isnan(tg::log(quiet_nan)));
}

TEST_CASE("log1p is within 1.5 ulp") {
  const auto f = [](float x) { return tg::log1p(x); };
  const auto exact = [](double x) { return std::log1p(x); };
  CHECK(largest_error(f, exact) <= 1.5);
  CHECK(largest_error_within(f, exact, -1.0f, 3.0f) <= 1.5);
  CHECK(tg::log1p(-1.0f) == -infinity);
  CHECK(tg::log1p(infinity) == infinity);
  CHECK(std::isnan(tg::log1p(-1.5f)));
}

TEST_CASE("tanh is within 2.5 ulp") {
  const auto f = [](float x) { return tg::tanh(x); };
  const auto exact = [](double x) { return std::tanh(x); };
  CHECK(largest_error(f, exact) <= 2.5);
  CHECK(largest_error_within(f, exact, -10.0f, 10.0f) <= 2.5);
  CHECK(largest_error_within(f, exact, -0.1f, 0.1f) <= 2.5);
  CHECK(tg::tanh(infinity) == 1.0f);
  CHECK(tg::tanh(-infinity) == -1.0f);
}

TEST_CASE("erf is within 6 ulp and never beyond 1") {
  const auto f = [](float x) { return tg::erf(x); };
  const auto exact = [](double x) { return std::erf(x); };
  CHECK(largest_error(f, exact) <= 6.0);
  CHECK(largest_error_within(f, exact, -4.5f, 4.5f) <= 6.0);
  CHECK(largest_error_within(f, exact, -0.2f, 0.2f) <= 6.0);
  float largest = 0.0f;
  for (float x = 3.0f; x < 4.5f; x += 1e-5f) largest = std::max(largest, tg::erf(x));
  CHECK(largest == 1.0f);
  CHECK(tg::erf(4.01f) == 1.0f);
  CHECK(tg::erf(-infinity) == -1.0f);
}

TEST_CASE("gelu is within 4e-7 |x|, and the normal density within 2e-7") {
  double value = 0.0, density = 0.0;
  for (float x = -14.0f; x < 14.0f; x += 1e-4f) {
    const double wide = x;
    const double exact = wide * 0.5 * std::erfc(-wide * std::sqrt(0.5));
    value = std::max(value, std::abs(tg::gelu(x) - exact) / std::abs(wide));
    const double phi = std::exp(-0.5 * wide * wide) * 0.3989422804014327;
    density = std::max(density, std::abs(tg::detail::normal_density(x) - phi));
  }
  CHECK(value <= 4e-7);
  CHECK(density <= 2e-7);
  CHECK(tg::gelu(-6.0f) == 0.0f);
  CHECK(tg::gelu(-1e30f) == 0.0f);
  CHECK(tg::gelu(6.0f) == 6.0f);
  CHECK(tg::gelu(infinity) == infinity);
  CHECK(std::isnan(tg::gelu(quiet_nan)));
  CHECK(std::isnan(tg::gelu(-quiet_nan)));
  CHECK(tg::gelu(1.0) == doctest::Approx(0.8413447460685429));
}

TEST_CASE("sigmoid is within 1.6 ulp, below 0 within 3.5 - x / 30 or 3.5 - x, down to -88.3") {
  const auto f = [](float x) { return tg::sigmoid(x); };
  const auto exact = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const auto positive = [](float x) { return !(x < 0.0f); };
  CHECK(largest_error(f, exact, positive, 2003) <= 1.6);
  CHECK(largest_error_within(f, exact, 0.0f, 20.0f) <= 1.6);
  CHECK(largest_excess_below_0(f, exact, 3.5, 1.0) <= 0);
  if (has_fused()) CHECK(largest_excess_below_0(fused_sigmoid, exact, 3.5, 1.0 / 30) <= 0);
  CHECK(tg::sigmoid(-89.0f) == 0.0f);
  CHECK(tg::sigmoid(-infinity) == 0.0f);
  CHECK(tg::sigmoid(infinity) == 1.0f);
  CHECK(tg::sigmoid(0.0f) == 0.5f);
}

TEST_CASE("silu is within 2.3 ulp, below 0 within 4 - x / 30 or 4 - x, down to -87") {
  const auto f = [](float x) { return tg::silu(x); };
  const auto exact = [](double x) { return x / (1.0 + std::exp(-x)); };
  const auto positive = [](float x) { return !(x < 0.0f); };
  CHECK(largest_error(f, exact, positive, 2003) <= 2.3);
  CHECK(largest_error_within(f, exact, 0.0f, 20.0f) <= 2.3);
  CHECK(largest_excess_below_0(f, exact, 4.0, 1.0) <= 0);
  if (has_fused()) CHECK(largest_excess_below_0(fused_silu, exact, 4.0, 1.0 / 30) <= 0);
  CHECK(tg::silu(-1e30f) == 0.0f);
  CHECK(tg::silu(infinity) == infinity);
  CHECK(std::isnan(tg::silu(quiet_nan)));
  CHECK(tg::silu(2.0) == doctest::Approx(1.7615941559557649));
}

TEST_CASE("pow is within 0.51 ulp for bases and exponents of every sign and size") {
  const std::vector<float> values = {0.0f,   -0.0f, 0.5f,  -0.5f,   1.0f,     -1.0f,     2.0f,
                                     -2.0f,  3.0f,  -3.0f, 0.999f,  1.00001f, 17.25f,    -1e-3f,
                                     1e-40f, 1e9f,  -3e7f, 1.5e38f, infinity, -infinity, quiet_nan};
  for (const float v : values) {
    CAPTURE(v);
    const double wide = v;
    CHECK(largest_error([v](float x) { return tg::pow(x, v); },
                        [wide](double x) { return std::pow(x, wide); }, 200003) <= 0.51);
    CHECK(largest_error([v](float y) { return tg::pow(v, y); },
                        [wide](double y) { return std::pow(wide, y); }, 200003) <= 0.51);
    for (const float y : values) {
      CAPTURE(y);
      CHECK(ulps(tg::pow(v, y), std::pow(wide, static_cast<double>(y))) <= 0.51);
    }
  }
  CHECK(tg::pow(3.0f, 2) == 9.0f);
  CHECK(tg::pow(2.0, 0.5f) == std::sqrt(2.0));
}

TEST_CASE("floor is exact") {
  CHECK(largest_error([](float x) { return tg::floor(x); },
                      [](double x) { return std::floor(x); }) == 0.0);
  CHECK(largest_error_within([](float x) { return tg::floor(x); },
                             [](double x) { return std::floor(x); }, -5.0f, 5.0f) == 0.0);
  CHECK(tg::floor(8388607.5f) == 8388607.0f);
  CHECK(tg::floor(-0x1p-149f) == -1.0f);
  CHECK(tg::floor(-1.5) == -2.0);
}

TEST_CASE("double functions are the standard library's, and sqrt is exact in float") {
  CHECK(tg::exp(1.25) == std::exp(1.25));
  CHECK(tg::expm1(1e-9) == std::expm1(1e-9));
  CHECK(tg::log(0.3) == std::log(0.3));
  CHECK(tg::log1p(1e-9) == std::log1p(1e-9));
  CHECK(std::abs(tg::tanh(0.7) - std::tanh(0.7)) < 2e-16);  // g++ may know it better than libm
  CHECK(tg::erf(0.7) == std::erf(0.7));
  CHECK(tg::pow(1.7, -2.5) == std::pow(1.7, -2.5));
  CHECK(tg::sigmoid(-800.0) == 0.0);
  CHECK(tg::sin(0.5f) == std::sin(0.5f));
  CHECK(tg::cos(0.5) == std::cos(0.5));
  CHECK(tg::sqrt(2.0f) == std::sqrt(2.0f));
  CHECK(tg::rsqrt(4.0f) == 0.5f);
}

TEST_CASE("maximum, minimum, clamp and relu hand NaN on; where does not look at the other side") {
  CHECK(tg::maximum(1.0f, 2) == 2.0f);
  CHECK(tg::minimum(1.0f, 2) == 1.0f);
  CHECK(tg::maximum(3, 2) == 3);
  for (const auto& [a, b] : {std::pair{quiet_nan, 1.0f}, std::pair{1.0f, quiet_nan}}) {
    CHECK(std::isnan(tg::maximum(a, b)));
    CHECK(std::isnan(tg::minimum(a, b)));
  }
  CHECK(std::isnan(tg::clamp(quiet_nan, 0, 1)));
  CHECK(tg::clamp(-3.0f, -1, 1) == -1.0f);
  CHECK(tg::clamp(3.0, -1, 1) == 1.0);
  CHECK(std::isnan(tg::relu(quiet_nan)));
  CHECK(tg::relu(-2.0f) == 0.0f);
  CHECK(tg::where(true, 1.0f, quiet_nan) == 1.0f);
  CHECK(tg::where(false, quiet_nan, 7) == 7.0f);
  CHECK(tg::where(false, 1, 7) == 7);
}

TEST_CASE("NaN of either sign stays NaN") {
  for (const float nan : {quiet_nan, -quiet_nan}) {
    CHECK(std::isnan(tg::exp(nan)));
    CHECK(std::isnan(tg::expm1(nan)));
    CHECK(std::isnan(tg::tanh(nan)));
    CHECK(std::isnan(tg::erf(nan)));
    CHECK(std::isnan(tg::sigmoid(nan)));
  }
}

TEST_CASE("abs, sign, isnan and isfinite follow the sign and class of their argument") {
  CHECK(tg::abs(-2.5f) == 2.5f);
  CHECK_FALSE(std::signbit(tg::abs(-0.0)));
  CHECK(tg::abs(-3) == 3);
  CHECK(tg::sign(-0.1f) == -1.0f);
  CHECK(tg::sign(4.0) == 1.0);
  CHECK(tg::sign(0.0f) == 0.0f);
  CHECK(std::isnan(tg::sign(quiet_nan)));
  CHECK(tg::isnan(quiet_nan));
  CHECK_FALSE(tg::isnan(infinity));
  CHECK(tg::isfinite(1e38f));
  CHECK_FALSE(tg::isfinite(-infinity));
  CHECK_FALSE(tg::isfinite(quiet_nan));
}

TEST_CASE("float functions are constant expressions") {
  static_assert(tg::exp(0.0f) == 1.0f && tg::log(1.0f) == 0.0f && tg::erf(0.0f) == 0.0f);
  static_assert(tg::tanh(20.0f) == 1.0f && tg::sigmoid(0.0f) == 0.5f);
  CHECK(tg::exp(1.0f) == doctest::Approx(2.718281828));
}

}  // namespace math_test
