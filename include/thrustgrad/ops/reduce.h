// SPDX-License-Identifier: MIT
// The primitive reduce: a monoid (identity, lift, combine, finish) over any axes, in a fixed tree.
// Its dual is expand: the gradient of a sum repeats, the gradient of repeating sums. An empty list
// of axes means all of them. Sums of the 16-bit types are taken in float. Layer ops.
#pragma once
#include "thrustgrad/ops/compare.h"
#include "thrustgrad/ops/pointwise.h"
#include "thrustgrad/ops/view.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// Whether reduced axes disappear or stay with size 1.
enum class Keep { none, axes };

namespace detail {

template <class C> struct sum_monoid {
  THRUSTGRAD_FN C identity() const { return C(0); }
  THRUSTGRAD_FN C lift(auto x, index_t) const { return static_cast<C>(x); }
  THRUSTGRAD_FN C combine(C a, C b) const { return a + b; }
  THRUSTGRAD_FN C finish(C a) const { return a; }
};
template <class C> struct sum_squares_monoid : sum_monoid<C> {
  THRUSTGRAD_FN C lift(C x, index_t) const { return x * x; }
};
/// A monoid whose result is multiplied by a number: no second pass, and no sum in between that half
/// could not hold.
template <class M, class C> struct scaled_monoid : M {
  C factor;
  THRUSTGRAD_FN C finish(C a) const { return a * factor; }
};
template <class C> struct norm_monoid : sum_squares_monoid<C> {
  THRUSTGRAD_FN C finish(C a) const { return sqrt(a); }
};
template <class C> struct max_monoid {
  THRUSTGRAD_FN C identity() const { return limits<C>::least(); }
  THRUSTGRAD_FN C lift(C x, index_t) const { return x; }
  THRUSTGRAD_FN C combine(C a, C b) const { return maximum(a, b); }
  THRUSTGRAD_FN C finish(C a) const { return a; }
};
template <class C> struct min_monoid {
  THRUSTGRAD_FN C identity() const { return limits<C>::greatest(); }
  THRUSTGRAD_FN C lift(C x, index_t) const { return x; }
  THRUSTGRAD_FN C combine(C a, C b) const { return minimum(a, b); }
  THRUSTGRAD_FN C finish(C a) const { return a; }
};

/// Where the extreme value lies: the first position if there are several, the first NaN if any.
template <class C, bool largest> struct arg_monoid {
  struct State {
    C value;
    index_t position;  // -1: none yet
  };
  THRUSTGRAD_FN State identity() const { return {C(0), -1}; }
  THRUSTGRAD_FN State lift(C x, index_t position) const { return {x, position}; }
  THRUSTGRAD_FN State combine(State a, State b) const {
    if (a.position < 0) return b;
    if (b.position < 0) return a;
    const bool first = a.position < b.position;
    if (a.value != a.value || b.value != b.value) {  // NaN wins
      return b.value == b.value || (a.value != a.value && first) ? a : b;
    }
    const bool ahead = largest ? a.value > b.value : a.value < b.value;
    return ahead || (a.value == b.value && first) ? a : b;
  }
  THRUSTGRAD_FN index_t finish(State a) const { return a.position; }
};

/// Sizes with the reduced axes at 1.
inline Shape kept_shape(const Shape& shape, const Shape& axes) {
  Shape kept = shape;
  for (index_t axis : axes) kept[axis] = 1;
  return kept;
}

/// The same elements without the axes, or with them as size 1.
template <class T> Tensor<T> drop_axes(const Tensor<T>& y, const Shape& axes, Keep keep) {
  if (keep == Keep::axes) return y;
  Shape shape, strides;
  for (int axis = 0; axis < y.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) continue;
    shape.push_back(y.shape[axis]);
    strides.push_back(y.strides[axis]);
  }
  return restrided(y, shape, strides);
}

/// The gradient of a reduced tensor, with its axes as size 1 again.
template <class T> Tensor<T> restore_axes(const Tensor<T>& g, const Shape& kept) {
  return reshape(g, kept);
}

