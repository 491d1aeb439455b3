// SPDX-License-Identifier: MIT
// A built-in data set for machines without CIFAR-10: ten classes of shapes in random colours,
// sizes and positions over a shaded, noisy ground, in the same binary format. All arithmetic is in
// integers, so an image depends on nothing but seed and index: not on the device, not on the
// compiler, not on the number of images. Layer data.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "thrustgrad/config.h"
#include "thrustgrad/core/create.h"
#include "thrustgrad/core/math.h"
#include "thrustgrad/core/philox.h"
#include "thrustgrad/data/cifar10.h"
#include "thrustgrad/error.h"
#include "thrustgrad/system/system.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

inline constexpr std::array<std::string_view, 10> synthetic_classes{"disc",
                                                                    "ring",
                                                                    "square",
                                                                    "frame",
                                                                    "triangle",
                                                                    "cross",
                                                                    "plus",
                                                                    "horizontal stripes",
                                                                    "vertical stripes",
                                                                    "checkerboard"};

namespace detail {

/// What is drawn; lengths in sixteenths of a pixel.
struct drawing {
  int label;
  int x, y, radius, thickness;  // of the shape: centre, half its extent, line or stripe width
  int phase_x, phase_y;         // of the stripes
  int ground[3], shape[3];      // colours
  int slope_x, slope_y;         // of the shading, in sixteenths of a level per pixel
  int noise;
};

/// An integer in [low, high], from 16 bits.
THRUSTGRAD_FN int draw_between(std::uint32_t bits, int low, int high) {
  const auto span = static_cast<std::uint32_t>(high - low + 1);
  return low + static_cast<int>(((bits & 0xFFFFu) * span) >> 16);
}

/// The choices of one image. In one channel at least, shape and ground differ by 56 levels or more.
THRUSTGRAD_FN drawing draw_image(std::uint64_t seed, std::uint64_t image) {
  const philox_block a = philox(seed, image, 0), b = philox(seed, image, 1);
  const philox_block c = philox(seed, image, 2);
  drawing d{};
  d.label = static_cast<int>(image % 10);
  d.radius = draw_between(a.word[0], 16 * 7, 16 * 12);
  d.x = draw_between(a.word[1], d.radius - 32, 16 * 32 - d.radius + 32);
  d.y = draw_between(a.word[1] >> 16, d.radius - 32, 16 * 32 - d.radius + 32);
  d.thickness = draw_between(a.word[0] >> 16, d.radius * 5 / 16, d.radius * 7 / 16);
  d.phase_x = draw_between(a.word[2], 0, 2 * d.thickness - 1);
  d.phase_y = draw_between(a.word[2] >> 16, 0, 2 * d.thickness - 1);
  d.noise = draw_between(a.word[3], 4, 20);
  d.slope_x = draw_between(b.word[0], -32, 32);
  d.slope_y = draw_between(b.word[0] >> 16, -32, 32);
  const int strongest = draw_between(b.word[1], 0, 2);
  for (int channel = 0; channel < 3; ++channel) {
    const std::uint32_t bits = c.word[channel];
    const int ground = draw_between(bits, 30, 225);
    const int contrast = draw_between(bits >> 16, channel == strongest ? 56 : 0, 110);
    const bool up = (b.word[2] >> channel & 1u) != 0;
    const bool fits = up ? ground + contrast <= 255 : ground - contrast >= 0;
    d.ground[channel] = ground;
    d.shape[channel] = up == fits ? ground + contrast : ground - contrast;
  }
  return d;
}

/// True in every other stripe; positions start at -radius or later.
THRUSTGRAD_FN bool odd_stripe(const drawing& d, int position) {
  return (position + 2 * d.radius) / d.thickness % 2 != 0;
}

/// True where (x, y), relative to the centre, belongs to the shape.
THRUSTGRAD_FN bool inside_shape(const drawing& d, int x, int y) {
  const int r = d.radius, side = r * 7 / 8, inner = r - d.thickness;
  const int ax = abs(x), ay = abs(y), farther = maximum(ax, ay);
  const int squared = x * x + y * y;
  switch (d.label) {
    case 0:
      return squared <= r * r;
    case 1:
      return squared <= r * r && squared >= inner * inner;
    case 2:
      return farther <= side;
    case 3:
      return farther <= side && farther >= side - d.thickness;
    case 4:
      return 2 * ax <= y + r && 4 * y <= 3 * r;
    case 5:
      return farther <= side && 2 * abs(ax - ay) <= d.thickness;
    case 6:
      return farther <= r && 2 * minimum(ax, ay) <= d.thickness;
    case 7:
      return farther <= side && odd_stripe(d, y + d.phase_y);
    case 8:
      return farther <= side && odd_stripe(d, x + d.phase_x);
    default:
      return farther <= side && odd_stripe(d, x + d.phase_x) != odd_stripe(d, y + d.phase_y);
  }
}

/// Draws one row of 32 pixels of one image: every pixel is the mean of 2 x 2 samples, shaded,
/// plus noise that is the sum of four uniform bytes.
struct draw_row_fn {
  std::uint64_t seed;
  std::uint8_t* images;  // (count, 3, 32, 32)

  THRUSTGRAD_FN void operator()(index_t i) const {
    const index_t image = i / cifar_side, y = i % cifar_side;
    const drawing d = draw_image(seed, static_cast<std::uint64_t>(image));
    std::uint8_t* row = images + image * cifar_pixels + y * cifar_side;
    const int top = 16 * static_cast<int>(y) + 4 - d.y;
    for (int x = 0; x < cifar_side; ++x) {
      const int left = 16 * x + 4 - d.x;
      const int covered = inside_shape(d, left, top) + inside_shape(d, left + 8, top) +
                          inside_shape(d, left, top + 8) + inside_shape(d, left + 8, top + 8);
      const int shade = d.slope_x * (x - 16) + d.slope_y * (static_cast<int>(y) - 16);
      const philox_block block = philox(seed, static_cast<std::uint64_t>(image),
                                        static_cast<std::uint64_t>(16 + y * cifar_side + x));
      for (int channel = 0; channel < 3; ++channel) {
        const int mean = covered * d.shape[channel] + (4 - covered) * d.ground[channel];
        const std::uint32_t bits = block.word[channel];
        const int bytes = static_cast<int>((bits & 255u) + (bits >> 8 & 255u) +
                                           (bits >> 16 & 255u) + (bits >> 24));
        const int level = mean / 4 + shade / 16 + (bytes - 510) * d.noise / 128;
        row[channel * cifar_side * cifar_side + x] =
            static_cast<std::uint8_t>(clamp(level, 0, 255));
      }
    }
  }
};

}  // namespace detail

/// `count` images of shapes with their labels; image i has label i % 10 (see synthetic_classes)
/// and does not depend on count. Different seeds give independent sets, for training and testing.
/// Throws if count is negative.
template <std::integral I> Dataset synthetic_images(I count, std::uint64_t seed) {
  require(count >= 0, "synthetic_images", "count is ", count, ", expected 0 or more");
  auto images =
      empty<std::uint8_t>({static_cast<index_t>(count), cifar_channels, cifar_side, cifar_side});
  device::for_each(count * cifar_side, detail::draw_row_fn{seed, images.mutable_data()},
                   cifar_side * cifar_channels);
  Dataset data{to_host(images), {}};
  for (index_t i = 0; i < count; ++i) data.labels.push_back(static_cast<std::uint8_t>(i % 10));
  return data;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
