// SPDX-License-Identifier: MIT
// A number that changes from step to step, such as a learning rate: it lies in device memory, so
// that a captured step reads the value of the day. Layer optim.
#pragma once
#include <utility>

#include "thrustgrad/core/create.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// A number as optimizers take it: a tensor with one element, or a plain number that becomes one.
/// Throws if the tensor has not exactly one element.
struct Scalar {
  Tensor<float> value;  // ()

  Scalar(double number) : value(scalar(static_cast<float>(number))) {}
  Scalar(Tensor<float> tensor) : value(std::move(tensor)) {
    require(value.defined() && value.numel() == 1, "scalar", "a tensor of shape ", value.shape,
            " has not exactly one element");
    value.shape = value.strides = Shape{};
  }
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
