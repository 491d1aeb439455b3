// SPDX-License-Identifier: MIT
// Images on their way into a network: the whole data set lies in device memory as bytes, padded
// once, and one loop over a batch gathers, crops, flips, cuts out, normalises and converts. All
// random choices of an image come from one Philox draw. Layer data; batches.h walks over a set.
// Source of the idea: Page, "How to train your ResNet" 1 and 4, myrtle.ai 2018.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "thrustgrad/core/create.h"
#include "thrustgrad/core/philox.h"
#include "thrustgrad/data/cifar10.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Mean and standard deviation of each colour, in levels of 0 to 255.
struct Normalization {
  float mean[3] = {0, 0, 0};
  float deviation[3] = {1, 1, 1};
};

enum class Padding { reflect, zero };
enum class Flip { none, random, alternating };

/// What happens to a training image; nothing by default, as in evaluation.
struct Augmentation {
  bool crop = false;       // anywhere in the padded image, else in its centre
  Flip flip = Flip::none;  // left to right; alternating: by chance in the first epoch, then in turn
  index_t cutout = 0;      // side of a square set to the mean colour
};

/// A data set in device memory.
struct ImageSet {
  Tensor<std::uint8_t> pixels;  // (count, 32 + 2 pad, 32 + 2 pad, 3)
  Tensor<std::int64_t> labels;  // (count)
  index_t pad = 0;
  Normalization normalization;

  index_t count() const { return labels.numel(); }
};

namespace detail {

/// Interleaves the colours of one pixel of the padded images.
struct pad_fn {
  const std::uint8_t* planes;  // (count, 3, 32, 32)
  std::uint8_t* padded;        // (count, side, side, 3)
  index_t pad;
  Padding padding;

  /// The source of a padded coordinate, or -1 if it is blank.
  THRUSTGRAD_FN index_t source(index_t at) const {
    const index_t i = at - pad, last = cifar_side - 1;
    if (i >= 0 && i <= last) return i;
    if (padding == Padding::zero) return -1;
    return i < 0 ? -i : 2 * last - i;
  }

  THRUSTGRAD_FN void operator()(index_t i) const {
    const index_t side = cifar_side + 2 * pad;
    const index_t x = source(i % side), y = source(i / side % side), image = i / (side * side);
    for (index_t c = 0; c < cifar_channels; ++c) {
      const index_t plane = (image * cifar_channels + c) * cifar_side * cifar_side;
      padded[i * cifar_channels + c] =
          x < 0 || y < 0 ? std::uint8_t{0} : planes[plane + y * cifar_side + x];
    }
  }
};

/// The random choices for one image.
struct image_choice {
  index_t y, x;          // corner of the crop
  index_t cut_y, cut_x;  // corner of the cut-out square
  bool flip;
};

/// Computes one row of one image of a batch, and its label along with the first row.
template <class T> struct augment_fn {
  const std::uint8_t* pixels;  // (count, side, side, 3)
  const std::int64_t* labels;  // (count)
  const std::int64_t* order;   // (count) the epoch's permutation; null: as they lie
  const std::int64_t* step;    // null: the batch starts at `first`
  T* images_out;               // (32, 32, n, channels) in memory
  std::int64_t* labels_out;    // (n)
  index_t n, channels, pad, first, per_epoch;
  Augmentation augmentation;
  std::uint64_t seed;
  float mean[3], scale[3];

  THRUSTGRAD_FN image_choice choose(index_t slot, index_t image, index_t now) const {
    const philox_block random =
        philox(seed, static_cast<std::uint64_t>(slot), static_cast<std::uint64_t>(now));
    image_choice choice{pad, pad, 0, 0, false};
    if (augmentation.crop) {
      const auto corners = static_cast<std::uint32_t>(2 * pad + 1);
      choice.y = uniform_below(random.word[0], corners);
      choice.x = uniform_below(random.word[1], corners);
    }
    if (augmentation.cutout > 0) {
      const index_t corners = cifar_side - augmentation.cutout + 1;
      const index_t corner =
          uniform_below(random.word[2], static_cast<std::uint32_t>(corners * corners));
      choice.cut_y = corner / corners;
      choice.cut_x = corner % corners;
    }
    if (augmentation.flip == Flip::random) choice.flip = (random.word[3] & 1u) != 0;
    if (augmentation.flip == Flip::alternating) {
      constexpr std::uint64_t no_step = ~std::uint64_t{0};
      const auto start = philox(seed, static_cast<std::uint64_t>(image), no_step).word[0] & 1u;
      choice.flip = start != static_cast<std::uint32_t>(now / per_epoch & 1);
    }
    return choice;
  }

  THRUSTGRAD_FN void operator()(index_t i) const {
    const index_t slot = i % n, y = i / n;
    const index_t now = step == nullptr ? 0 : *step;
    const index_t position = first + now % per_epoch * n + slot;
    const index_t image = order == nullptr ? position : order[position];
    if (y == 0) labels_out[slot] = labels[image];
    const image_choice choice = choose(slot, image, now);
    const index_t side = cifar_side + 2 * pad;
    const index_t cut =
        y >= choice.cut_y && y < choice.cut_y + augmentation.cutout ? augmentation.cutout : 0;
    const std::uint8_t* from =
        pixels + ((image * side + choice.y + y) * side + choice.x) * cifar_channels;
    for (index_t x = 0; x < cifar_side; ++x) {
      T* to = images_out + ((y * cifar_side + x) * n + slot) * channels;
      const index_t column = choice.flip ? cifar_side - 1 - x : x;
      const bool blank = x >= choice.cut_x && x < choice.cut_x + cut;
      for (int c = 0; c < cifar_channels; ++c) {
        const float level = from[column * cifar_channels + c];
        to[c] = static_cast<T>(blank ? 0.0f : (level - mean[c]) * scale[c]);
      }
      for (index_t c = cifar_channels; c < channels; ++c) to[c] = static_cast<T>(0.0f);
    }
  }
};

}  // namespace detail