/// A monoid over the given (normalised) axes, without a gradient; the axes stay with size 1. The
/// result's axes lie in memory in the order of x.
template <class Y, class M, class T>
Tensor<Y> reduce_axes(const char* op, const M& monoid, const Tensor<T>& x, const Shape& axes) {
  const OpScope scope(op);
  const Shape order = stride_order(x.shape, x.strides);
  Shape kept_order, reduced_order;
  for (index_t axis : order) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    (reduced ? reduced_order : kept_order).push_back(axis);
  }
  // Positions within the reduced axes count in row-major order, as argmax reports them.
  std::sort(reduced_order.begin(), reduced_order.end());
  Tensor<Y> y = empty<Y>(kept_shape(x.shape, axes), order);
  const auto kept = plan_loop<1>(x.shape, kept_order, {x.strides});
  const auto reduced = plan_loop<1>(x.shape, reduced_order, {x.strides});
  device::reduce(monoid,
                 device::Reduction{kept.sizes, kept.strides[0], reduced.sizes, reduced.strides[0]},
                 x.data(), y.mutable_data(), Scratch{});
  return y;
}

template <class T> using sum_t = std::conditional_t<floating<T>, T, std::int64_t>;
template <class T>
using accumulator_t = std::conditional_t<floating<T>, compute_t<T>, std::int64_t>;

}  // namespace detail

/// The sum over the given axes; of integers and bools in int64.
template <element T>
Tensor<detail::sum_t<T>> sum(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  using Y = detail::sum_t<T>;
  const Shape over = normalize_axes("sum", x.shape, axes);
  const auto y =
      detail::reduce_axes<Y>("sum", detail::sum_monoid<detail::accumulator_t<T>>{}, x, over);
  const auto result = detail::drop_axes(y, over, keep);
  if constexpr (!floating<T>) {
    return result;
  } else {
    return differentiable(result, wrt(x, [from = x.shape, kept = y.shape](const Tensor<T>& g) {
                            return expand(detail::restore_axes(g, kept), from);
                          }));
  }
}

template <floating T> Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape) {
  if (x.shape == shape) return x;
  const int shift = x.rank() - shape.rank();
  require(shift >= 0 && broadcast("sum_to", x.shape, shape) == x.shape, "sum_to", shape,
          " does not stretch to ", x.shape);
  Shape axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis < shift || (shape[axis - shift] == 1 && x.shape[axis] != 1)) axes.push_back(axis);
  }
  const Tensor<T> y = axes.rank() == 0 ? x : sum(x, axes, Keep::axes);
  return reshape(y, shape);
}

/// The mean over the given axes.
template <floating T>
Tensor<T> mean(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  using C = compute_t<T>;
  const Shape over = normalize_axes("mean", x.shape, axes);
  const Shape kept = detail::kept_shape(x.shape, over);
  const C share = static_cast<C>(kept.numel()) / static_cast<C>(x.numel());
  const auto y = detail::reduce_axes<T>(
      "mean", detail::scaled_monoid<detail::sum_monoid<C>, C>{{}, share}, x, over);
  return differentiable(detail::drop_axes(y, over, keep),
                        wrt(x, [share, kept, from = x.shape](const Tensor<T>& g) {
                          return expand(detail::restore_axes(g, kept) * share, from);
                        }));
}

namespace detail {

template <class T>
Tensor<T> scaled_sum_squares(const char* op, const Tensor<T>& x, const Shape& over, Keep keep,
                             compute_t<T> factor) {
  using C = compute_t<T>;
  const auto y = reduce_axes<T>(op, scaled_monoid<sum_squares_monoid<C>, C>{{}, factor}, x, over);
  return differentiable(drop_axes(y, over, keep),
                        wrt(
                            x,
                            [x, factor, kept = y.shape](const Tensor<T>& g) {
                              return x * (restore_axes(g, kept) * (2 * factor));
                            },
                            op));
}

}  // namespace detail

/// The sum of squares over the given axes.
template <floating T>
Tensor<T> sum_squares(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  return detail::scaled_sum_squares("sum_squares", x, normalize_axes("sum_squares", x.shape, axes),
                                    keep, compute_t<T>(1));
}

/// The mean square distance from the mean over the given axes, divided by n - correction:
/// correction 1 estimates the variance of the distribution, 0 is that of the sample.
template <floating T>
Tensor<T> variance(const Tensor<T>& x, const Shape& axes = {}, int correction = 1,
                   Keep keep = Keep::none) {
  const detail::OpScope scope("variance");
  const Shape over = normalize_axes("variance", x.shape, axes);
  const auto centred = x - mean(x, over, Keep::axes);
  const index_t n = x.numel() / std::max<index_t>(detail::kept_shape(x.shape, over).numel(), 1);
  return detail::scaled_sum_squares("variance", centred, over, keep,
                                    compute_t<T>(1) / static_cast<compute_t<T>>(n - correction));
}

namespace detail {

struct norm_gradient_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto y, auto g) const {
    return where(y == 0, x * 0, g * x / y);
  }
};

