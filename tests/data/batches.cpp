// SPDX-License-Identifier: MIT
// Batches against a slow reference that pads, crops, flips and cuts one image after the other, and
// the promises about epochs, steps and threads.
#include "thrustgrad/data/batches.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace batches_test {

namespace tg = thrustgrad;

namespace {

using Pixels = std::vector<float>;  // (32, 32, 3)

/// Every pixel tells its image (in the blue plane) and its position.
tg::Dataset make_images(tg::index_t count) {
  tg::Dataset data;
  for (tg::index_t i = 0; i < count; ++i) {
    data.labels.push_back(static_cast<std::uint8_t>(i % 10));
    for (tg::index_t p = 0; p < 1024; ++p)
      data.images.push_back(static_cast<std::uint8_t>(p % 251));
    for (tg::index_t p = 0; p < 1024; ++p) {
      data.images.push_back(static_cast<std::uint8_t>(p / 4 + i));
    }
    for (tg::index_t p = 0; p < 1024; ++p) data.images.push_back(static_cast<std::uint8_t>(i));
  }
  return data;
}

const tg::Normalization normalization{{120, 130, 0}, {60, 50, 1}};

struct Choice {
  tg::index_t y, x;  // corner of the crop in the padded image
  bool flip;
  tg::index_t cut_y = 0, cut_x = 0, cut = 0;
};

/// What a batch should hold for one image.
Pixels reference(const tg::Dataset& data, tg::index_t image, tg::index_t pad,
                 const Choice& choice) {
  Pixels result;
  for (tg::index_t y = 0; y < 32; ++y) {
    for (tg::index_t x = 0; x < 32; ++x) {
      tg::index_t row = choice.y + y - pad, column = choice.x + (choice.flip ? 31 - x : x) - pad;
      row = row < 0 ? -row : row > 31 ? 62 - row : row;
      column = column < 0 ? -column : column > 31 ? 62 - column : column;
      const bool cut = y >= choice.cut_y && y < choice.cut_y + choice.cut && x >= choice.cut_x &&
                       x < choice.cut_x + choice.cut;
      for (tg::index_t c = 0; c < 3; ++c) {
        const auto at = static_cast<std::size_t>(c * 1024 + row * 32 + column);
        const auto level = static_cast<float>(data.image(image)[at]);
        const float scale = 1 / normalization.deviation[c];
        result.push_back(cut ? 0.0f : (level - normalization.mean[c]) * scale);
      }
    }
  }
  return result;
}

template <class T> Pixels image_of(const tg::Batch<T>& batch, tg::index_t i) {
  const auto all = tg::to_host(batch.images);
  const tg::index_t channels = batch.images.size(3);
  Pixels result;
  for (tg::index_t cell = 0; cell < 1024; ++cell) {
    for (tg::index_t c = 0; c < 3; ++c) {
      result.push_back(
          static_cast<float>(all[static_cast<std::size_t>((i * 1024 + cell) * channels + c)]));
    }
  }
  return result;
}

tg::Tensor<std::int64_t> at_step(std::int64_t step) { return tg::scalar<std::int64_t>(step); }

}  // namespace

TEST_CASE_TEMPLATE("evaluation batches are the images in order, the last one smaller", T, float,
                   tg::bf16, tg::half) {
  const auto data = make_images(7);
  const auto set = tg::image_set(data, normalization, 4);
  for (tg::index_t channels : {3, 8}) {
    for (tg::index_t first : {0, 3, 6}) {
      const auto batch = tg::evaluation_batch<T>(set, first, 3, channels);
      const tg::index_t n = first < 6 ? 3 : 1;
      REQUIRE(batch.images.shape == tg::Shape{n, 32, 32, channels});
      CHECK(batch.images.is_ordered({channels, 32 * n * channels, n * channels, 1}));
      for (tg::index_t i = 0; i < n; ++i) {
        auto expected = reference(data, first + i, 4, {4, 4, false});
        for (float& value : expected) value = static_cast<float>(T(value));
        CHECK(image_of(batch, i) == expected);
        CHECK(tg::to_host(batch.labels)[static_cast<std::size_t>(i)] == (first + i) % 10);
      }
      const auto all = tg::to_host(batch.images);
      bool zeros = true;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (i % static_cast<std::size_t>(channels) >= 3) zeros &= static_cast<float>(all[i]) == 0;
      }
      CHECK(zeros);
    }
  }
}

TEST_CASE("every training image is one of the crops, flips and cuts that are allowed") {
  const auto data = make_images(40);
  tg::Batches batches{
      tg::image_set(data, normalization, 2), 40, {true, tg::Flip::random, 0}, tg::Key(1)};
  std::map<std::array<tg::index_t, 3>, int> seen;
  for (std::int64_t step = 0; step < 10; ++step) {
    const auto batch = tg::training_batch<float>(batches, at_step(step));
    for (tg::index_t i = 0; i < 40; ++i) {
      const Pixels image = image_of(batch, i);
      int matches = 0;
      for (tg::index_t choice = 0; choice < 50; ++choice) {
        const tg::index_t y = choice / 10, x = choice / 2 % 5, flip = choice % 2;
        if (image != reference(data, i, 2, {y, x, flip == 1})) continue;
        ++matches;
        ++seen[{y, x, flip}];
      }
      CHECK(matches == 1);
    }
  }
  CHECK(seen.size() == 50);  // 400 draws miss one of 50 with probability 0.015
}

