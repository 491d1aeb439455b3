// SPDX-License-Identifier: MIT
// Philox against the published vectors, and the scalar distributions at their corner cases.
#include "thrustgrad/core/philox.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace philox_test {

namespace tg = thrustgrad;

namespace {

constexpr bool equal(const tg::philox_block& a, const tg::philox_block& b) {
  for (int i = 0; i < 4; ++i)
    if (a.word[i] != b.word[i]) return false;
  return true;
}

constexpr std::uint32_t ones = 0xFFFFFFFFu;
constexpr std::uint64_t wide_ones = ~std::uint64_t{0};

}  // namespace

TEST_CASE("philox4x32 gives the known answers of Random123") {
  CHECK(equal(tg::philox4x32({{0, 0, 0, 0}}, {{0, 0}}),
              {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}}));
  CHECK(equal(tg::philox4x32({{ones, ones, ones, ones}}, {{ones, ones}}),
              {{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}}));
  CHECK(equal(tg::philox4x32({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}},
                             {{0xa4093822u, 0x299f31d0u}}),
              {{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}}));
}

TEST_CASE("philox4x32 is a constant expression") {
  static_assert(tg::philox4x32({{0, 0, 0, 0}}, {{0, 0}}).word[0] == 0x6627e8d5u);
  CHECK(true);
}

TEST_CASE("philox lays out index, step and seed from low to high words") {
  CHECK(equal(tg::philox(0x299f31d0a4093822u, 0x85a308d3243f6a88u, 0x0370734413198a2eu),
              {{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}}));
}

TEST_CASE("uniform numbers cover [0, 1) and never reach 1") {
  CHECK(tg::uniform_float(0) == 0.0f);
  CHECK(tg::uniform_float(ones) == 1.0f - 0x1p-24f);
  CHECK(tg::uniform_float(0x80000000u) == 0.5f);
  CHECK(tg::uniform_double(0) == 0.0);
  CHECK(tg::uniform_double(wide_ones) == 1.0 - 0x1p-53);
  CHECK(tg::uniform_double(std::uint64_t{1} << 63) == 0.5);
}

TEST_CASE("uniform_below is the upper half of the 128-bit product") {
  CHECK(tg::uniform_below(wide_ones, wide_ones) == wide_ones - 1);
  CHECK(tg::uniform_below(wide_ones, std::uint64_t{10}) == 9);
  CHECK(tg::uniform_below(std::uint64_t{0}, std::uint64_t{10}) == 0);
  CHECK(tg::uniform_below(wide_ones, std::uint64_t{1}) == 0);
  CHECK(tg::uniform_below(std::uint64_t{1} << 63, std::uint64_t{10}) == 5);
  CHECK(tg::uniform_below(0x123456789abcdef0u, 0xfedcba9876543210u) == 0x121fa00ad77d7422u);
  CHECK(tg::uniform_below(ones, 9u) == 8);
  CHECK(tg::uniform_below(0x80000000u, 9u) == 4);
}

TEST_CASE("bernoulli_threshold makes 0 impossible and 1 certain") {
  CHECK(tg::bernoulli_threshold(0) == 0);
  CHECK(tg::bernoulli_threshold(-1) == 0);
  CHECK(tg::bernoulli_threshold(std::nan("")) == 0);
  CHECK(tg::bernoulli_threshold(0.25) == std::uint64_t{1} << 30);
  CHECK(tg::bernoulli_threshold(1) > ones);
  CHECK(tg::bernoulli_threshold(2) > ones);
}

TEST_CASE("normal numbers are finite at the ends and agree with the formula") {
  for (std::uint32_t a : {0u, 1u, 0x80000000u, ones}) {
    for (std::uint32_t b : {0u, 0x12345678u, ones}) {
      const double u = a * 0x1p-32 + 0x1p-33, v = (b >> 8) * 0x1p-24;
      const double radius = std::sqrt(-2 * std::log(u)), angle = 2 * std::acos(-1.0) * v;
      const auto pair = tg::normal_floats(a, b);
      CHECK(std::abs(pair.first - radius * std::cos(angle)) < 2e-5);
      CHECK(std::abs(pair.second - radius * std::sin(angle)) < 2e-5);
    }
  }
  CHECK(tg::normal_floats(0, 0).first == doctest::Approx(6.7637).epsilon(1e-4));
  CHECK(std::isfinite(tg::normal_doubles(0, 0).first));
  CHECK(std::isfinite(tg::normal_doubles(wide_ones, 0).first));
  const auto pair = tg::normal_doubles(std::uint64_t{1} << 62, std::uint64_t{1} << 61);
  CHECK(pair.first == doctest::Approx(std::sqrt(std::log(4.0))).epsilon(1e-14));
  CHECK(pair.second == doctest::Approx(pair.first).epsilon(1e-14));
}

}  // namespace philox_test
