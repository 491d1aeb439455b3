// SPDX-License-Identifier: MIT
// How an operation declares its gradients: the operation and its vector-Jacobian products stand in
// one function,
//
//   return differentiable(value, wrt(a, vjp), wrt(std::tie(b, c), vjp));
//
// Layer autograd.
#pragma once
#include <array>
#include <functional>
#include <span>
#include <tuple>
#include <vector>

#include "thrustgrad/autograd/node.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// The inputs of one vjp.
template <class F, class... T> struct Wrt {
  std::tuple<const Tensor<T>&...> inputs;
  F vjp;
  const char* op;
};

/// The same for a list of inputs, as long as it happens to be.
template <class F, class T> struct WrtList {
  const std::vector<Tensor<T>>& inputs;
  F vjp;
  const char* op;
};

template <class F, class... T>
std::array<const AnyTensor*, sizeof...(T)> inputs_of(const Wrt<F, T...>& w) {
  return std::apply(
      [](const auto&... x) { return std::array<const AnyTensor*, sizeof...(T)>{&x...}; }, w.inputs);
}
template <class F, class T> std::vector<const AnyTensor*> inputs_of(const WrtList<F, T>& w) {
  std::vector<const AnyTensor*> inputs;
  for (const Tensor<T>& x : w.inputs) inputs.push_back(&x);
  return inputs;
}

}  // namespace detail

/// The gradient of an operation with respect to one input: vjp(g), or vjp(g, y) if it needs the
/// operation's result y (capturing that would be a cycle), returns a tensor of the input's shape
/// and type. Written in differentiable operations, it has derivatives of its own. If the input
/// needs no gradient, the vjp is dropped at once, with all that it captured.
template <element T, class F>
auto wrt(const Tensor<T>& input, F vjp, const char* op = __builtin_FUNCTION()) {
  return detail::Wrt<F, T>{{input}, std::move(vjp), op};
}

/// The same for several inputs, wrt(std::tie(b, c), vjp), whose gradients one pass gives together:
/// vjp returns a tuple of them.
template <class... X, class F>
auto wrt(std::tuple<X&...> inputs, F vjp, const char* op = __builtin_FUNCTION()) {
  return std::apply(
      [&]<class... T>(const Tensor<T>&... xs) {
        return detail::Wrt<F, T...>{{xs...}, std::move(vjp), op};
      },
      inputs);
}

/// The same for a list of inputs: vjp returns a list of their gradients.
template <element T, class F>
auto wrt(const std::vector<Tensor<T>>& inputs, F vjp, const char* op = __builtin_FUNCTION()) {
  return detail::WrtList<F, T>{inputs, std::move(vjp), op};
}

namespace detail {

inline bool any_recorded(std::span<const AnyTensor* const> inputs) {
  return std::any_of(inputs.begin(), inputs.end(),
                     [](const AnyTensor* x) { return is_recorded(*x); });
}

inline void add_edge(Node& node, std::span<const AnyTensor* const> inputs,
                     std::function<Gradients(const Gradients&, const Gradients&)> vjp) {
  Edge edge{{}, std::move(vjp)};
  for (const AnyTensor* x : inputs)
    edge.inputs.push_back({is_recorded(*x) ? x->node : nullptr, x->output, x->shape});
  node.edges.push_back(std::move(edge));
}

/// Gradients or values as the vjp takes them: one tensor, or a tuple if the operation has several
/// results.
template <class... V> auto typed(const Gradients& any) {
  if constexpr (sizeof...(V) == 1) {
    return Tensor<V...>(any[0]);
  } else {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple(Tensor<V>(any[I])...);
    }
    (std::index_sequence_for<V...>{});
  }
}

template <element T> Gradients untyped(const Tensor<T>& gradient) { return {gradient}; }
template <class... T> Gradients untyped(const std::tuple<Tensor<T>...>& gradients) {
  return std::apply([](const auto&... g) { return Gradients{g...}; }, gradients);
}

