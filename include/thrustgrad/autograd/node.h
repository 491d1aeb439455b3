// SPDX-License-Identifier: MIT
// The recorded graph. An operation and its vector-Jacobian products stand in one function:
//
//   return differentiable(value, wrt(a, vjp), wrt(std::tie(b, c), vjp));
//
// A node is what one call of differentiable recorded. Nodes carry serial numbers, and creation
// order is a topological order, so the backward pass (autograd/grad.h) needs no search. Nodes exist
// only inside value_and_grad and its siblings. Layer autograd.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "thrustgrad/core/create.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// a + b: how the gradients of a value that is used twice come together. The one upward reference
/// of this layer, defined in ops/pointwise.h: a sum of gradients is differentiable itself.
template <floating T>
Tensor<T> add_gradients(const Tensor<T>& a, const Tensor<T>& b);

namespace detail {

/// What the backward pass must know of an element type that it does not see.
struct GradientType {
  AnyTensor (*add)(const AnyTensor&, const AnyTensor&);
  AnyTensor (*zeros)(const Shape&);
};
template <floating T>
inline constexpr GradientType gradient_type{
    [](const AnyTensor& a, const AnyTensor& b) -> AnyTensor {
      return add_gradients(Tensor<T>(a), Tensor<T>(b));
    },
    [](const Shape& shape) -> AnyTensor { return zeros<T>(shape); }};

using Gradients = std::vector<AnyTensor>;  // one for each value or input; absent means zero

/// The input of an operation: the value of the node that made it.
struct Input {
  std::shared_ptr<Node> node;  // null if no gradient is wanted
  int output;
  Shape shape;
};

struct Edge {
  std::vector<Input> inputs;
  std::function<Gradients(const Gradients& g, const Gradients& y)> vjp;
};

struct Value {
  Shape shape;
  const GradientType* type;
};

}  // namespace detail

/// What one operation recorded: where its gradients go, and how they are computed.
struct Node {
  std::uint64_t serial = 0;
  const char* op = "leaf";
  bool open = true;                     // false when the recording has ended: a constant from then on
  std::vector<detail::Value> values;    // what the operation returned
  std::vector<AnyTensor> kept;          // the values themselves, without history ...
  bool keeps_values = false;            // ... if a vjp wants them
  std::vector<detail::Edge> edges;
  Node *previous = nullptr, *next = nullptr;  // the recording's list of open nodes

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node() { unlink(); }

  void unlink() {
    if (previous != nullptr) previous->next = next;
    if (next != nullptr) next->previous = previous;
    previous = next = nullptr;
  }
};

namespace detail {

/// Nodes are deleted one after the other: the last owner of a node is often the closure of the next
/// one, and a chain of a million must not become a recursion of that depth.
inline void bury(Node* node) {
  static thread_local std::vector<Node*>* graveyard = nullptr;
  if (graveyard != nullptr) return graveyard->push_back(node);
  std::vector<Node*> waiting{node};
  graveyard = &waiting;
  while (!waiting.empty()) {
    Node* const last = waiting.back();
    waiting.pop_back();
    delete last;
  }
  graveyard = nullptr;
}

/// All nodes made since the outermost level of a recording began.
struct Recording {
  Node nodes;  // head of the list
};
inline thread_local Recording* recording = nullptr;

inline bool is_recording() { return recording != nullptr; }

/// Whether a gradient with respect to x is wanted.
inline bool is_recorded(const AnyTensor& x) {
  return is_recording() && x.node != nullptr && x.node->open;
}

inline std::shared_ptr<Node> new_node(const char* op) {
  static std::atomic<std::uint64_t> count{0};
  const std::shared_ptr<Node> node(new Node, bury);
  node->serial = ++count;
  node->op = op;
  Node& head = recording->nodes;
  node->previous = &head;
  node->next = head.next;
  if (node->next != nullptr) node->next->previous = node.get();
  head.next = node.get();
  return node;
}

/// One level of recording. When the outermost ends, by a return or an exception, every node drops
/// its edges, so that nothing that escaped keeps the step's memory alive.
class RecordingScope {
 public:
  RecordingScope() : outermost_(recording == nullptr) {
    if (outermost_) recording = &own_;
  }
  ~RecordingScope() {
    if (!outermost_) return;
    recording = nullptr;
    while (Node* const node = own_.nodes.next) {
      node->open = false;
      node->unlink();
      const auto edges = std::move(node->edges);  // may be the last owners of other nodes
      const auto kept = std::move(node->kept);
    }
  }
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;
  bool outermost() const { return outermost_; }

 private:
  Recording own_;
  const bool outermost_;
};

/// While one is alive nothing is recorded: in the outermost backward pass, for instance.
class PauseRecording {
 public:
  PauseRecording() : paused_(std::exchange(recording, nullptr)) {}
  ~PauseRecording() { recording = paused_; }
  PauseRecording(const PauseRecording&) = delete;
  PauseRecording& operator=(const PauseRecording&) = delete;

