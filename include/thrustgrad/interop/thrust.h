// SPDX-License-Identifier: MIT
// Thrust on tensors: begin(x) and end(x) are pointers that know their device system, and policy()
// is an execution policy whose temporaries come from the library's pool, so that any Thrust
// algorithm runs on a contiguous tensor. Reading is open to all; writing needs mutable_begin, which
// refuses what somebody else could see change. Thrust keeps no gradients: wrap an algorithm that
// shall have one in differentiable(). Not a part of thrustgrad.h, because Thrust takes nvcc several
// seconds. Layer: interop, beside nn and io.
#pragma once
#include <cstddef>

#include "thrustgrad/autograd/node.h"
#include "thrustgrad/core/parameter.h"
#include "thrustgrad/system/thrust.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// What Thrust asks for temporary memory.
struct pool_allocator {
  using value_type = std::byte;
  std::byte* allocate(std::size_t bytes) { return static_cast<std::byte*>(pool->acquire(bytes)); }
  void deallocate(std::byte* block, std::size_t bytes) noexcept { pool->release(block, bytes); }

  std::shared_ptr<Pool> pool = Pool::current();
};

inline void require_contiguous(const char* op, const AnyTensor& x) {
  require(x.is_contiguous(), op, "the elements of ", x.shape, " with strides ", x.strides,
          " are not contiguous; use copy(x) or contiguous(x)");
}

}  // namespace detail

/// The execution policy of the device system, with temporaries from the library's pool:
///   thrust::sort(tg::policy(), tg::mutable_begin(w), tg::mutable_end(w));
/// thrust::reduce adds floats in an order that depends on the number of threads; tg::sum does not.
inline auto policy() { return device::policy(detail::pool_allocator{}); }

/// The first element of x, for reading, valid as long as x lives.
/// Throws if x is absent, stale or not contiguous.
template <element T> device::pointer<const T> begin(const Tensor<T>& x) {
  const detail::OpScope scope("begin");
  const T* const first = x.data();
  detail::require_contiguous("begin", x);
  return device::pointer<const T>(first);
}

/// The position behind the last element of x.
template <element T> device::pointer<const T> end(const Tensor<T>& x) {
  return begin(x) + x.numel();
}

// Pointers into a tensor that is about to end.
template <element T> void begin(const Tensor<T>&& x) = delete;
template <element T> void end(const Tensor<T>&& x) = delete;

/// The first element of a parameter or buffer, for an algorithm that writes to it now. Like assign,
/// it makes stale what was taken from the old elements.
/// Throws if the target is absent or not contiguous.
template <element T> device::pointer<T> mutable_begin(detail::Owned<T>& target) {
  const detail::OpScope scope("mutable_begin");
  target.check_readable();
  detail::require_contiguous("mutable_begin", target);
  target.mark_written();
  return device::pointer<T>(target.mutable_data());
}

/// The first element of a tensor that nobody else has seen yet: empty<T>(shape), copy(x), any
/// result that was not passed on.
/// Throws if others share its elements, a gradient is recorded for it, or it is not contiguous.
template <element T> device::pointer<T> mutable_begin(Tensor<T>& x) {
  const detail::OpScope scope("mutable_begin");
  x.check_readable();
  detail::require_contiguous("mutable_begin", x);
  require(x.storage.use_count() == 1 && !detail::is_recorded(x), "mutable_begin",
          "a tensor of shape ", x.shape, " is seen by others, through ", x.storage.use_count() - 1,
          " more handles or a recorded gradient; write to a copy(x)");
  return device::pointer<T>(x.mutable_data());
}

/// The position behind the last element, for writing.
template <class X> auto mutable_end(X& x) { return mutable_begin(x) + x.numel(); }

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
