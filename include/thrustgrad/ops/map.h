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
#include <cstring>

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
inline std::string short_name(std::string_view type) {
  type = type.substr(0, type.find('<'));
  if (const auto colon = type.rfind(':'); colon != type.npos) type.remove_prefix(colon + 1);
  if (type.ends_with("_fn")) type.remove_suffix(3);
  return std::string(type);
}
template <class F> const char* functor_name() {
  static const std::string name = short_name(type_name<F>());
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

// What is compiled for each functor is its loop and little else: the rest takes the functor as an
// address together with the function that knows its type, and so serves all functors of the same
// operands.

/// Runs the functor at f; Y are the addresses of its results.
template <class Y, class... T>
using Launch = void (*)(const void* f, const Shape& sizes, const Y& y,
                        const device::Strided<const T>&... x);

template <class F, class Y, class... T>
void launch(const void* f, const Shape& sizes, const Y& y, const device::Strided<const T>&... x) {
  device::map(*static_cast<const F*>(f), sizes, y, x...);
}

/// evaluate, for the functor at f that `run` knows.
template <class... Y, class... T>
std::tuple<Tensor<Y>...> evaluate_erased(const char* op, const void* f,
                                         Launch<std::tuple<Y*...>, T...> run,
                                         const Tensor<T>&... x) {
  const OpScope scope(op);
  const std::array<const AnyTensor*, sizeof...(T)> operands{&x...};
  const Shape shape = broadcast_all(op, operands);
  const Shape order = result_order(shape, operands);
  auto y = std::tuple(empty<Y>(shape, order)...);
  const auto loop = plan_loop<sizeof...(T) + 1>(
      shape, order, {std::get<0>(y).strides, expanded_strides(x, shape)...});
  [&]<std::size_t... O, std::size_t... I>(std::index_sequence<O...>, std::index_sequence<I...>) {
    run(f, loop.sizes, std::tuple(std::get<O>(y).mutable_data()...),
        operand(x, loop.strides[I + 1])...);
  }
  (std::index_sequence_for<Y...>{}, std::index_sequence_for<T...>{});
  return y;
}

/// f over broadcast operands, without a gradient; Y are the element types of its results.
template <class... Y, class F, class... T>
std::tuple<Tensor<Y>...> evaluate(const char* op, const F& f, const Tensor<T>&... x) {
  return evaluate_erased(op, &f, &launch<F, std::tuple<Y*...>, T...>, x...);
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

/// A functor's bytes, for the backward pass: unlike the functor, they are of one type for all.
template <std::size_t size> struct FunctorCopy {
  alignas(std::max_align_t) std::byte bytes[size];
  explicit FunctorCopy(const void* f) { std::memcpy(bytes, f, size); }
};

/// (functor, operands, gradients g of its results y) -> the sums over r of g_r dy_r/dx, one for
/// each operand wanted, not yet summed to its shape.
template <class Products, class... A>
using Partials = Products (*)(const char* op, const void* f, const Tensor<A>&... a);

template <element T> std::tuple<Tensor<T>> as_tuple(const Tensor<T>& g) { return {g}; }
template <class... T> const std::tuple<Tensor<T>...>& as_tuple(const std::tuple<Tensor<T>...>& g) {
  return g;
}

/// The values with the derivatives with respect to the operands at Positions..., in one pass.
template <std::size_t... Positions, class Values, std::size_t size, class Products, class... T,
          class... A>
Values with_gradients(const char* op, const FunctorCopy<size>& f, Partials<Products, A...> partials,
                      const Values& values, const std::tuple<Tensor<T>...>& x) {
  const auto pull = [op, f, partials, x](const auto& g) {
    const auto products = std::apply([&](const auto&... a) { return partials(op, f.bytes, a...); },
                                     std::tuple_cat(x, as_tuple(g)));
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      return std::tuple(sum_to(std::get<K>(products), std::get<Positions>(x).shape)...);
    }
    (std::make_index_sequence<sizeof...(Positions)>{});
  };
  return differentiable(values, wrt(std::tie(std::get<Positions>(x)...), pull, op));
}

/// with_gradients for the operands that are recorded: all floating ones in one pass, or one alone.
template <std::size_t size, class Values, class All, class... One, class... T>
Values record(const char* op, const void* f, const Values& values, All all, std::tuple<One...> one,
              const Tensor<T>&... x) {
  std::size_t wanted = 0, last = 0, position = 0;
  ((is_recorded(x) ? void((++wanted, last = position)) : void(), ++position), ...);
  if (wanted == 0) return values;
  const FunctorCopy<size> kept(f);
  const auto operands = std::tuple(x...);
  return [&]<std::size_t... K>(std::index_sequence<K...>) {
    constexpr const auto& at = floating_at<T...>;
    if constexpr (sizeof...(K) > 1) {
      if (wanted > 1) return with_gradients<at[K]...>(op, kept, all, values, operands);
    }
    auto result = values;
    ((at[K] == last
          ? void(result = with_gradients<at[K]>(op, kept, std::get<K>(one), values, operands))
          : void()),
     ...);
    return result;
  }
  (std::index_sequence_for<One...>{});
}

inline void refuse_derivative(const char* op, int order, bool wanted) {
  require(!wanted, op, "its derivative of order ", order,
          " is not compiled; define THRUSTGRAD_DERIVATIVE_ORDER=", order,
          " before including thrustgrad");
}

/// A functor with the types of its results and operands: map with the types of the results given.
template <class F, class Values, class... T> struct Mapping;

template <class F, class... Y, class... T> struct Mapping<F, std::tuple<Tensor<Y>...>, T...> {
  using Values = std::tuple<Tensor<Y>...>;

  static Values apply(const char* op, const void* f, const Tensor<T>&... x) {
    const Values values = evaluate_erased(op, f, &launch<F, std::tuple<Y*...>, T...>, x...);
    constexpr bool differentiates = (floating<Y> && ...) && (floating<T> || ...);
    if constexpr (!differentiates) {
      return values;
    } else if constexpr (order_of<F> >= derivative_order) {
      // Each order costs compile time, so higher ones are not compiled unless they are asked for.
      refuse_derivative(op, order_of<F> + 1, (is_recorded(x) || ...));
      return values;
    } else {
      return [&]<std::size_t... K>(std::index_sequence<K...>) {
        constexpr const auto& at = floating_at<T...>;
        return record<sizeof(F)>(op, f, values, partials<at[K]...>(),
                                 std::tuple(partials<at[K]>()...), x...);
      }
      (std::make_index_sequence<floating_at<T...>.size()>{});
    }
  }

 private:
  // What it points to takes the bytes of F for a partials_fn, which has no other member.
  template <std::size_t... P> static constexpr auto partials() {
    using Products = std::tuple<Tensor<std::tuple_element_t<P, std::tuple<T...>>>...>;
    return &Mapping<partials_fn<F, sizeof...(T), P...>, Products, T..., Y...>::apply;
  }
};

}  // namespace detail