 private:
  Recording* const paused_;
};

/// The inputs of one vjp.
template <class F, class... T>
struct Wrt {
  std::tuple<const Tensor<T>&...> inputs;
  F vjp;
  const char* op;
};

/// The same for a list of inputs, as long as it happens to be.
template <class F, class T>
struct WrtList {
  const std::vector<Tensor<T>>& inputs;
  F vjp;
  const char* op;
};

template <class F, class... T>
std::array<const AnyTensor*, sizeof...(T)> inputs_of(const Wrt<F, T...>& w) {
  return std::apply([](const auto&... x) { return std::array<const AnyTensor*, sizeof...(T)>{&x...}; }, w.inputs);
}
template <class F, class T>
std::vector<const AnyTensor*> inputs_of(const WrtList<F, T>& w) {
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
  return std::any_of(inputs.begin(), inputs.end(), [](const AnyTensor* x) { return is_recorded(*x); });
}

inline void add_edge(Node& node, std::span<const AnyTensor* const> inputs,
                     std::function<Gradients(const Gradients&, const Gradients&)> vjp) {
  Edge edge{{}, std::move(vjp)};
  for (const AnyTensor* x : inputs) edge.inputs.push_back({is_recorded(*x) ? x->node : nullptr, x->output, x->shape});
  node.edges.push_back(std::move(edge));
}

/// Gradients or values as the vjp takes them: one tensor, or a tuple if the operation has several
/// results.
template <class... V>
auto typed(const Gradients& any) {
  if constexpr (sizeof...(V) == 1) {
    return Tensor<V...>(any[0]);
  } else {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple(Tensor<V>(any[I])...);
    }(std::index_sequence_for<V...>{});
  }
}

template <element T>
Gradients untyped(const Tensor<T>& gradient) { return {gradient}; }
template <class... T>
Gradients untyped(const std::tuple<Tensor<T>...>& gradients) {
  return std::apply([](const auto&... g) { return Gradients{g...}; }, gradients);
}

template <class T>
Gradients untyped(const std::vector<Tensor<T>>& gradients) { return {gradients.begin(), gradients.end()}; }

template <class R, class... T>
inline constexpr bool gives_gradients = std::is_same_v<std::decay_t<R>, std::tuple<Tensor<T>...>>;
template <class R, class T>
inline constexpr bool gives_gradients<R, T> =
    std::is_base_of_v<Tensor<T>, std::decay_t<R>> || std::is_same_v<std::decay_t<R>, std::tuple<Tensor<T>>>;

template <class R, class W>
inline constexpr bool fits = false;
template <class R, class F, class... T>
inline constexpr bool fits<R, Wrt<F, T...>> = gives_gradients<R, T...>;
template <class R, class F, class T>
inline constexpr bool fits<R, WrtList<F, T>> = std::is_same_v<std::decay_t<R>, std::vector<Tensor<T>>>;

template <class... V, class W>
void connect(Node& node, W& w) {
  const auto inputs = inputs_of(w);
  if (!any_recorded(inputs)) return;
  using F = decltype(w.vjp);
  using G = decltype(typed<V...>(Gradients{}));
  constexpr bool wants_value = std::is_invocable_v<F&, G, G>;
  static_assert(wants_value || std::is_invocable_v<F&, G>,
                "thrustgrad: a vjp takes (g) or (g, y), where g is the gradient of the operation's "
                "result and y the result itself");
  const auto pull = [] {
    if constexpr (wants_value) return [](F& vjp, const Gradients& g, const Gradients& y) { return vjp(typed<V...>(g), typed<V...>(y)); };
    else return [](F& vjp, const Gradients& g, const Gradients&) { return vjp(typed<V...>(g)); };
  }();
  static_assert(fits<decltype(pull(w.vjp, {}, {})), W>,
                "thrustgrad: a vjp returns a gradient of its input's element type, or a tuple (or a "
                "list) of them if it belongs to several inputs; cast<T>(gradient) converts");
  node.keeps_values |= wants_value;
  add_edge(node, inputs, [vjp = std::move(w.vjp), pull](const Gradients& g, const Gradients& y) mutable {
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

template <element T>
constexpr const GradientType* gradient_type_of() {
  if constexpr (floating<T>) return &gradient_type<T>;
  else return nullptr;
}

}  // namespace detail

/// The values of an operation together with its vector-Jacobian products, one wrt(...) for each
/// input or group of inputs. The values lose their own history: only what is declared here counts.
/// Outside of a recording, or if no input needs a gradient, it returns them as they are.
template <class... V, class... W>
std::tuple<Tensor<V>...> differentiable(std::tuple<Tensor<V>...> values, W... wrts) {
  const auto all = std::apply([](auto&... y) { return std::array<AnyTensor*, sizeof...(V)>{&y...}; }, values);
  for (AnyTensor* y : all) y->node = nullptr;
  if (!detail::is_recording() || !(detail::any_recorded(detail::inputs_of(wrts)) || ...)) return values;
  const auto node = detail::new_node(std::get<0>(std::tie(wrts...)).op);
  (detail::connect<V...>(*node, wrts), ...);
  constexpr std::array<const detail::GradientType*, sizeof...(V)> types{detail::gradient_type_of<V>()...};
  detail::attach(node, all, types);
  return values;
}
template <element T, class... W>
Tensor<T> differentiable(Tensor<T> value, W... wrts) {
  return std::get<0>(differentiable(std::tuple(std::move(value)), std::move(wrts)...));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
