// SPDX-License-Identifier: MIT
// Parallel loops of the cuda system: CUB's, one thread an index.
#pragma once
#include "thrustgrad/config.h"  // before CUB

#include <cub/device/device_for.cuh>

#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// body(i) for every i in [0, n): body is a functor marked THRUSTGRAD_FN that must not throw. What
/// one call works on, in elements, does not matter here.
template <class Body> void for_each(index_t n, const Body& body, index_t = 1) {
  if (n > 0) check_launch(cub::DeviceFor::Bulk(n, body, stream()));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
