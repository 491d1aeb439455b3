// SPDX-License-Identifier: MIT
// The primitive map: a functor applied to broadcast operands, element by element. Nobody writes its
// derivative: the same functor is evaluated on dual numbers, for all operands in one pass. A
// functor is a named struct:
//
//   struct silu_fn {
//     THRUSTGRAD_FN auto operator()(auto x) const { return x / (1 + tg::exp(-x)); }
//   };
//
// It computes in float for the 16-bit types: loads widen, stores round. Layer ops.
#pragma once
#include "thrustgrad/autograd/derivatives.h"
#include "thrustgrad/autograd/differentiable.h"
#include "thrustgrad/autograd/grad.h"
#include "thrustgrad/core/reflect.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// A plain number beside a tensor: x * 2, x < 0.5f.
template <class T>
concept arithmetic = std::is_arithmetic_v<T>;

/// Several results of one functor, for the same position: return pack{a, b}.
template <class T, int N> struct pack {
  T values[N];
  THRUSTGRAD_FN const T& operator[](int i) const { return values[i]; }
};
template <class T, class... U> pack(T, U...) -> pack<T, 1 + sizeof...(U)>;

/// The sum of x over the axes along which `shape` is stretched to x.shape: the adjoint of
/// broadcasting. Defined in ops/reduce.h.
template <floating T> Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape);

