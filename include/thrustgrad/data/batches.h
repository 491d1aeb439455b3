// SPDX-License-Identifier: MIT
// Batches of an ImageSet: in training a new permutation each epoch, augmented, whole batches only;
// in evaluation in order, all images. The permutation and the number of the step lie in device
// memory, so a captured training step walks through the epoch by itself. Layer data.
#pragma once
#include <algorithm>
#include <cstdint>

#include "thrustgrad/core/parameter.h"
#include "thrustgrad/core/random.h"
#include "thrustgrad/data/augment.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Images as the network takes them, and their classes.
template <element T> struct Batch {
  Tensor<T> images;  // (n, 32, 32, channels), grid-major: in memory (32, 32, n, channels)
  Tensor<std::int64_t> labels;  // (n)
};

/// Training data: an image set and how it is walked through.
struct Batches {
  ImageSet set;
  index_t size;  // images a batch
  Augmentation augmentation;
  Key key;
  index_t channels = 8;                                            // 3 of colour, then zeros
  Buffer<std::int64_t> order = arange<std::int64_t>(set.count());  // (count)

  /// Whole batches an epoch; what is left over waits for another permutation.
  index_t per_epoch() const { return size > 0 ? set.count() / size : 0; }
};

namespace detail {

template <element T>
Batch<T> load_batch(const char* op, const ImageSet& set, index_t n, index_t channels,
                    augment_fn<T> augment) {
  require(channels >= cifar_channels, op, "channels is ", channels, ", expected 3 or more");
  Batch<T> batch{empty<T>({n, cifar_side, cifar_side, channels}, {1, 2, 0, 3}),
                 empty<std::int64_t>({n})};
  augment.pixels = set.pixels.data();
  augment.labels = set.labels.data();
  augment.images_out = batch.images.mutable_data();
  augment.labels_out = batch.labels.mutable_data();
  augment.n = n;
  augment.channels = channels;
  augment.pad = set.pad;
  for (int c = 0; c < cifar_channels; ++c) {
    augment.mean[c] = set.normalization.mean[c];
    augment.scale[c] = 1 / set.normalization.deviation[c];
  }
  device::for_each(n * cifar_side, augment, cifar_side * channels);
  return batch;
}

}  // namespace detail

/// Draws the permutation of an epoch, in place.
template <std::same_as<Batches> B> void shuffle(B& batches, std::int64_t epoch) {
  const Key key = fold(batches.key, 0).at(scalar<std::int64_t>(epoch));
  assign(batches.order, permutation(key, batches.set.count()));
}

/// The batch of a step (a scalar that counts on through the epochs): images
/// order[step % per_epoch * size + i], augmented by a draw from (key, i, step).
/// Throws if the set has not one whole batch or the cutout does not fit into an image.
template <element T>
Batch<T> training_batch(const Batches& batches, const Tensor<std::int64_t>& step) {
  const detail::OpScope scope("training_batch");
  require(batches.per_epoch() > 0, "training_batch", batches.set.count(),
          " images do not fill a batch of ", batches.size);
  const index_t cutout = batches.augmentation.cutout;
  require(cutout >= 0 && cutout <= cifar_side, "training_batch", "cutout is ", cutout,
          ", expected 0 to 32");
  require(step.numel() == 1, "training_batch", "step has shape ", step.shape,
          ", expected one element");
  detail::augment_fn<T> augment{};
  augment.order = batches.order.data();
  augment.step = step.data();
  augment.per_epoch = batches.per_epoch();
  augment.augmentation = batches.augmentation;
  augment.seed = fold(batches.key, 1).seed;
  return detail::load_batch<T>("training_batch", batches.set, batches.size, batches.channels,
                               augment);
}

/// Images first to first + size - 1 in the order of the set, fewer at its end, not augmented.
/// Throws if first is outside the set.
template <element T>
Batch<T> evaluation_batch(const ImageSet& set, index_t first, index_t size, index_t channels = 8) {
  const detail::OpScope scope("evaluation_batch");
  require(first >= 0 && first < set.count() && size > 0, "evaluation_batch", size,
          " images from number ", first, " on, of ", set.count());
  detail::augment_fn<T> augment{};
  augment.first = first;
  augment.per_epoch = 1;
  return detail::load_batch<T>("evaluation_batch", set, std::min(size, set.count() - first),
                               channels, augment);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
