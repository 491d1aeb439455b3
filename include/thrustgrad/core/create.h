// SPDX-License-Identifier: MIT
// Tensors from nothing, from the host, and from other tensors, and the way back to the host. These
// are named functions and not constructors: Tensor<float>({5}) could mean a vector of five elements
// or the number 5. Layer core.
#pragma once
#include <span>
#include <vector>

#include "thrustgrad/core/loop.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

template <class T> struct constant_fn {
  T value;
  THRUSTGRAD_FN T operator()() const { return value; }
};

template <class T> struct arange_body {
  T* to;
  T start, step;
  THRUSTGRAD_FN void operator()(index_t i) const {
    to[i] = static_cast<T>(static_cast<compute_t<T>>(start) +
                           static_cast<compute_t<T>>(i) * static_cast<compute_t<T>>(step));
  }
};

struct identity_fn {
  THRUSTGRAD_FN auto operator()(auto x) const { return x; }
};

/// Writes x, stretched and converted, to a dense tensor whose elements may be overwritten.
template <class To, class From> void write(Tensor<To>& to, const Tensor<From>& x) {
  const auto loop = plan_loop<2>(to.shape, stride_order(to.shape, to.strides),
                                 {to.strides, expanded_strides(x, to.shape)});
  device::map(identity_fn{}, loop.sizes, std::tuple(to.mutable_data()),
              device::Strided<const From>{x.data(), loop.strides[1]});
}

}  // namespace detail

/// A tensor with all elements equal to value.
template <element T> Tensor<T> full(const Shape& shape, std::type_identity_t<T> value) {
  Tensor<T> x = empty<T>(shape);
  const Shape sizes{shape.numel()};
  device::map(detail::constant_fn<compute_t<T>>{static_cast<compute_t<T>>(value)}, sizes,
              std::tuple(x.mutable_data()));
  return x;
}
template <element T> Tensor<T> zeros(const Shape& shape) {
  return full<T>(shape, static_cast<T>(compute_t<T>{}));
}
template <element T> Tensor<T> ones(const Shape& shape) {
  return full<T>(shape, static_cast<T>(compute_t<T>{1}));
}

/// A tensor of rank 0.
template <element T> Tensor<T> scalar(T value) { return full<T>(Shape{}, value); }

/// start, start + step, ...: n elements.
template <element T>
Tensor<T> arange(index_t n, std::type_identity_t<T> start, std::type_identity_t<T> step) {
  Tensor<T> x = empty<T>(Shape{n});
  device::for_each(n, detail::arange_body<T>{x.mutable_data(), start, step});
  return x;
}
/// 0, 1, ..., n - 1.
template <element T> Tensor<T> arange(index_t n) {
  return arange<T>(n, static_cast<T>(compute_t<T>{0}), static_cast<T>(compute_t<T>{1}));
}

/// The same shape and order in memory as x, with zeros.
template <element T> Tensor<T> zeros_like(const Tensor<T>& x) {
  Tensor<T> y = zeros<T>(x.shape);
  y.strides = ordered_strides(x.shape, stride_order(x.shape, x.strides));
  return y;
}

/// A tensor with the given elements in row-major order.
/// Throws if their number is not that of the shape, and while a step is captured.
template <element T> Tensor<T> from_host(std::span<const T> elements, const Shape& shape) {
  require(static_cast<index_t>(elements.size()) == shape.numel(), "from_host", "shape ", shape,
          " needs ", shape.numel(), " elements, but ", elements.size(), " were given");
  require(detail::capture == nullptr, "from_host",
          "copies from the host while a step is captured; make the tensor before the step");
  Tensor<T> x = empty<T>(shape);
  device::copy(x.mutable_data(), elements.data(), elements.size() * sizeof(T));
  return x;
}
template <element T> Tensor<T> from_host(const std::vector<T>& elements, const Shape& shape) {
  if constexpr (std::is_same_v<T, bool>) {  // std::vector<bool> has no array of bools
    const auto bytes = std::make_unique<bool[]>(elements.size());
    std::copy(elements.begin(), elements.end(), bytes.get());
    return from_host(std::span<const bool>(bytes.get(), elements.size()), shape);
  } else {
    return from_host(std::span<const T>(elements), shape);
  }
}
template <element T> Tensor<T> from_host(std::initializer_list<T> elements, const Shape& shape) {
  return from_host(std::span<const T>(elements.begin(), elements.size()), shape);
}

/// A copy in row-major order.
template <element T> Tensor<T> copy(const Tensor<T>& x) {
  const detail::OpScope scope("copy");
  Tensor<T> y = empty<T>(x.shape);
  detail::write(y, x);
  return y;
}

/// x itself if it is row-major, else a copy that is.
template <element T> Tensor<T> contiguous(const Tensor<T>& x) {
  return x.is_contiguous() ? x : copy(x);
}

/// The elements in row-major order. It waits for the device.
template <element T> std::vector<T> to_host(const Tensor<T>& x) {
  detail::check_readback("to_host");
  const Tensor<T> dense = contiguous(x);
  const T* const from = dense.data();
  const auto n = static_cast<std::size_t>(x.numel());
  if constexpr (std::is_same_v<T, bool>) {
    const auto bytes = std::make_unique<bool[]>(n);
    device::copy(bytes.get(), from, n);
    return std::vector<bool>(bytes.get(), bytes.get() + n);
  } else {
    std::vector<T> elements(n);
    device::copy(elements.data(), from, n * sizeof(T));
    return elements;
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