/// Throws if a result has no element to be picked from.
inline void require_elements(const char* op, const Shape& shape, const Shape& axes) {
  require(shape.numel() > 0 || kept_shape(shape, axes).numel() == 0, op,
          "there is no element along ", axes, " of ", shape);
}

template <class M, class T>
Tensor<std::int64_t> extreme_position(const char* op, const Tensor<T>& x, const Shape& axes,
                                      Keep keep) {
  const Shape over = normalize_axes(op, x.shape, axes);
  require_elements(op, x.shape, over);
  return drop_axes(reduce_axes<std::int64_t>(op, M{}, x, over), over, keep);
}

/// The largest or smallest element over axes; the gradient is shared equally by all that are it.
template <class M, class T>
Tensor<T> extreme(const char* op, const Tensor<T>& x, const Shape& axes, Keep keep) {
  const Shape over = normalize_axes(op, x.shape, axes);
  require_elements(op, x.shape, over);
  const auto y = reduce_axes<T>(op, M{}, x, over);
  const auto result = drop_axes(y, over, keep);
  if constexpr (!floating<T>) {
    return result;
  } else {
    return differentiable(result, wrt(
                                      x,
                                      [x, y, over](const Tensor<T>& g) {
                                        const auto hit = cast<T>(equal(stop_gradient(x), y));
                                        return restore_axes(g, y.shape) *
                                               (hit / sum(hit, over, Keep::axes));
                                      },
                                      op));
  }
}

}  // namespace detail

/// The Euclidean norm over the given axes; its gradient at 0 is 0.
template <floating T>
Tensor<T> norm(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  const Shape over = normalize_axes("norm", x.shape, axes);
  const auto y = detail::reduce_axes<T>("norm", detail::norm_monoid<compute_t<T>>{}, x, over);
  return differentiable(detail::drop_axes(y, over, keep),
                        wrt(x, [x, kept = y.shape](const Tensor<T>& g, const Tensor<T>& result) {
                          return map(detail::norm_gradient_fn{}, x,
                                     detail::restore_axes(result, kept),
                                     detail::restore_axes(g, kept));
                        }));
}

/// The largest element over the given axes, NaN if there is one; equal ones share the gradient.
template <element T>
Tensor<T> amax(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  return detail::extreme<detail::max_monoid<compute_t<T>>>("amax", x, axes, keep);
}
/// The smallest element over the given axes, NaN if there is one; equal ones share the gradient.
template <element T>
Tensor<T> amin(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  return detail::extreme<detail::min_monoid<compute_t<T>>>("amin", x, axes, keep);
}

/// The position of the first largest element along an axis (NaN counts as largest); over all
/// elements in row-major order if no axis is given.
/// Throws if there is none.
template <element T>
Tensor<std::int64_t> argmax(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  return detail::extreme_position<detail::arg_monoid<compute_t<T>, true>>("argmax", x, axes, keep);
}
/// The position of the first smallest element; see argmax.
template <element T>
Tensor<std::int64_t> argmin(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  return detail::extreme_position<detail::arg_monoid<compute_t<T>, false>>("argmin", x, axes, keep);
}

namespace detail {

struct shifted_exp_fn {
  THRUSTGRAD_FN auto operator()(auto x, auto top) const { return exp(x - top); }
};

}  // namespace detail

/// log of the sum of exp(x) over the given axes, without overflow.
template <floating T>
Tensor<T> logsumexp(const Tensor<T>& x, const Shape& axes = {}, Keep keep = Keep::none) {
  const detail::OpScope scope("logsumexp");
  const Shape over = normalize_axes("logsumexp", x.shape, axes);
  using C = compute_t<T>;
  if constexpr (!std::is_same_v<T, C>) {
    return cast<T>(logsumexp(cast<C>(x), over, keep));
  } else {
    // The largest element moves every exponent to at most 0; an infinite one must stay what it is.
    const auto top =
        clamp(amax(stop_gradient(x), over, Keep::axes), limits<T>::lowest(), limits<T>::max());
    const auto e = std::get<0>(detail::evaluate<T>("logsumexp", detail::shifted_exp_fn{}, x, top));
    const auto y = log(sum(e, over, Keep::axes)) + top;
    return differentiable(detail::drop_axes(y, over, keep),
                          wrt(x, [x, kept = y.shape](const Tensor<T>& g, const Tensor<T>& result) {
                            return detail::restore_axes(g, kept) *
                                   exp(x - detail::restore_axes(result, kept));
                          }));
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