template <class T> Gradients untyped(const std::vector<Tensor<T>>& gradients) {
  return {gradients.begin(), gradients.end()};
}

template <class R, class... T>
inline constexpr bool gives_gradients = std::is_same_v<std::decay_t<R>, std::tuple<Tensor<T>...>>;
template <class R, class T>
inline constexpr bool gives_gradients<R, T> =
    std::is_base_of_v<Tensor<T>, std::decay_t<R>> ||
    std::is_same_v<std::decay_t<R>, std::tuple<Tensor<T>>>;

template <class R, class W> inline constexpr bool fits = false;
template <class R, class F, class... T>
inline constexpr bool fits<R, Wrt<F, T...>> = gives_gradients<R, T...>;
template <class R, class F, class T>
inline constexpr bool fits<R, WrtList<F, T>> =
    std::is_same_v<std::decay_t<R>, std::vector<Tensor<T>>>;

template <class... V, class W> void connect(Node& node, W& w) {
  const auto inputs = inputs_of(w);
  if (!any_recorded(inputs)) return;
  using F = decltype(w.vjp);
  using G = decltype(typed<V...>(Gradients{}));
  constexpr bool wants_value = std::is_invocable_v<F&, G, G>;
  static_assert(wants_value || std::is_invocable_v<F&, G>,
                "thrustgrad: a vjp takes (g) or (g, y), where g is the gradient of the operation's "
                "result and y the result itself");
  const auto pull = [] {
    if constexpr (wants_value)
      return [](F& vjp, const Gradients& g, const Gradients& y) {
        return vjp(typed<V...>(g), typed<V...>(y));
      };
    else
      return [](F& vjp, const Gradients& g, const Gradients&) { return vjp(typed<V...>(g)); };
  }();
  static_assert(
      fits<decltype(pull(w.vjp, {}, {})), W>,
      "thrustgrad: a vjp returns a gradient of its input's element type, or a tuple (or a "
      "list) of them if it belongs to several inputs; cast<T>(gradient) converts");
  node.keeps_values |= wants_value;
  add_edge(node, inputs,
           [vjp = std::move(w.vjp), pull](const Gradients& g, const Gradients& y) mutable {
             return untyped(pull(vjp, g, y));
           });
}

/// Makes a node the origin of its values.
inline void attach(const std::shared_ptr<Node>& node, std::span<AnyTensor* const> values,
                   std::span<const GradientType* const> types) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    AnyTensor& y = *values[i];
    if (node->keeps_values) node->kept.push_back(y);
    node->values.push_back({y.shape, types[i]});
    y.output = static_cast<int>(i);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (types[i] != nullptr) values[i]->node = node;
  }
}

template <element T> constexpr const GradientType* gradient_type_of() {
  if constexpr (floating<T>)
    return &gradient_type<T>;
  else
    return nullptr;
}

}  // namespace detail

/// The values of an operation together with its vector-Jacobian products, one wrt(...) for each
/// input or group of inputs. The values lose their own history: only what is declared here counts.
/// Outside of a recording, or if no input needs a gradient, it returns them as they are.
template <class... V, class... W>
std::tuple<Tensor<V>...> differentiable(std::tuple<Tensor<V>...> values, W... wrts) {
  const auto all =
      std::apply([](auto&... y) { return std::array<AnyTensor*, sizeof...(V)>{&y...}; }, values);
  for (AnyTensor* y : all) y->node = nullptr;
  if (!detail::is_recording() || !(detail::any_recorded(detail::inputs_of(wrts)) || ...))
    return values;
  const auto node = detail::new_node(std::get<0>(std::tie(wrts...)).op);
  (detail::connect<V...>(*node, wrts), ...);
  const std::array<const detail::GradientType*, sizeof...(V)> types{
      detail::gradient_type_of<V>()...};
  detail::attach(node, all, types);
  return values;
}
template <element T, class... W> Tensor<T> differentiable(Tensor<T> value, W... wrts) {
  return std::get<0>(differentiable(std::tuple(std::move(value)), std::move(wrts)...));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
