// SPDX-License-Identifier: MIT
// Random tensors. A Key says which sequence of random numbers is meant; it holds no state, so the
// same key gives the same numbers every time, on any number of threads, and a longer tensor begins
// with the elements of a shorter one. What changes from step to step is a scalar in device memory,
// so that a captured graph draws new numbers at each replay. Layer: core (scalar part in philox.h).
#pragma once
#include <concepts>
#include <cstdint>
#include <tuple>
#include <utility>

#include "thrustgrad/config.h"
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/core/parameter.h"
#include "thrustgrad/core/philox.h"
#include "thrustgrad/error.h"
#include "thrustgrad/system/system.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// A random sequence: a seed, and the step (0 or more; absent means 0) at which it is read. Two
/// draws from one key give the same numbers: fold it for each use, and move it on with at().
struct Key {
  std::uint64_t seed = 0;
  Tensor<std::int64_t> step;  // ()

  Key() = default;
  explicit Key(std::uint64_t seed_value) : seed(seed_value) {}

  /// The same sequence at another step.
  Key at(Tensor<std::int64_t> step_value) const {
    Key moved = *this;
    moved.step = std::move(step_value);
    return moved;
  }
};

namespace detail {

/// Draws Draw::width elements from each Philox counter.
template <class T, class Draw> struct fill_random_fn {
  Draw draw;
  std::uint64_t seed;
  const std::int64_t* step;
  T* out;
  index_t n;

  THRUSTGRAD_FN void operator()(index_t block) const {
    T values[Draw::width];
    const auto at = step == nullptr ? std::uint64_t{0} : static_cast<std::uint64_t>(*step);
    draw(philox(seed, static_cast<std::uint64_t>(block), at), values);
    const index_t first = block * Draw::width;
    for (int i = 0; i < Draw::width; ++i) {
      if (first + i < n) out[first + i] = values[i];
    }
  }
};

template <class T, class Draw>
Tensor<T> fill_random(const char* op, const Key& key, const Shape& shape, const Draw& draw) {
  const OpScope scope(op);
  const std::int64_t* step = nullptr;
  if (key.step.defined()) {
    require(key.step.numel() == 1, op, "the key's step has shape ", key.step.shape,
            ", expected one element");
    step = key.step.data();
  }
  auto x = empty<T>(shape);
  const index_t n = x.numel();
  device::for_each((n + Draw::width - 1) / Draw::width,
                   fill_random_fn<T, Draw>{draw, key.seed, step, x.mutable_data(), n},
                   4 * Draw::width);  // a Philox block is some work
  return x;
}

template <class T> struct uniform_draw {
  static constexpr int width = sizeof(T) == 8 ? 2 : 4;
  compute_t<T> low, range;

  THRUSTGRAD_FN void operator()(const philox_block& random, T* out) const {
    if constexpr (width == 2) {
      out[0] = low + range * uniform_double(join_words(random.word[0], random.word[1]));
      out[1] = low + range * uniform_double(join_words(random.word[2], random.word[3]));
    } else {
      for (int i = 0; i < 4; ++i) out[i] = T(low + range * uniform_float(random.word[i]));
    }
  }
};

template <class T> struct normal_draw {
  static constexpr int width = sizeof(T) == 8 ? 2 : 4;

  THRUSTGRAD_FN void operator()(const philox_block& random, T* out) const {
    if constexpr (width == 2) {
      const auto pair = normal_doubles(join_words(random.word[0], random.word[1]),
                                       join_words(random.word[2], random.word[3]));
      out[0] = pair.first;
      out[1] = pair.second;
    } else {
      for (int i = 0; i < 4; i += 2) {
        const auto pair = normal_floats(random.word[i], random.word[i + 1]);
        out[i] = T(pair.first);
        out[i + 1] = T(pair.second);
      }
    }
  }
};

template <class T> struct integer_draw {
  static constexpr int width = 2;
  std::uint64_t low, range;  // modulo 2^64, which a range of more than 2^63 needs

  THRUSTGRAD_FN void operator()(const philox_block& random, T* out) const {
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t bits = join_words(random.word[2 * i], random.word[2 * i + 1]);
      out[i] = static_cast<T>(static_cast<std::int64_t>(low + uniform_below(bits, range)));
    }
  }
};

