// SPDX-License-Identifier: MIT
// Convolutions and the windows they look through. Images are logically (n, h, w, c) and lie
// grid-major in memory: h, w, n, c, so that each cell (h, w) is a plain n x c matrix. Windows over
// an image are an overlapping view, (n, p, q, r, s, c), and a convolution is one contraction with
// it over (r, s, c). Layer ops.
#pragma once
#include "thrustgrad/ops/contract.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Which cells a window looks at: stride, zero padding on all sides, distance between its taps.
struct Window {
  int stride = 1, padding = 0, dilation = 1;

  /// How many windows of `kernel` taps fit into `size` cells. Throws if none does.
  index_t count(const char* op, index_t size, index_t kernel) const {
    require(stride > 0 && dilation > 0 && padding >= 0, op, "stride ", stride, ", padding ",
            padding, ", dilation ", dilation, " are not a window");
    const index_t reach = dilation * (kernel - 1) + 1, room = size + 2 * padding - reach;
    require(room >= 0, op, "a kernel of ", kernel, " taps, dilated by ", dilation,
            ", is larger than ", size, " cells with padding ", padding);
    return room / stride + 1;
  }
};

namespace detail {

inline constexpr int image_n = 0, image_h = 1, image_w = 2, image_c = 3;

inline void require_image(const char* op, const AnyTensor& x) {
  require(x.rank() == 4, op, "an image batch has the axes (n, h, w, c), not ", x.shape);
}

/// Whether x lies so that each cell is a matrix: channels next to each other, images a pitch apart,
/// within the cell.
inline bool is_grid(const AnyTensor& x) {
  return x.rank() == 4 &&
         x.is_ordered(ordered_strides(x.shape, {image_h, image_w, image_n, image_c}));
}

}  // namespace detail

/// The same images, grid-major in memory; a copy only if they are not yet.
template <floating T> Tensor<T> grid_major(const Tensor<T>& x) {
  detail::require_image("grid_major", x);
  if (detail::is_grid(x)) return x;
  const detail::OpScope scope("grid_major");
  Tensor<T> y =
      empty<T>(x.shape, {detail::image_h, detail::image_w, detail::image_n, detail::image_c});
  detail::write(y, x);
  return differentiable(y, wrt(x, [](const Tensor<T>& g) { return g; }));
}

/// Zeros around the cells of an image batch, `padding` on each side, and step - 1 zeros between
/// neighbours. (n, h, w, c) -> (n, (h - 1) step + 1 + 2 padding, ...)
template <floating T>
Tensor<T> spread(const Tensor<T>& x, int padding_h, int padding_w, int step = 1) {
  if (padding_h == 0 && padding_w == 0 && step == 1) return x;
  Shape shape = x.shape;
  const auto size = [&](index_t cells, int padding) {
    return (cells - 1) * step + 1 + 2 * padding;
  };
  shape[1] = size(x.size(1), padding_h);
  shape[2] = size(x.size(2), padding_w);
  return embed(x, shape, {Range{}, Range{padding_h, step}, Range{padding_w, step}, Range{}});
}

template <floating T>
Tensor<T> overlap_add(const Tensor<T>& windows, const Shape& image, Window window);

/// All windows of r x s taps as an overlapping view: (n, h, w, c) -> (n, p, q, r, s, c), where
/// y[n, p, q, i, j, c] = x[n, p stride + i dilation, q stride + j dilation, c]. The padding must
/// have been applied (spread). Its gradient, overlap_add, sums what lies on one cell.
template <floating T> Tensor<T> windows(const Tensor<T>& x, index_t r, index_t s, Window window) {
  detail::require_image("windows", x);
  const Window unpadded{window.stride, 0, window.dilation};
  const index_t p = unpadded.count("windows", x.size(1), r),
                q = unpadded.count("windows", x.size(2), s);
  const index_t down = x.strides[1], right = x.strides[2];
  const auto y = detail::restrided(x, {x.size(0), p, q, r, s, x.size(3)},
                                   {x.strides[0], down * window.stride, right * window.stride,
                                    down * window.dilation, right * window.dilation, x.strides[3]});
  return differentiable(y, wrt(x, [image = x.shape, window](const Tensor<T>& g) {
                          return overlap_add(g, image, window);
                        }));
}

/// The adjoint of windows: an image whose cells are the sums of the window elements that lie on
/// them. (n, p, q, r, s, c) -> (n, h, w, c)
template <floating T> Tensor<T> overlap_add(const Tensor<T>& x, const Shape& image, Window window) {
  Tensor<T> sum;
  for (index_t i = 0; i < x.size(3); ++i) {
    for (index_t j = 0; j < x.size(4); ++j) {
      const auto tap = select(select(x, 4, j), 3, i);  // (n, p, q, c)
      const auto placed = embed(tap, image,
                                {Range{}, Range{i * window.dilation, window.stride},
                                 Range{j * window.dilation, window.stride}, Range{}});
      sum = sum.defined() ? sum + placed : placed;
    }
  }
  return sum;
}

