// SPDX-License-Identifier: MIT
// Elements around a tensor along one axis: zeros, the mirrored inside, or the repeated border.
// Layer ops.
#pragma once
#include "thrustgrad/ops/gather.h"
#include "thrustgrad/ops/join.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// What stands beyond the border: 0 0 | a b c | 0 0, or b ... in reflect c b | a b c | b a without
/// the border itself twice, or in replicate a a | a b c | c c.
enum class Border { zero, reflect, replicate };

/// x with `before` and `after` more elements along an axis.
/// Throws if they are negative, or as many as reflect has no elements for.
template <floating T>
Tensor<T> pad(const Tensor<T>& x, int axis, index_t before, index_t after,
              Border border = Border::zero) {
  const detail::OpScope scope("pad");
  const int a = x.shape.axis(axis, "pad");
  const index_t size = x.shape[a];
  require(before >= 0 && after >= 0, "pad", "padding ", before, " and ", after, " is negative");
  if (before == 0 && after == 0) return x;
  if (border == Border::zero) {
    Shape shape = x.shape;
    shape[a] = size + before + after;
    std::array<Range, Shape::max_rank> at{};
    at[static_cast<std::size_t>(a)].begin = before;
    return embed(x, shape, at);
  }
  require(size > 0 && (border == Border::replicate || std::max(before, after) < size), "pad",
          "axis ", axis, " of ", x.shape, " is too short for ", std::max(before, after),
          " more elements: reflect needs a longer axis, replicate a border");
  std::vector<index_t> source;
  for (index_t i = -before; i < size + after; ++i) {
    const index_t mirrored = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    source.push_back(border == Border::reflect ? mirrored : std::clamp<index_t>(i, 0, size - 1));
  }
  return index_select(x, a, from_host(source, {size + before + after}));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