TEST_CASE("the cutout is a square of the mean colour anywhere inside the image") {
  const auto data = make_images(64);
  tg::Batches batches{
      tg::image_set(data, normalization, 0), 64, {false, tg::Flip::none, 8}, tg::Key(2)};
  std::set<tg::index_t> rows, columns;
  for (std::int64_t step = 0; step < 8; ++step) {
    const auto batch = tg::training_batch<float>(batches, at_step(step));
    for (tg::index_t i = 0; i < 64; ++i) {
      const Pixels image = image_of(batch, i), whole = reference(data, i, 0, {0, 0, false});
      std::size_t first = 0;
      while (image[first] == whole[first]) ++first;
      const auto y = static_cast<tg::index_t>(first / 96);
      const auto x = static_cast<tg::index_t>(first / 3 % 32);
      CHECK(image == reference(data, i, 0, {0, 0, false, y, x, 8}));
      rows.insert(y);
      columns.insert(x);
    }
  }
  CHECK(rows.size() == 25);
  CHECK(columns.size() == 25);
}

TEST_CASE("alternating flips show both sides of every image in two epochs") {
  const auto data = make_images(50);
  tg::Batches batches{
      tg::image_set(data, normalization), 25, {false, tg::Flip::alternating, 0}, tg::Key(3)};
  int flipped_first = 0;
  for (tg::index_t image = 0; image < 50; ++image) {
    bool flips[3];
    for (int epoch = 0; epoch < 3; ++epoch) {
      const auto batch = tg::training_batch<float>(batches, at_step(2 * epoch + image / 25));
      const Pixels pixels = image_of(batch, image % 25);
      flips[epoch] = pixels == reference(data, image, 0, {0, 0, true});
      CHECK((flips[epoch] || pixels == reference(data, image, 0, {0, 0, false})));
    }
    CHECK(flips[0] != flips[1]);
    CHECK(flips[0] == flips[2]);
    flipped_first += flips[0];
  }
  CHECK(flipped_first > 12);
  CHECK(flipped_first < 38);
}

TEST_CASE("an epoch shows every image at most once, the rest waits for another permutation") {
  const auto data = make_images(103);
  tg::Batches batches{tg::image_set(data, normalization), 20, {}, tg::Key(4)};
  CHECK(batches.per_epoch() == 5);
  std::vector<std::vector<int>> epochs;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    tg::shuffle(batches, epoch);
    std::vector<int> images;
    for (std::int64_t step = 0; step < 5; ++step) {
      const auto batch = tg::training_batch<float>(batches, at_step(5 * epoch + step));
      const auto labels = tg::to_host(batch.labels);
      for (tg::index_t i = 0; i < 20; ++i) {
        const int image = static_cast<int>(image_of(batch, i)[2]);
        CHECK(labels[static_cast<std::size_t>(i)] == image % 10);
        images.push_back(image);
      }
    }
    CHECK(std::set<int>(images.begin(), images.end()).size() == 100);
    epochs.push_back(images);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
  tg::shuffle(batches, 0);
  const auto again = tg::training_batch<float>(batches, at_step(0));
  CHECK(static_cast<int>(image_of(again, 0)[2]) == epochs[0][0]);
}

TEST_CASE("a batch depends on key and step, not on the threads") {
  const auto set = tg::image_set(make_images(64), normalization, 4);
  const tg::Augmentation all{true, tg::Flip::random, 8};
  const tg::Batches batches{set, 64, all, tg::Key(5)};
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto first = tg::to_host(tg::training_batch<tg::bf16>(batches, at_step(0)).images);
  const auto same = [&](const tg::Batches& b, std::int64_t step) {
    const auto images = tg::to_host(tg::training_batch<tg::bf16>(b, at_step(step)).images);
    return std::equal(images.begin(), images.end(), first.begin(),
                      [](tg::bf16 p, tg::bf16 q) { return p.bits == q.bits; });
  };
  for (int threads : {1, 2, 3, 8}) {
    omp_set_num_threads(threads);
    CHECK(same(batches, 0));
  }
  omp_set_num_threads(before);
  CHECK(!same(batches, 1));
  CHECK(!same(tg::Batches{set, 64, all, tg::Key(6)}, 0));
}

TEST_CASE("a step through the epoch reads nothing back to the host") {
  tg::Batches batches{tg::image_set(make_images(6), normalization), 2, {}, tg::Key(7)};
  tg::Step step;
  std::vector<tg::Batch<float>> loaded;
  {
    const tg::NoReadback guard;
    tg::shuffle(batches, 1);
    for (int i = 0; i < 3; ++i) {
      loaded.push_back(tg::training_batch<float>(batches, step.value));
      tg::advance(step);
    }
  }
  std::set<std::int64_t> labels;
  for (const auto& batch : loaded) {
    for (std::int64_t label : tg::to_host(batch.labels)) labels.insert(label);
  }
  CHECK(labels == std::set<std::int64_t>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("batches name what is wrong with their arguments") {
  const auto set = tg::image_set(make_images(4), normalization);
  const auto load = [](const tg::Batches& batches) {
    tg::training_batch<float>(batches, at_step(0));
  };
  CHECK_THROWS_WITH_AS(load({set, 5, {}, tg::Key(1)}),
                       "training_batch: 4 images do not fill a batch of 5", tg::Error);
  CHECK_THROWS_AS(load({set, 0, {}, tg::Key(1)}), tg::Error);
  CHECK_THROWS_WITH_AS(load({set, 2, {false, tg::Flip::none, 33}, tg::Key(1)}),
                       "training_batch: cutout is 33, expected 0 to 32", tg::Error);
  CHECK_THROWS_WITH_AS(load({set, 2, {}, tg::Key(1), 2}),
                       "training_batch: channels is 2, expected 3 or more", tg::Error);
  CHECK_THROWS_WITH_AS(tg::evaluation_batch<float>(set, 4, 2),
                       "evaluation_batch: 2 images from number 4 on, of 4", tg::Error);
}

}  // namespace batches_test