struct bernoulli_draw {
  static constexpr int width = 4;
  std::uint64_t threshold;

  THRUSTGRAD_FN void operator()(const philox_block& random, bool* out) const {
    for (int i = 0; i < 4; ++i) out[i] = random.word[i] < threshold;
  }
};

struct bits_draw {
  static constexpr int width = 2;

  THRUSTGRAD_FN void operator()(const philox_block& random, std::int64_t* out) const {
    for (int i = 0; i < 2; ++i) {
      out[i] = static_cast<std::int64_t>(join_words(random.word[2 * i], random.word[2 * i + 1]));
    }
  }
};

struct increment_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return x + 1; }
};

}  // namespace detail

/// An independent key: another seed for every n, at the same step. Folding in layer numbers or the
/// like one after the other makes a tree of keys.
inline Key fold(const Key& key, std::uint64_t n) {
  constexpr std::uint64_t beyond_all_steps = ~std::uint64_t{0};
  const philox_block random = philox(key.seed, n, beyond_all_steps);
  return Key(join_words(random.word[0], random.word[1])).at(key.step);
}

/// The number of the current step, in device memory.
struct Step {
  Buffer<std::int64_t> value = zeros<std::int64_t>({});
};

/// Moves on to the next step, in place: tensors taken from the step before become stale.
template <std::same_as<Step> S> void advance(S& step) {
  assign(std::tuple<detail::Owned<std::int64_t>&>(step.value), detail::increment_fn{});
}

/// Uniform in [low, high): low + (high - low) k / 2^24 (2^53 for double). Rounding to T may give
/// high itself. Throws if low > high.
template <element T = float>
requires std::floating_point<compute_t<T>> Tensor<T> uniform(const Key& key, const Shape& shape,
                                                             double low = 0, double high = 1) {
  require(low <= high, "uniform", "low ", low, " is above high ", high);
  using C = compute_t<T>;
  return detail::fill_random<T>(
      "uniform", key, shape,
      detail::uniform_draw<T>{static_cast<C>(low), static_cast<C>(high - low)});
}

/// Standard normal, mean 0 and variance 1, by the method of Box and Muller.
template <element T = float>
requires std::floating_point<compute_t<T>> Tensor<T> randn(const Key& key, const Shape& shape) {
  return detail::fill_random<T>("randn", key, shape, detail::normal_draw<T>{});
}

/// Uniform integers in [low, high). Throws if that is empty or does not fit into T.
template <element T = std::int64_t>
requires std::integral<T> Tensor<T> randint(const Key& key, const Shape& shape, std::int64_t low,
                                            std::int64_t high) {
  require(low < high, "randint", "[", low, ", ", high, ") is empty");
  require(std::in_range<T>(low) && std::in_range<T>(high - 1), "randint", "[", low, ", ", high,
          ") does not fit into ", dtype_name(dtype_of<T>));
  const auto first = static_cast<std::uint64_t>(low);
  return detail::fill_random<T>(
      "randint", key, shape,
      detail::integer_draw<T>{first, static_cast<std::uint64_t>(high) - first});
}

/// True with probability p, exact to 2^-32. Throws if p is not in [0, 1].
template <std::same_as<Key> K> Tensor<bool> bernoulli(const K& key, const Shape& shape, double p) {
  require(p >= 0 && p <= 1, "bernoulli", "p is ", p, ", expected 0 to 1");
  return detail::fill_random<bool>("bernoulli", key, shape,
                                   detail::bernoulli_draw{bernoulli_threshold(p)});
}

/// The numbers 0 to n - 1 in random order: the order of n random keys of 64 bits, of which two are
/// equal with probability n^2 / 2^65. Throws if n is negative.
template <std::same_as<Key> K>  // a template, so that only programs that call it compile a sort
Tensor<std::int64_t> permutation(const K& key, index_t n) {
  require(n >= 0, "permutation", "n is ", n, ", expected 0 or more");
  const auto keys = detail::fill_random<std::int64_t>("permutation", key, {n}, detail::bits_draw{});
  auto order = empty<std::int64_t>({n});
  device::argsort_rows(keys.data(), order.mutable_data(), 1, n, false, Scratch{});
  return order;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
