// SPDX-License-Identifier: MIT
// Arrays for tests of a device system's primitives. They lie between margins: an element read from
// one spoils the result, and one that is written is noticed. All numbers are small integers, exact
// in every type, so that results are compared bit for bit with those of plain loops.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "thrustgrad/core/create.h"

namespace {
namespace primitives {

namespace tg = thrustgrad;
namespace device = thrustgrad::device;
using tg::index_t;
using tg::Shape;

/// Element i of a sequence of integers from [-range, range] without a pattern.
inline int draw(index_t i, int seed, int range = 3) {
  auto x = static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(seed);
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
  return static_cast<int>((x >> 33) % static_cast<std::uint64_t>(2 * range + 1)) - range;
}

/// n such integers as T; as unsigned ones if need be.
template <class T> std::vector<T> drawn(index_t n, int seed, int range = 3) {
  std::vector<T> x;
  for (index_t i = 0; i < n; ++i) {
    const int value = draw(i, seed, range);
    if constexpr (std::same_as<T, bool>)
      x.push_back(value % 2 == 0);
    else if constexpr (std::is_unsigned_v<T>)
      x.push_back(static_cast<T>(value + range));
    else
      x.push_back(static_cast<T>(static_cast<tg::compute_t<T>>(value)));
  }
  return x;
}

/// Elements on the device, in a block of their own.
template <class T> class Array {
 public:
  static constexpr index_t margin = 64;

  /// `shift` moves the first element away from where a block of memory begins. Behind the last one
  /// the block ends if `back` is 0.
  explicit Array(std::vector<T> elements, index_t shift = 0, index_t back = margin)
      : elements_(std::move(elements)),
        front_(margin + shift),
        size_(front_ + std::ssize(elements_) + back),
        memory_(static_cast<T*>(device::allocate(bytes()))) {
    const auto all = std::make_unique<T[]>(static_cast<std::size_t>(size_));
    std::fill_n(all.get(), size_, outside());
    std::copy(elements_.begin(), elements_.end(), all.get() + front_);
    device::copy(memory_, all.get(), bytes());
  }

  /// For n results.
  explicit Array(index_t n, index_t shift = 0)
      : Array(std::vector<T>(static_cast<std::size_t>(n), outside()), shift) {}

  ~Array() { device::deallocate(memory_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() { return memory_ + front_; }

  /// What it was made of.
  const std::vector<T>& before() const { return elements_; }

  /// What it holds now. The margins must be as they were.
  std::vector<T> now() const {
    const auto all = std::make_unique<T[]>(static_cast<std::size_t>(size_));
    device::copy(all.get(), memory_, bytes());
    const T *const begin = all.get() + front_, *const end = begin + elements_.size();
    const auto is_outside = [](T x) { return x == outside(); };
    CHECK(std::all_of(const_cast<const T*>(all.get()), begin, is_outside));
    CHECK(std::all_of(end, static_cast<const T*>(all.get() + size_), is_outside));
    return std::vector<T>(begin, end);
  }

 private:
  static T outside() { return static_cast<T>(static_cast<tg::compute_t<T>>(77)); }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }

  std::vector<T> elements_;
  index_t front_, size_;
  T* memory_;
};

/// The offsets of all positions of a loop, in row-major order.
inline std::vector<index_t> offsets(const Shape& sizes, const Shape& strides) {
  std::vector<index_t> table{0};
  for (int axis = 0; axis < sizes.rank(); ++axis) {
    std::vector<index_t> longer;
    for (index_t base : table)
      for (index_t i = 0; i < sizes[axis]; ++i) longer.push_back(base + i * strides[axis]);
    table = std::move(longer);
  }
  return table;
}

/// Drawn elements under a strided view whose offsets are sums of those in `tables`. Behind the last
/// one the memory ends.
template <class T> class View {
 public:
  View(std::initializer_list<std::vector<index_t>> tables, int seed, index_t shift = 0,
       int range = 3)
      : first_(bound(tables, false)),
        array_(drawn<T>(bound(tables, true) - first_ + 1, seed, range), shift, 0) {}

  T* data() { return array_.data() - first_; }
  T at(index_t offset) const { return array_.before()[static_cast<std::size_t>(offset - first_)]; }
  const Array<T>& array() const { return array_; }
  index_t first() const { return first_; }

 private:
  static index_t bound(std::initializer_list<std::vector<index_t>> tables, bool upper) {
    index_t sum = 0;
    for (const auto& table : tables) {
      if (table.empty()) continue;
      const auto [least, most] = std::minmax_element(table.begin(), table.end());
      sum += upper ? *most : *least;
    }
    return sum;
  }

  index_t first_;
  Array<T> array_;
};

}  // namespace primitives
}  // namespace