/// Mean and (population) standard deviation of each colour over a data set, exact sums of integers.
/// A colour that never varies has deviation 1. Throws if the set is empty.
inline Normalization channel_statistics(const Dataset& data) {
  require(data.count() > 0, "channel_statistics", "the data set is empty");
  constexpr index_t plane = cifar_side * cifar_side;
  Normalization result;
  for (index_t c = 0; c < cifar_channels; ++c) {
    std::uint64_t sum = 0, squares = 0;
    for (index_t i = 0; i < data.count(); ++i) {
      for (const std::uint64_t level :
           data.image(i).subspan(static_cast<std::size_t>(c * plane), plane)) {
        sum += level;
        squares += level * level;
      }
    }
    const double n = static_cast<double>(data.count() * plane);
    const double mean = static_cast<double>(sum) / n;
    const double variance = static_cast<double>(squares) / n - mean * mean;
    result.mean[c] = static_cast<float>(mean);
    constexpr double rounding = 1e-9;  // far below the variance of one differing level in a set
    result.deviation[c] = variance > rounding ? static_cast<float>(std::sqrt(variance)) : 1.0f;
  }
  return result;
}

/// Brings a data set into device memory, with a border of `pad` pixels round every image: mirrored
/// without the edge itself, or black. Throws if the border is negative or wider than 31.
template <std::same_as<Dataset> D>
ImageSet image_set(const D& data, const Normalization& normalization, index_t pad = 0,
                   Padding padding = Padding::reflect) {
  require(pad >= 0 && pad < cifar_side, "image_set", "pad is ", pad, ", expected 0 to 31");
  const index_t n = data.count(), side = cifar_side + 2 * pad;
  const auto planes = from_host(data.images, {n, cifar_channels, cifar_side, cifar_side});
  auto pixels = empty<std::uint8_t>({n, side, side, cifar_channels});
  device::for_each(n * side * side,
                   detail::pad_fn{planes.data(), pixels.mutable_data(), pad, padding});
  const std::vector<std::int64_t> labels(data.labels.begin(), data.labels.end());
  return {pixels, from_host(labels, {n}), pad, normalization};
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
