// SPDX-License-Identifier: MIT
// Padding and statistics of an image set against plain loops.
#include "thrustgrad/data/augment.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace augment_test {

namespace tg = thrustgrad;

namespace {

tg::Dataset make_images(tg::index_t count) {
  tg::Dataset data;
  for (tg::index_t i = 0; i < count; ++i) {
    data.labels.push_back(static_cast<std::uint8_t>(3 * i % 10));
    for (tg::index_t p = 0; p < tg::cifar_pixels; ++p) {
      data.images.push_back(static_cast<std::uint8_t>(p * p * (i + 3) / 7 + 5 * i));
    }
  }
  return data;
}

}  // namespace

TEST_CASE("image_set interleaves the colours and mirrors or blackens the border") {
  const auto data = make_images(3);
  for (tg::index_t pad : {0, 1, 4, 31}) {
    for (tg::Padding padding : {tg::Padding::reflect, tg::Padding::zero}) {
      const auto set = tg::image_set(data, {}, pad, padding);
      const tg::index_t side = 32 + 2 * pad;
      REQUIRE(set.pixels.shape == tg::Shape{3, side, side, 3});
      const auto pixels = tg::to_host(set.pixels);
      std::size_t at = 0;
      int wrong = 0;
      for (tg::index_t i = 0; i < 3; ++i) {
        for (tg::index_t y = -pad; y < 32 + pad; ++y) {
          for (tg::index_t x = -pad; x < 32 + pad; ++x) {
            const tg::index_t mirror_y = y < 0 ? -y : y > 31 ? 62 - y : y;
            const tg::index_t mirror_x = x < 0 ? -x : x > 31 ? 62 - x : x;
            const bool blank = padding == tg::Padding::zero && (mirror_y != y || mirror_x != x);
            for (tg::index_t c = 0; c < 3; ++c) {
              const auto from = static_cast<std::size_t>(c * 1024 + mirror_y * 32 + mirror_x);
              wrong += pixels[at++] != (blank ? 0 : data.image(i)[from]);
            }
          }
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("image_set keeps labels and normalization") {
  const auto set = tg::image_set(make_images(4), {{1, 2, 3}, {4, 5, 6}}, 2);
  CHECK(set.count() == 4);
  CHECK(set.pad == 2);
  CHECK(tg::to_host(set.labels) == std::vector<std::int64_t>{0, 3, 6, 9});
  CHECK(set.normalization.mean[1] == 2);
  CHECK(set.normalization.deviation[2] == 6);
}

TEST_CASE("image_set refuses a border that it cannot mirror") {
  CHECK_THROWS_WITH_AS(tg::image_set(make_images(1), {}, 32),
                       "image_set: pad is 32, expected 0 to 31", tg::Error);
  CHECK_THROWS_AS(tg::image_set(make_images(1), {}, -1), tg::Error);
}

TEST_CASE("channel_statistics agrees with the two-pass formula") {
  const auto data = make_images(7);
  const auto result = tg::channel_statistics(data);
  for (tg::index_t c = 0; c < 3; ++c) {
    double mean = 0, variance = 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (tg::index_t i = 0; i < 7; ++i) {
        for (tg::index_t p = 0; p < 1024; ++p) {
          const double level = data.image(i)[static_cast<std::size_t>(c * 1024 + p)];
          if (pass == 0) mean += level / (7 * 1024);
          if (pass == 1) variance += (level - mean) * (level - mean) / (7 * 1024);
        }
      }
    }
    CHECK(result.mean[c] == doctest::Approx(mean).epsilon(1e-6));
    CHECK(result.deviation[c] == doctest::Approx(std::sqrt(variance)).epsilon(1e-6));
  }
}

TEST_CASE("channel_statistics gives deviation 1 to a colour that never varies") {
  tg::Dataset data{std::vector<std::uint8_t>(3072, 17), {0}};
  CHECK(tg::channel_statistics(data).mean[0] == 17);
  CHECK(tg::channel_statistics(data).deviation[0] == 1);
  CHECK_THROWS_WITH_AS(tg::channel_statistics({}), "channel_statistics: the data set is empty",
                       tg::Error);
}

}  // namespace augment_test
