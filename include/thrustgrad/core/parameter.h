// SPDX-License-Identifier: MIT
// Parameters and buffers: the tensors that a model owns, and the only ones that are ever written.
// Copying one copies its elements, so `auto best = model;` is a snapshot; its storage never moves,
// so a captured step may hold the address. Layer core.
#pragma once
#include <tuple>

#include "thrustgrad/core/create.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// A tensor with storage of its own, dense, in the order of the tensor it was made from.
template <element T> struct Owned : Tensor<T> {
  Owned() = default;
  Owned(Tensor<T> x) { take(std::move(x)); }
  Owned(const Owned& other) : Tensor<T>() { take(other); }
  Owned(Owned&& other) noexcept : Tensor<T>(std::move(other)) {
    own();
    other.release();
  }

  /// Copies the elements: in place if the shapes are equal, so that the address stays. Within a
  /// recording, gradients pass through a copy like through any other operation.
  Owned& operator=(const Owned& other) {
    if (this == &other) return *this;
    if (this->defined() && other.defined() && this->shape == other.shape) {
      overwrite(other);
      this->node = other.node;
      this->output = other.output;
    } else {
      take(other);
    }
    return *this;
  }
  Owned& operator=(Owned&& other) noexcept {
    if (this == &other) return *this;
    Tensor<T>::operator=(std::move(other));
    own();
    other.release();
    return *this;
  }
  ~Owned() = default;

  /// Writes new elements in place. What was taken from the old ones is stale from now on.
  void overwrite(const Tensor<T>& value) {
    // A view of this very storage must be read before it is written.
    const Tensor<T> source = value.storage == this->storage ? copy(value) : value;
    write(*this, source);
    mark_written();
  }

  void mark_written() {
    ++this->storage->writes;
    if (capture != nullptr) capture->note_write(this->storage);
    this->node = nullptr;  // the new elements are nothing that was recorded
  }

 private:
  void take(Tensor<T> x) {
    if (!x.defined()) return release();
    const Shape dense = ordered_strides(x.shape, stride_order(x.shape, x.strides));
    const bool whole = x.storage.use_count() == 1 && x.offset == 0 && x.is_ordered(dense);
    if (!whole) {
      Tensor<T> fresh = empty<T>(x.shape);
      fresh.strides = dense;
      write(fresh, x);
      fresh.node = x.node;
      fresh.output = x.output;
      x = std::move(fresh);
    }
    Tensor<T>::operator=(std::move(x));
    this->strides = dense;
    own();
  }
  /// What is written to the storage, by assign or by a captured step, is seen through this.
  void own() noexcept { this->version = AnyTensor::newest; }
  void release() noexcept { Tensor<T>::operator=(Tensor<T>{}); }
};

}  // namespace detail

/// A tensor that is trained: value_and_grad differentiates with respect to it.
template <element T> struct Parameter : detail::Owned<T> {
  static_assert(floating<T>,
                "thrustgrad: a Parameter is trained, so its elements must be float, "
                "double, bf16 or half; use Buffer for integers and bools");
  using detail::Owned<T>::Owned;
};

/// A tensor that is kept and saved with the model but never trained: running statistics, counters.
template <element T> struct Buffer : detail::Owned<T> { using detail::Owned<T>::Owned; };

/// Writes value, stretched to the target's shape, into a parameter or buffer, in place.
/// Throws if the target is absent or the shapes do not fit; nothing is written then.
template <element T>
void assign(detail::Owned<T>& target, const std::type_identity_t<Tensor<T>>& value) {
  const detail::OpScope scope("assign");
  require(target.defined(), "assign", "the target is absent (a default-constructed parameter)");
  require(broadcast("assign", target.shape, value.shape) == target.shape, "assign",
          "a value of shape ", value.shape, " does not fit into a target of shape ", target.shape);
  target.overwrite(value);
}

namespace detail {

/// A parameter or buffer.
template <class P>
concept owned = std::is_base_of_v<Owned<typename P::value_type>, P>;

/// Throws unless the targets can be updated from the inputs in one pass over memory.
inline void check_update(std::span<const AnyTensor* const> targets,
                         std::span<const AnyTensor* const> inputs) {
  const AnyTensor& first = *targets.front();
  const auto check_present = [](const AnyTensor& x) {
    require(x.defined(), "assign", "an operand is absent (a default-constructed tensor)");
  };
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const AnyTensor& target = *targets[i];
    check_present(target);
    require(target.shape == first.shape && target.is_ordered(first.strides), "assign",
            "targets of shapes ", first.shape, " and ", target.shape,
            " differ in shape or in their order in memory");
    for (std::size_t k = 0; k < i; ++k) {
      require(targets[k]->storage != target.storage, "assign", "a target of shape ", target.shape,
              " is given twice");
    }
  }
  for (const AnyTensor* x : inputs) {
    check_present(*x);
    require(broadcast("assign", first.shape, x->shape) == first.shape, "assign",
            "an operand of shape ", x->shape, " does not fit into a target of shape ", first.shape);
    for (const AnyTensor* target : targets) {
      const bool same_places = x->shape == target->shape && x->is_ordered(target->strides);
      require(x->storage != target->storage || same_places, "assign", "an operand of shape ",
              x->shape,
              " is a view of a target, which is written while it is read; take a copy() of it");
    }
  }
}

/// The update itself; O and I count the targets and the inputs. (A function and no lambda within
/// assign: there nvcc instantiates a kernel for other element types than those of the inputs.)
template <class F, class... P, class... X, std::size_t... O, std::size_t... I>
void update(const std::tuple<P&...>& targets, const F& f,
            const std::tuple<const Tensor<X>&...>& inputs, std::index_sequence<O...>,
            std::index_sequence<I...>) {
  check_update(std::array<const AnyTensor*, sizeof...(P)>{&std::get<O>(targets)...},
               std::array<const AnyTensor*, sizeof...(X)>{&std::get<I>(inputs)...});
  const AnyTensor& first = std::get<0>(targets);
  const auto loop = plan_loop<sizeof...(P) + sizeof...(X)>(
      first.shape, stride_order(first.shape, first.strides),
      {std::get<O>(targets).strides..., expanded_strides(std::get<I>(inputs), first.shape)...});
  device::map(f, loop.sizes, std::tuple(std::get<O>(targets).mutable_data()...),
              operand(std::get<O>(targets), loop.strides[O])...,
              operand(std::get<I>(inputs), loop.strides[sizeof...(P) + I])...);
  (std::get<O>(targets).mark_written(), ...);
}

}  // namespace detail

/// (targets...) = f(targets..., inputs...) pointwise and in place, in one pass over memory:
/// assign(std::tie(weight, velocity), f, gradient). All targets have one shape; inputs are
/// stretched to it. f returns a pack with a value for each target, or the value itself if there is
/// one. It is the base of the fused optimizers.
template <class F, detail::owned... P, element... X>
void assign(std::tuple<P&...> targets, const F& f, const Tensor<X>&... inputs) {
  const detail::OpScope scope("assign");
  detail::update(targets, f, std::tie(inputs...), std::index_sequence_for<P...>{},
                 std::index_sequence_for<X...>{});
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
