// SPDX-License-Identifier: MIT
//
// The counter-based random number generator Philox4x32-10 and the distributions drawn from its
// words. A draw is a pure function of (counter, key): there is no state to carry, to lock or to
// restore, so element i of a tensor is the same on any device and for any number of threads.
// Layer: core (scalar part; core/random.h fills tensors with it).
#pragma once

#include <cstdint>

#include "thrustgrad/config.h"
#include "thrustgrad/core/math.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// A Philox counter, or the four random words drawn from it.
struct philox_block {
  std::uint32_t word[4];
};

struct philox_key {
  std::uint32_t word[2];
};

/// Four random words for a 128-bit counter and a 64-bit key: a bijection of the counter for every
/// key. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
THRUSTGRAD_FN philox_block philox4x32(philox_block counter, philox_key key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter.word[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(b >> 32) ^ counter.word[1] ^ key.word[0],
                static_cast<std::uint32_t>(b),
                static_cast<std::uint32_t>(a >> 32) ^ counter.word[3] ^ key.word[1],
                static_cast<std::uint32_t>(a)}};
    key.word[0] += 0x9E3779B9u;  // the golden ratio
    key.word[1] += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return counter;
}

/// The four random words number `index` of the sequence `step` that belongs to `seed`.
THRUSTGRAD_FN philox_block philox(std::uint64_t seed, std::uint64_t index, std::uint64_t step) {
  return philox4x32({{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                      static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32)}},
                    {{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}});
}

/// Two words as one of 64 bits, the first one the lower half.
THRUSTGRAD_FN std::uint64_t join_words(std::uint32_t low, std::uint32_t high) {
  return (std::uint64_t{high} << 32) | low;
}

/// Uniform in [0, 1): the upper 24 bits of a word, every value a multiple of 2^-24.
THRUSTGRAD_FN float uniform_float(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

/// Uniform in [0, 1): the upper 53 bits of a word of 64, every value a multiple of 2^-53.
THRUSTGRAD_FN double uniform_double(std::uint64_t word) {
  return static_cast<double>(word >> 11) * 0x1p-53;
}

/// An integer in [0, n): floor(word n / 2^64). Each value's probability differs from 1/n by less
/// than 2^-64. Source: Lemire, "Fast random integer generation in an interval", arXiv 1805.10941.
THRUSTGRAD_FN std::uint64_t uniform_below(std::uint64_t word, std::uint64_t n) {
  const std::uint64_t low = std::uint64_t{0xFFFFFFFFu};
  const std::uint64_t middle = (word >> 32) * (n & low) + (((word & low) * (n & low)) >> 32);
  const std::uint64_t cross = (word & low) * (n >> 32) + (middle & low);
  return (word >> 32) * (n >> 32) + (middle >> 32) + (cross >> 32);
}

/// The same from one word, for small n: the error of a probability is below 2^-32.
THRUSTGRAD_FN std::uint32_t uniform_below(std::uint32_t word, std::uint32_t n) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * n) >> 32);
}

/// The threshold t for which `word < t` is true with probability p, exact to 2^-32; always for
/// p >= 1, never for p <= 0.
THRUSTGRAD_FN std::uint64_t bernoulli_threshold(double p) {
  if (!(p > 0)) return 0;
  return p < 1 ? static_cast<std::uint64_t>(p * 0x1p32) : std::uint64_t{1} << 32;
}

template <class T> struct normal_pair { T first, second; };

/// Two independent standard normals: sqrt(-2 log u) (cos 2 pi v, sin 2 pi v), u in (0, 1] of 32
/// bits (so that no value exceeds 6.8), v in [0, 1). Source: Box and Muller, Annals of
/// Mathematical Statistics 29 (1958).
THRUSTGRAD_FN normal_pair<float> normal_floats(std::uint32_t a, std::uint32_t b) {
  const float u = static_cast<float>(a) * 0x1p-32f + 0x1p-33f;
  const float radius = thrustgrad::sqrt(-2.0f * thrustgrad::log(u));
  const float angle = 6.28318530717958648f * uniform_float(b);
  return {radius * thrustgrad::cos(angle), radius * thrustgrad::sin(angle)};
}

/// The same in double precision, from two words of 64 bits.
THRUSTGRAD_FN normal_pair<double> normal_doubles(std::uint64_t a, std::uint64_t b) {
  const double u = static_cast<double>(a >> 11) * 0x1p-53 + 0x1p-54;
  const double radius = thrustgrad::sqrt(-2.0 * thrustgrad::log(u));
  const double angle = 6.28318530717958648 * uniform_double(b);
  return {radius * thrustgrad::cos(angle), radius * thrustgrad::sin(angle)};
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