namespace detail {

template <class F>
inline constexpr int order_of = 0;  // how often a functor has been differentiated

template <class R> inline constexpr int results_of = 1;
template <class R, int N> inline constexpr int results_of<pack<R, N>> = N;

/// "silu" for silu_fn: what messages call a functor.
template <class F> const char* functor_name() {
  static const std::string name = [] {
    std::string_view text = type_name<F>();
    text = text.substr(0, text.find('<'));
    if (const auto colon = text.rfind(':'); colon != text.npos) text.remove_prefix(colon + 1);
    if (text.ends_with("_fn")) text.remove_suffix(3);
    return std::string(text);
  }();
  return name.c_str();
}

template <class F, class... T>
using map_result = decltype(std::declval<const F&>()(std::declval<compute_t<T>>()...));

/// The element type of a result that is computed as R: a 16-bit operand makes a float 16 bits wide,
/// and the first floating operand decides.
template <class R, class... T> struct stored_as { using type = R; };
template <class T, class... Rest> struct stored_as<float, T, Rest...> {
  using type = typename std::conditional_t<floating<T>, std::type_identity<T>,
                                           stored_as<float, Rest...>>::type;
};
template <class R, class... T> using stored_as_t = typename stored_as<R, T...>::type;

/// The broadcast shape of operands.
inline Shape broadcast_all(const char* op, std::span<const AnyTensor* const> operands) {
  Shape shape;
  for (const AnyTensor* x : operands) shape = broadcast(op, shape, x->shape);
  return shape;
}

/// f over broadcast operands, without a gradient; Y are the element types of its results.
template <class... Y, class F, class... T>
std::tuple<Tensor<Y>...> evaluate(const char* op, const F& f, const Tensor<T>&... x) {
  const OpScope scope(op);
  const std::array<const AnyTensor*, sizeof...(T)> operands{&x...};
  const Shape shape = broadcast_all(op, operands);
  const Shape order = result_order(shape, operands);
  auto y = std::tuple(empty<Y>(shape, order)...);
  const auto loop = plan_loop<sizeof...(T) + 1>(
      shape, order, {std::get<0>(y).strides, expanded_strides(x, shape)...});
  [&]<std::size_t... O, std::size_t... I>(std::index_sequence<O...>, std::index_sequence<I...>) {
    device::map(f, loop.sizes, std::tuple(std::get<O>(y).mutable_data()...),
                operand(x, loop.strides[I + 1])...);
  }
  (std::index_sequence_for<Y...>{}, std::index_sequence_for<T...>{});
  return y;
}

template <class... T> constexpr auto find_floating() {
  std::array<std::size_t, (std::size_t{floating<T>} + ... + 0)> at{};
  std::size_t i = 0, n = 0;
  ((floating<T> ? void(at[n++] = i) : void(), ++i), ...);
  return at;
}
/// Positions of the floating operands among T...
template <class... T> inline constexpr auto floating_at = find_floating<T...>();

template <class A> inline constexpr int dual_depth = 0;
template <class A, int N> inline constexpr int dual_depth<dual<A, N>> = 1 + dual_depth<A>;

template <class A, class... Rest> struct deepest : std::type_identity<A> {};
template <class A, class B, class... Rest>
struct deepest<A, B, Rest...>
    : deepest<std::conditional_t<(dual_depth<A> < dual_depth<B>), B, A>, Rest...> {};
template <class... A> using deepest_dual = typename deepest<A...>::type;

/// (x..., g...) -> g * df/dx for the operands at `Positions`: one dual number with a tangent for
/// each. With several results of f there are several g, and their products are added.
template <class F, int Operands, std::size_t... Positions> struct partials_fn {
  F f;

  template <class... A> THRUSTGRAD_FN auto operator()(A... a) const {
    return apply(std::make_index_sequence<Operands>{},
                 std::make_index_sequence<sizeof...(A) - Operands>{}, a...);
  }

 private:
  static constexpr int wanted = sizeof...(Positions);

  // Where an outer derivative makes some operands duals, all become duals of those: else a dual of
  // the outer derivative would pass for one of this.
  template <std::size_t I, class Outer, class A> static THRUSTGRAD_FN auto lift(A a) {
    constexpr bool is_wanted = ((Positions == I) || ...);
    constexpr bool is_nested = dual_depth < Outer >> 0;
    if constexpr (!is_wanted &&
                  !(is_nested && std::is_floating_point_v<typename dual_base<A>::type>)) {
      return a;
    } else {
      using V = std::conditional_t<is_nested, Outer, A>;
      dual<V, wanted> x{V(a)};
      int k = 0;
      ((Positions == I ? void(x.tangent[k] = V(1)) : void(), ++k), ...);
      return x;
    }
  }
  // The operand at position I of a list of values.
  template <std::size_t I, class A, class... Rest>
  static THRUSTGRAD_FN auto pick(A first, Rest... rest) {
    if constexpr (I == 0)
      return first;
    else
      return pick<I - 1>(rest...);
  }
  template <class Y> static THRUSTGRAD_FN auto result(const Y& y, int r) {
    if constexpr (results_of<Y> == 1)
      return y;
    else
      return y[r];
  }
  template <class Y, class G> static THRUSTGRAD_FN auto tangent(const Y& y, int k, G g) {
    if constexpr (requires { y.tangent[0]; })
      return g * y.tangent[k];
    else
      return g * G(0);  // a result that does not depend on its operands
  }

  template <std::size_t... I, std::size_t... R, class... A>
  THRUSTGRAD_FN auto apply(std::index_sequence<I...>, std::index_sequence<R...>, A... a) const {
    using Outer = deepest_dual<decltype(pick<I>(a...))...>;
    const auto y = f(lift<I, Outer>(pick<I>(a...))...);
    const auto product = [&](int k) {
      return (tangent(result(y, int(R)), k, pick<Operands + R>(a...)) + ...);
    };
    if constexpr (wanted == 1) {
      return product(0);
    } else {
      pack<decltype(product(0)), wanted> all{};
      for (int k = 0; k < wanted; ++k) all.values[k] = product(k);
      return all;
    }
  }
};
template <class F, int n, std::size_t... P>
inline constexpr int order_of<partials_fn<F, n, P...>> = 1 + order_of<F>;

template <class... Y, class F, class... T>
auto map_as(const char* op, const F& f, const Tensor<T>&... x);

/// The gradients of sum over r of y_r g_r with respect to the operands at Positions...
template <std::size_t... Positions, class F, class... T, class... G>
auto map_gradients(const char* op, const F& f, const std::tuple<Tensor<T>...>& x,
                   const std::tuple<Tensor<G>...>& g) {
  const partials_fn<F, sizeof...(T), Positions...> partials{f};
  auto products = std::apply(
      [&](const auto&... operand) {
        return map_as<std::tuple_element_t<Positions, std::tuple<T...>>...>(op, partials,
                                                                            operand...);
      },
      std::tuple_cat(x, g));
  return [&]<std::size_t... K>(std::index_sequence<K...>) {
    return std::tuple(sum_to(std::get<K>(products), std::get<Positions>(x).shape)...);
  }
  (std::make_index_sequence<sizeof...(Positions)>{});
}

template <element T> std::tuple<Tensor<T>> as_tuple(const Tensor<T>& g) { return {g}; }
template <class... T> const std::tuple<Tensor<T>...>& as_tuple(const std::tuple<Tensor<T>...>& g) {
  return g;
}

/// The values with the derivatives with respect to the operands at Positions..., in one pass.
template <std::size_t... Positions, class Values, class F, class... T>
Values with_gradients(const char* op, const F& f, const Values& values,
                      const std::tuple<Tensor<T>...>& x) {
  const auto pull = [op, f, x](const auto& g) {
    return map_gradients<Positions...>(op, f, x, as_tuple(g));
  };
  return differentiable(values, wrt(std::tie(std::get<Positions>(x)...), pull, op));
}

/// map with the element types of the results given.
template <class... Y, class F, class... T>
auto map_as(const char* op, const F& f, const Tensor<T>&... x) {
  const auto values = evaluate<Y...>(op, f, x...);
  constexpr bool differentiates = (floating<Y> && ...) && (floating<T> || ...);
  if constexpr (!differentiates) {
    return values;
  } else if constexpr (order_of<F> >= derivative_order) {
    // Each order costs compile time, so higher ones are not compiled unless they are asked for.
    require(!(is_recorded(x) || ...), op, "its derivative of order ", order_of<F> + 1,
            " is not compiled; define THRUSTGRAD_DERIVATIVE_ORDER=", order_of<F> + 1,
            " before including thrustgrad");
    return values;
  } else {
    const auto operands = std::tuple(x...);
    std::size_t wanted = 0, last = 0, position = 0;
    ((is_recorded(x) ? void((++wanted, last = position)) : void(), ++position), ...);
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      constexpr const auto& at = floating_at<T...>;
      if constexpr (sizeof...(K) > 1) {
        if (wanted > 1) return with_gradients<at[K]...>(op, f, values, operands);
      }
      auto result = values;
      ((wanted == 1 && at[K] == last ? void(result = with_gradients<at[K]>(op, f, values, operands))
                                     : void()),
       ...);
      return result;
    }
    (std::make_index_sequence<floating_at<T...>.size()>{});
  }
}

}  // namespace detail

/// f(x...) element by element over the broadcast shape of its operands. A functor that returns a
/// pack gives a tuple of tensors. The result lies in memory like its first operand of full shape,
/// and takes that operand's 16-bit type where f computes in float.
/// Throws if the shapes do not broadcast.
template <class F, element... T> auto map(const F& f, const Tensor<T>&... x) {
  static_assert(
      (... && (!std::is_same_v<T, double>)) || (... && (std::is_same_v<T, double> || !floating<T>)),
      "thrustgrad: map does not mix double with the narrower floating types; cast first");
  using R = detail::map_result<F, T...>;
  const char* const op = detail::functor_name<F>();
  if constexpr (detail::results_of<R> == 1) {
    return std::get<0>(detail::map_as<detail::stored_as_t<R, T...>>(op, f, x...));
  } else {
    return [&]<std::size_t... O>(std::index_sequence<O...>) {
      using Y = detail::stored_as_t<std::decay_t<decltype(std::declval<R>()[0])>, T...>;
      return detail::map_as<std::conditional_t<O == O, Y, void>...>(op, f, x...);
    }
    (std::make_index_sequence<static_cast<std::size_t>(detail::results_of<R>)>{});
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
