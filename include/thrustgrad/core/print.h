// SPDX-License-Identifier: MIT
// Tensors as text, for people: brackets as in NumPy, four digits, then the element type and the
// shape. Of large tensors only the edges are shown. Layer core.
#pragma once
#include <cstdio>
#include <functional>
#include <string>

#include "thrustgrad/core/create.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

using ElementText = std::function<std::string(index_t position)>;

/// Appends the elements from `first` on along the axes from `axis` on.
inline void append_elements(std::string& text, const Shape& shape, int axis, index_t first,
                            const ElementText& element) {
  constexpr index_t edge = 3, shown_whole = 1000;
  if (axis == shape.rank()) {
    text += element(first);
    return;
  }
  const index_t size = shape[axis], stride = contiguous_strides(shape)[axis];
  const int depth = shape.rank() - 1 - axis;
  const std::string gap = depth == 0 ? " "
                                     : std::string(static_cast<std::size_t>(depth), '\n') +
                                           std::string(static_cast<std::size_t>(axis) + 1, ' ');
  text += '[';
  for (index_t i = 0; i < size; ++i) {
    if (i > 0) text += gap;
    if (i == edge && size > 2 * edge && std::max(size, shape.numel()) > shown_whole) {
      text += "..." + gap;
      i = size - edge;
    }
    append_elements(text, shape, axis + 1, first + i * stride, element);
  }
  text += ']';
}

/// All elements, padded on the left to one width.
inline std::string aligned_elements(const Shape& shape, const ElementText& element) {
  std::size_t width = 0;
  std::string text;
  append_elements(text, shape, 0, 0, [&](index_t i) {
    width = std::max(width, element(i).size());
    return std::string();
  });
  text.clear();
  append_elements(text, shape, 0, 0, [&](index_t i) {
    const std::string digits = element(i);
    return std::string(width - digits.size(), ' ') + digits;
  });
  return text;
}

template <element T> std::string element_text(T x) {
  if constexpr (std::is_same_v<T, bool>)
    return x ? "true" : "false";
  else if constexpr (!floating<T>)
    return std::to_string(x);
  const auto number = static_cast<double>(x);
  if (number != number) return "nan";  // printf shows the sign of some
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4g", number);
  return digits;
}

}  // namespace detail

/// The elements in brackets, with four digits, then the element type and the shape:
///   [[0 1 2]
///    [3 4 5]] float32 (2, 3)
/// Of more than 1000 elements, three at either end of each axis. It waits for the device.
template <element T> std::string str(const Tensor<T>& x) {
  if (!x.defined()) return std::string("absent ") + dtype_name(dtype_of<T>);
  const auto elements = to_host(x);
  const auto element = [&](index_t i) {
    return detail::element_text<T>(elements[static_cast<std::size_t>(i)]);
  };
  return detail::aligned_elements(x.shape, element) + " " + dtype_name(dtype_of<T>) + " " +
         x.shape.str();
}

/// Prints str(x) and a new line.
template <element T> void print(const Tensor<T>& x) { std::puts(str(x).c_str()); }

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
