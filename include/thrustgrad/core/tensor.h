// SPDX-License-Identifier: MIT
// Tensor<T>: an element type fixed when the program is compiled, a shape and strides known when it
// runs, shared storage, and a node of the graph that recorded it. A tensor is a handle: copying one
// shares its elements. Operations are free functions and never write to an existing tensor; only
// parameters and buffers (core/parameter.h) are written, by assign. Layer core.
#pragma once
#include <memory>
#include <utility>

#include "thrustgrad/core/dtype.h"
#include "thrustgrad/core/pool.h"
#include "thrustgrad/core/shape.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

struct Node;  // autograd/node.h

namespace detail {

/// The operation that is running, for messages about what it reads. The outermost one counts: it
/// is the one that the user called, or whose vector-Jacobian product runs.
inline thread_local const char* current_op = nullptr;

struct OpScope {
  explicit OpScope(const char* op) : outer(current_op) {
    if (outer == nullptr) current_op = op;
  }
  ~OpScope() { current_op = outer; }
  OpScope(const OpScope&) = delete;
  OpScope& operator=(const OpScope&) = delete;
  const char* const outer;
};

inline thread_local int readback_forbidden = 0;

}  // namespace detail

/// While one is alive, item() and to_host() throw on this thread: it proves that a training step
/// does not wait for the device.
struct NoReadback {
  NoReadback() { ++detail::readback_forbidden; }
  ~NoReadback() { --detail::readback_forbidden; }
  NoReadback(const NoReadback&) = delete;
  NoReadback& operator=(const NoReadback&) = delete;
};

/// All of a tensor but its element type.
struct AnyTensor {
  Shape shape;
  Shape strides;       // in elements; 0 repeats an element, a negative one runs backwards
  index_t offset = 0;  // of the first element in the storage
  std::shared_ptr<Storage> storage;
  mutable std::shared_ptr<Node>
      node;                   // what recorded this value; attached to leaves while recording
  mutable int output = 0;     // which of the node's values this is
  std::uint64_t version = 0;  // of the storage when this tensor was made

  int rank() const { return shape.rank(); }
  index_t size(index_t axis) const { return shape[axis]; }
  index_t numel() const { return shape.numel(); }
  /// False for a default-constructed tensor, which stands for "none": no gradient, for instance.
  bool defined() const { return storage != nullptr; }

  /// Whether the elements lie in row-major order without gaps.
  bool is_contiguous() const { return is_ordered(contiguous_strides(shape)); }

  /// Whether the strides are these; the stride of an axis of size 1 does not matter.
  bool is_ordered(const Shape& expected) const {
    for (int axis = 0; axis < rank(); ++axis) {
      if (shape[axis] > 1 && strides[axis] != expected[axis]) return false;
    }
    return true;
  }

  /// Throws if there are no elements, or if they were overwritten since this tensor was made.
  void check_readable() const {
    const char* const op = detail::current_op == nullptr ? "data" : detail::current_op;
    require(defined(), op, "an operand is absent (a default-constructed tensor)");
    require(storage->version == version, op, "an operand of shape ", shape,
            " is stale: the parameter or buffer that it was taken from has been assigned since; "
            "take a copy() of what is needed later");
  }
};

/// An n-dimensional array of T. Made by named functions: zeros, full, arange, from_host, randn ...
template <element T> struct Tensor : AnyTensor {
  using value_type = T;

  Tensor() = default;
  explicit Tensor(AnyTensor any) : AnyTensor(std::move(any)) {}

  /// The first element. Throws if the tensor is absent or stale.
  const T* data() const {
    check_readable();
    return static_cast<const T*>(storage->data) + offset;
  }
  /// For writing to a tensor that nobody else has seen yet.
  T* mutable_data() { return static_cast<T*>(storage->data) + offset; }

  /// The value of a tensor with one element. It waits for the device.
  T item() const {
    require(numel() == 1, "item", "a tensor of shape ", shape, " has not exactly one element");
    require(detail::readback_forbidden == 0, "item",
            "reads back to the host where this is forbidden (NoReadback)");
    T value;
    const T* const from = data();
    device::synchronize();
    device::copy(&value, from, sizeof(T));
    return value;
  }

  /// The operand of a device loop over this tensor's own axes.
  device::Strided<const T> operand() const { return {data(), strides}; }
};

/// A new tensor with unspecified elements, row-major, or with its axes in memory in `order`.
template <element T> Tensor<T> empty(const Shape& shape) {
  Tensor<T> x;
  x.shape = shape;
  x.strides = contiguous_strides(shape);
  x.storage = std::make_shared<Storage>(
      static_cast<std::size_t>(checked_mul(shape.numel(), index_t{sizeof(T)}, "empty")));
  return x;
}
template <element T> Tensor<T> empty(const Shape& shape, const Shape& order) {
  Tensor<T> x = empty<T>(shape);
  x.strides = ordered_strides(shape, order);
  return x;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
