// SPDX-License-Identifier: MIT
// Pooling: reductions of the windows over an image batch (n, h, w, c). Layer ops.
#pragma once
#include "thrustgrad/ops/conv.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// The images with `padding` cells of one value on all sides, without history.
template <class T> Tensor<T> surround(const Tensor<T>& x, int padding, T value) {
  if (padding == 0) return x;
  Shape shape = x.shape;
  shape[image_h] += 2 * padding;
  shape[image_w] += 2 * padding;
  Tensor<T> y = full<T>(shape, value);
  y.strides = ordered_strides(shape, stride_order(shape, x.strides));
  copy_into(sliced(y, x.shape, {Range{}, Range{padding, 1}, Range{padding, 1}, Range{}}), x);
  return y;
}

inline void require_pooling_window(const char* op, const AnyTensor& x, index_t kernel,
                                   const Window& window) {
  require_image(op, x);
  require(2 * window.padding <= window.dilation * (kernel - 1) + 1, op, "padding ", window.padding,
          " is more than half of the kernel ", kernel, ": some windows would be empty");
  window.count(op, x.size(image_h), kernel);
  window.count(op, x.size(image_w), kernel);
}

}  // namespace detail

/// The largest element of each window of kernel x kernel cells, (n, h, w, c) -> (n, p, q, c). The
/// gradient goes to the first of equal ones. Padding never wins.
/// Throws if the kernel is larger than the padded image, or the padding more than half of it.
template <floating T> Tensor<T> max_pool2d(const Tensor<T>& x, index_t kernel, Window window) {
  const detail::OpScope scope("max_pool2d");
  detail::require_pooling_window("max_pool2d", x, kernel, window);
  const Shape taps{3, 4};
  Tensor<T> y;
  Tensor<std::int64_t> winner;  // which of the kernel * kernel taps, (n, p, q, c)
  {
    const detail::PauseRecording pause;
    const auto seen =
        windows(detail::surround(x, window.padding, limits<T>::least()), kernel, kernel, window);
    y = amax(seen, taps);
    winner = argmax(seen, taps);
  }
  return differentiable(
      y, wrt(x, [=, image = x.shape](const Tensor<T>& g) {
        const auto tap = reshape(arange<std::int64_t>(kernel * kernel), {kernel, kernel, 1});
        const auto wins =
            cast<T>(equal(unsqueeze(unsqueeze(winner, 3), 3), tap));  // (n, p, q, r, s, c)
        const auto placed = unsqueeze(unsqueeze(g, 3), 3) * wins;
        Shape padded = image;
        padded[1] += 2 * window.padding;
        padded[2] += 2 * window.padding;
        const Range inside{window.padding, 1};
        return slice(overlap_add(placed, padded, window), image,
                     {Range{}, inside, inside, Range{}});
      }));
}
/// Windows that lie side by side: max_pool2d(x, 2) halves both sides.
template <floating T> Tensor<T> max_pool2d(const Tensor<T>& x, int kernel) {
  return max_pool2d(x, kernel, {.stride = kernel});
}

/// The mean of each window of kernel x kernel cells; padding counts as zeros.
/// (n, h, w, c) -> (n, p, q, c)
template <floating T> Tensor<T> avg_pool2d(const Tensor<T>& x, index_t kernel, Window window) {
  const detail::OpScope scope("avg_pool2d");
  detail::require_pooling_window("avg_pool2d", x, kernel, window);
  return mean(windows(spread(x, window.padding, window.padding), kernel, kernel, window), {3, 4});
}
template <floating T> Tensor<T> avg_pool2d(const Tensor<T>& x, int kernel) {
  return avg_pool2d(x, kernel, {.stride = kernel});
}

/// The mean over all cells: (n, h, w, c) -> (n, c).
template <floating T> Tensor<T> global_avg_pool(const Tensor<T>& x) {
  detail::require_image("global_avg_pool", x);
  return mean(x, {1, 2});
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
