// SPDX-License-Identifier: MIT
// Whether a network learns or is used: an argument of the call, not a state of the model. Layer
// ops.
#pragma once
#include "thrustgrad/config.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// What batch norm and dropout depend on.
enum class Phase { train, eval };

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
