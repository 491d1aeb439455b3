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

struct Recording;  // autograd/node.h
inline thread_local Recording* recording = nullptr;

inline bool is_recording() { return recording != nullptr; }

inline thread_local int readback_forbidden = 0;

/// Throws if elements must not come back to the host now.
inline void check_readback(const char* op) {
  require(readback_forbidden == 0, op,
          "reads back to the host where this is forbidden (NoReadback)");
  require(capture == nullptr, op,
          "reads back to the host while a step is captured; only work of the device can be "
          "replayed, so return the tensor from the step and read it then");
}

/// What a tensor consists of.
struct TensorParts {
  Shape shape;
  Shape strides;       // in elements; 0 repeats an element, a negative one runs backwards
  index_t offset = 0;  // of the first element in the storage
  std::shared_ptr<Storage> storage;
  mutable std::shared_ptr<Node>
      node;                   // what recorded this value; attached to leaves while recording
  mutable int output = 0;     // which of the node's values this is
  std::uint64_t version = 0;  // of the storage when this tensor was made, or `newest`
};

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
struct AnyTensor : detail::TensorParts {
  /// The version of an owner (core/parameter.h), which sees whatever its storage holds. A tensor
  /// that is copied or moved from it has the version of that moment.
  static constexpr std::uint64_t newest = ~std::uint64_t{0};

  AnyTensor() = default;
  AnyTensor(const AnyTensor& x) : TensorParts(x) { settle(); }
  AnyTensor(AnyTensor&& x) noexcept : TensorParts(std::move(x)) { settle(); }
  AnyTensor& operator=(const AnyTensor& x) {
    TensorParts::operator=(x);
    settle();
    return *this;
  }
  AnyTensor& operator=(AnyTensor&& x) noexcept {
    TensorParts::operator=(std::move(x));
    settle();
    return *this;
  }
  ~AnyTensor() = default;

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
    require(is_current(), op, "an operand of shape ", shape,
            " is stale: the parameter or buffer that it was taken from has been assigned since; "
            "take a copy() of what is needed later");
    if (detail::capture != nullptr) detail::capture->note_read(storage);
  }

  /// Whether the elements are still those that this tensor was made for.
  bool is_current() const { return version == newest || version == storage->version(); }

 private:
  void settle() {
    if (version == newest) version = defined() ? storage->version() : 0;
  }
};

/// An n-dimensional array of T. Made by named functions: zeros, full, arange, from_host, randn ...
template <element T> struct Tensor : AnyTensor {
  using value_type = T;

  Tensor() = default;
  explicit Tensor(const AnyTensor& any) : AnyTensor(any) {}
  explicit Tensor(AnyTensor&& any) noexcept : AnyTensor(std::move(any)) {}

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
    detail::check_readback("item");
    T value;
    device::copy(&value, data(), sizeof(T));
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