/// f(x...) element by element over the broadcast shape of its operands. A functor that returns a
/// pack gives a tuple of tensors. The result lies in memory like its first operand of full shape,
/// and takes that operand's 16-bit type where f computes in float.
/// Throws if the shapes do not broadcast.
template <class F, element... T> auto map(const F& f, const Tensor<T>&... x) {
  static_assert(std::is_trivially_copyable_v<F> && alignof(F) <= alignof(std::max_align_t),
                "thrustgrad: a functor holds plain values only; pass tensors as operands of map");
  static_assert(
      (... && (!std::is_same_v<T, double>)) || (... && (std::is_same_v<T, double> || !floating<T>)),
      "thrustgrad: map does not mix double with the narrower floating types; cast first");
  using R = detail::map_result<F, T...>;
  const char* const op = detail::functor_name<F>();
  if constexpr (detail::results_of<R> == 1) {
    using Values = std::tuple<Tensor<detail::stored_as_t<R, T...>>>;
    return std::get<0>(detail::Mapping<F, Values, T...>::apply(op, &f, x...));
  } else {
    return [&]<std::size_t... O>(std::index_sequence<O...>) {
      using Y = detail::stored_as_t<std::decay_t<decltype(std::declval<R>()[0])>, T...>;
      using Values = std::tuple<Tensor<std::conditional_t<O == O, Y, void>>...>;
      return detail::Mapping<F, Values, T...>::apply(op, &f, x...);
    }
    (std::make_index_sequence<static_cast<std::size_t>(detail::results_of<R>)>{});
  }
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
