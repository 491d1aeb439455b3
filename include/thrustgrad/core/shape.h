// SPDX-License-Identifier: MIT
// Shapes and strides: at most eight sizes, stored in place. All arithmetic that can overflow goes
// through checked_mul and checked_add. Layer core, below Tensor.
#pragma once
#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// a * b. Throws if the product does not fit into index_t.
inline index_t checked_mul(index_t a, index_t b, std::string_view op = "shape") {
  index_t product;
  require(!__builtin_mul_overflow(a, b, &product), op, a, " x ", b, " overflows 64 bits");
  return product;
}

/// a + b. Throws if the sum does not fit into index_t.
inline index_t checked_add(index_t a, index_t b, std::string_view op = "shape") {
  index_t sum;
  require(!__builtin_add_overflow(a, b, &sum), op, a, " + ", b, " overflows 64 bits");
  return sum;
}

/// The sizes of a tensor, outermost first; strides and axis lists have the same type.
class Shape {
 public:
  static constexpr int max_rank = 8;

  constexpr Shape() = default;
  Shape(std::initializer_list<index_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const index_t> sizes) {
    for (index_t size : sizes) push_back(size);
  }
  /// `rank` times the same value.
  static Shape repeat(int rank, index_t value) {
    Shape s;
    for (int axis = 0; axis < rank; ++axis) s.push_back(value);
    return s;
  }

  int rank() const { return rank_; }
  const index_t* begin() const { return sizes_.data(); }
  const index_t* end() const { return sizes_.data() + rank_; }
  index_t* begin() { return sizes_.data(); }
  index_t* end() { return sizes_.data() + rank_; }
  index_t back() const { return (*this)[-1]; }

  /// The position of an axis that may count from the end (-1 is the last). Throws if there is none.
  int axis(index_t a, std::string_view op = "shape") const {
    require(-rank_ <= a && a < rank_, op, "axis ", a, " does not exist in ", *this);
    return static_cast<int>(a < 0 ? a + rank_ : a);
  }
  index_t operator[](index_t a) const { return sizes_[static_cast<std::size_t>(axis(a))]; }
  index_t& operator[](index_t a) { return sizes_[static_cast<std::size_t>(axis(a))]; }

  void push_back(index_t size) {
    require(rank_ < max_rank, "shape", "a tensor has at most ", max_rank, " axes");
    sizes_[static_cast<std::size_t>(rank_++)] = size;
  }
  void insert(int at, index_t size) {
    push_back(size);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(int at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --rank_;
  }
  /// The axes [from, to).
  Shape slice(int from, int to) const { return Shape(std::span(begin() + from, begin() + to)); }
  Shape operator+(const Shape& other) const {
    Shape joined = *this;
    for (index_t size : other) joined.push_back(size);
    return joined;
  }

  /// The product of the sizes, 1 for a scalar. Throws on overflow and on negative sizes.
  index_t numel() const {
    index_t n = 1;
    for (index_t size : *this) {
      require(size >= 0, "shape", *this, " has a negative size");
      n = checked_mul(n, size);
    }
    return n;
  }

  std::string str() const {
    std::string text = "(";
    for (const index_t& size : *this) {
      if (&size != begin()) text += ", ";
      text += std::to_string(size);
    }
    return text + ")";
  }

  friend bool operator==(const Shape& a, const Shape& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::array<index_t, max_rank> sizes_{};
  int rank_ = 0;
};

/// Row-major strides: the last axis is contiguous.
inline Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  index_t next = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = next;
    next = checked_mul(next, std::max<index_t>(shape[axis], 1));
  }
  return strides;
}

/// Strides of a dense tensor whose axes lie in memory in the given order, outermost first.
inline Shape ordered_strides(const Shape& shape, const Shape& order) {
  Shape strides = shape;
  index_t next = 1;
  for (int i = order.rank() - 1; i >= 0; --i) {
    strides[order[i]] = next;
    next = checked_mul(next, std::max<index_t>(shape[order[i]], 1));
  }
  return strides;
}

/// The axes from the largest stride to the smallest; axes of equal stride keep their order.
inline Shape stride_order(const Shape& shape, const Shape& strides) {
  Shape order = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) order[axis] = axis;
  std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    const auto magnitude = [&](index_t axis) {
      return strides[axis] < 0 ? -strides[axis] : strides[axis];
    };
    return magnitude(a) > magnitude(b);
  });
  return order;
}

/// NumPy's broadcasting: shapes are aligned at the last axis, and a size of 1 stretches.
/// Throws if two sizes differ and neither is 1.
inline Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int shift = longer.rank() - shorter.rank();
  Shape result = longer;
  for (int axis = shift; axis < longer.rank(); ++axis) {
    const index_t p = longer[axis], q = shorter[axis - shift];
    require(p == q || p == 1 || q == 1, op, "shapes ", a, " and ", b,
            " do not broadcast: aligned at the last axis, sizes must be equal or 1");
    result[axis] = p == 1 ? q : p;
  }
  return result;
}

/// The axes of a reduction as positions in ascending order; an empty list means all axes.
/// Throws if an axis does not exist or is named twice.
inline Shape normalize_axes(std::string_view op, const Shape& shape, const Shape& axes) {
  Shape result;
  if (axes.rank() == 0) {
    for (int axis = 0; axis < shape.rank(); ++axis) result.push_back(axis);
    return result;
  }
  for (index_t a : axes) {
    const int axis = shape.axis(a, op);
    require(std::find(result.begin(), result.end(), axis) == result.end(), op, "axis ", a,
            " is named twice in ", axes);
    result.push_back(axis);
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
