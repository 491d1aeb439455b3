// SPDX-License-Identifier: MIT
// The procedural data set: what does not change, and that its classes are what they are called.
#include "thrustgrad/data/synthetic.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <numbers>
#include <vector>

namespace synthetic_test {

namespace tg = thrustgrad;

namespace {

/// The share of pixels that belong to the shape, in parts of its square of side 2 radius.
double coverage(tg::detail::drawing d) {
  int covered = 0;
  for (int y = -d.radius; y < d.radius; ++y) {
    for (int x = -d.radius; x < d.radius; ++x) covered += tg::detail::inside_shape(d, x, y);
  }
  return covered / (4.0 * d.radius * d.radius);
}

std::uint64_t checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t sum = 14695981039346656037u;
  for (std::uint8_t byte : bytes) sum = (sum ^ byte) * 1099511628211u;
  return sum;
}

}  // namespace

TEST_CASE("synthetic_images labels the ten classes in turn") {
  const auto data = tg::synthetic_images(25, 1);
  CHECK(data.count() == 25);
  CHECK(data.images.size() == 25 * 3072);
  for (std::size_t i = 0; i < 25; ++i) CHECK(data.labels[i] == i % 10);
}

TEST_CASE("synthetic_images depends on the seed and on nothing else") {
  const int before = omp_get_max_threads();
  const auto data = tg::synthetic_images(200, 1);
  for (int threads : {1, 2, 3, 8}) {
    omp_set_num_threads(threads);
    CHECK(tg::synthetic_images(200, 1).images == data.images);
  }
  omp_set_num_threads(before);
  CHECK(tg::synthetic_images(200, 2).images != data.images);
  const auto prefix = tg::synthetic_images(30, 1);
  CHECK(std::equal(prefix.images.begin(), prefix.images.end(), data.images.begin()));
  CHECK(checksum(data.images) == 4812239152227591821u);  // on every machine
}

TEST_CASE("no two of a thousand images are equal") {
  const auto data = tg::synthetic_images(1000, 3);
  std::vector<std::vector<std::uint8_t>> images;
  for (tg::index_t i = 0; i < data.count(); ++i) {
    images.emplace_back(data.image(i).begin(), data.image(i).end());
  }
  std::sort(images.begin(), images.end());
  CHECK(std::adjacent_find(images.begin(), images.end()) == images.end());
}

TEST_CASE("a shape covers the area that its name promises") {
  tg::detail::drawing d{};
  d.radius = 160;
  d.thickness = 56;
  const double side = 0.875, hole = (160 - 56) / 160.0, inner = (140 - 56) / 160.0;
  const double expected[10] = {std::numbers::pi / 4,
                               std::numbers::pi / 4 * (1 - hole * hole),
                               side * side,
                               side * side - inner * inner,
                               0.25 * 0.5 * 1.75 * 1.75,
                               0,
                               0.35 - 0.35 * 0.35 / 4,
                               0,
                               0,
                               0};
  for (int label : {0, 1, 2, 3, 4, 6}) {
    d.label = label;
    CHECK(coverage(d) == doctest::Approx(expected[label]).epsilon(0.02));
  }
}

TEST_CASE("stripes and checks repeat along their own axes only") {
  tg::detail::drawing d{};
  d.radius = 160;
  d.thickness = 50;
  for (int y = -130; y < 30; y += 7) {
    for (int x = -130; x < 30; x += 7) {
      d.label = 7;
      CHECK(tg::detail::inside_shape(d, x, y) == tg::detail::inside_shape(d, x + 60, y));
      CHECK(tg::detail::inside_shape(d, x, y) != tg::detail::inside_shape(d, x, y + 50));
      d.label = 8;
      CHECK(tg::detail::inside_shape(d, x, y) == tg::detail::inside_shape(d, x, y + 60));
      CHECK(tg::detail::inside_shape(d, x, y) != tg::detail::inside_shape(d, x + 50, y));
      d.label = 9;
      CHECK(tg::detail::inside_shape(d, x, y) != tg::detail::inside_shape(d, x, y + 50));
      CHECK(tg::detail::inside_shape(d, x, y) == tg::detail::inside_shape(d, x + 50, y + 50));
    }
  }
}

TEST_CASE("the cross runs along the diagonals and the plus along the axes") {
  tg::detail::drawing d{};
  d.radius = 160;
  d.thickness = 50;
  for (int at = -135; at <= 135; at += 10) {
    for (int label : {5, 6}) {
      d.label = label;
      CHECK(tg::detail::inside_shape(d, at, at) == (label == 5 || std::abs(at) <= 25));
      CHECK(tg::detail::inside_shape(d, at, -at) == (label == 5 || std::abs(at) <= 25));
      CHECK(tg::detail::inside_shape(d, at, 0) == (label == 6 || std::abs(at) <= 25));
      CHECK(tg::detail::inside_shape(d, 0, at) == (label == 6 || std::abs(at) <= 25));
    }
  }
}

TEST_CASE("colour and brightness say nothing about the class") {
  const auto data = tg::synthetic_images(10000, 4);
  double mean[10] = {};
  for (tg::index_t i = 0; i < data.count(); ++i) {
    double sum = 0;
    for (std::uint8_t level : data.image(i)) sum += level;
    mean[i % 10] += sum / 3072 / 1000;
  }
  for (double m : mean) CHECK(std::abs(m - 127.5) < 6);
}

TEST_CASE("synthetic_images refuses a negative count") {
  CHECK(tg::synthetic_images(0, 1).count() == 0);
  CHECK_THROWS_AS(tg::synthetic_images(-1, 1), tg::Error);
}

}  // namespace synthetic_test