/// 2-D cross-correlation, called convolution in this field:
///   y[n, p, q, k] = sum over r, s, c of x[n, i, j, c] w[k, r, s, c],
///   i = p stride + r dilation - padding, j = q stride + s dilation - padding
/// x (n, h, w, c), weight (k, r, s, c) -> (n, p, q, k), grid-major in memory.
/// Throws if the channel counts differ or the kernel is larger than the padded image.
/// Source: Chetlur et al., cuDNN, arXiv:1410.0759, section 2.
template <floating T, floating W>
Tensor<T> conv2d(const Tensor<T>& x, const Tensor<W>& weight, Window window = {});

namespace detail {

/// windows(x) contracted with w over (r, s, c), with the result grid-major.
template <class T, class W>
Tensor<T> correlate(const Tensor<T>& x, const Tensor<W>& w, Window window) {
  const auto view =
      permute(windows(x, w.size(1), w.size(2), window), {1, 2, 0, 3, 4, 5});  // (p, q, n, r, s, c)
  const auto y = contract(view, w, {0, 3}, "conv2d");                         // (p, q, n, k)
  return permute(y, {2, 0, 1, 3});
}

/// embed for ranges that may begin before or end behind the result: what lies outside is cut off.
template <class T>
Tensor<T> embed_clipped(Tensor<T> x, const Shape& shape, std::array<Range, Shape::max_rank> at) {
  for (int axis = 0; axis < x.rank(); ++axis) {
    Range& range = at[static_cast<std::size_t>(axis)];
    const index_t before = range.begin < 0 ? (-range.begin + range.step - 1) / range.step : 0;
    range.begin += before * range.step;
    const index_t fits =
        range.begin < shape[axis] ? (shape[axis] - 1 - range.begin) / range.step + 1 : 0;
    const index_t end = std::min(x.size(axis), before + fits);
    if (before > 0 || end < x.size(axis)) x = slice(x, axis, std::min(before, end), end);
  }
  return embed(x, shape, at);
}

/// dx[n, h, w, c] = sum over r, s, k of g[n, p, q, k] w[k, r, s, c] with p stride = h + padding - r
/// dilation: the correlation of g, spread to one cell a stride, with the weights turned over.
template <class T, class W>
Tensor<T> conv2d_data_gradient(const Tensor<T>& g, const Tensor<W>& w, const Shape& image,
                               Window window) {
  const auto turned = permute(flip(w, {1, 2}), {3, 1, 2, 0});  // (c, r, s, k)
  Shape spread_shape = g.shape;
  std::array<Range, Shape::max_rank> at{};
  for (int axis = 1; axis <= 2; ++axis) {
    const index_t reach = window.dilation * (w.size(axis) - 1);
    spread_shape[axis] = image[axis] + reach;
    at[static_cast<std::size_t>(axis)] = {reach - window.padding, window.stride};
  }
  return correlate(embed_clipped(g, spread_shape, at), turned, Window{1, 0, window.dilation});
}

/// dw[k, r, s, c] = sum over n, p, q of g[n, p, q, k] x[n, i, j, c], with i and j as in conv2d.
template <class W, class T>
Tensor<W> conv2d_weight_gradient(const Tensor<T>& g, const Tensor<T>& x, const Shape& weight,
                                 Window window) {
  const auto padded = spread(x, window.padding, window.padding);
  const auto view = permute(windows(padded, weight[1], weight[2], window),
                            {3, 4, 5, 1, 2, 0});  // (r, s, c, p, q, n)
  return cast<W>(contract(permute(g, {3, 1, 2, 0}), view, {0, 3}, "conv2d"));
}

}  // namespace detail

template <floating T, floating W>
Tensor<T> conv2d(const Tensor<T>& x, const Tensor<W>& weight, Window window) {
  const detail::OpScope scope("conv2d");
  detail::require_image("conv2d", x);
  require(weight.rank() == 4 && x.size(3) == weight.size(3), "conv2d", "x has ", x.size(3),
          " channels, weight ", weight.shape, " expects ", weight.rank() == 4 ? weight.size(3) : 0,
          " (k, r, s, c): x ", x.shape);
  window.count("conv2d", x.size(1), weight.size(1));
  window.count("conv2d", x.size(2), weight.size(2));
  const auto grid = grid_major(x);
  const auto y = [&] {
    const detail::PauseRecording pause;
    return detail::correlate(spread(grid, window.padding, window.padding), weight, window);
  }();
  return differentiable(y,
                        wrt(grid,
                            [=, image = x.shape](const Tensor<T>& g) {
                              return detail::conv2d_data_gradient(g, weight, image, window);
                            }),
                        wrt(weight, [=, shape = weight.shape](const Tensor<T>& g) {
                          return detail::conv2d_weight_gradient<W>(g, grid, shape, window);
                        }));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
