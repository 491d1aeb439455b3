// SPDX-License-Identifier: MIT
// Gradients of functions of a model: value_and_grad, grad and vjp. Recording happens only inside
// them, so there are no flags on tensors and nothing to clear; nesting them gives higher
// derivatives. Layer autograd.
#pragma once
#include <functional>
#include <map>
#include <utility>

#include "thrustgrad/autograd/model.h"
#include "thrustgrad/autograd/node.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// A node's gradients on their way back, one for each of its values.
struct Pending {
  std::shared_ptr<Node> node;
  Gradients gradients;
};
using PendingNodes = std::map<std::uint64_t, Pending, std::greater<>>;  // newest first

/// While one is alive, the parameters of a model are leaves of the graph. It is attached to the
/// caller's model, which is not copied. A parameter that an enclosing recording knows becomes an
/// identity of that one, so that the outer derivative passes through.
class Leaves {
 public:
  template <class Model, class Trained>
  Leaves(const Model& model, const Trained& trained)
      : Leaves() {  // so that ~Leaves runs if `trained` throws
    visit_parameters(
        [&](const auto& name, const auto& parameter) {
          if (!parameter.defined() || !trained(name)) return;
          attach(parameter);
        },
        model);
  }
  ~Leaves() {
    for (const Leaf& leaf : leaves_) {
      leaf.tensor->node = leaf.outer;
      leaf.tensor->output = leaf.output;
    }
  }
  Leaves(const Leaves&) = delete;
  Leaves& operator=(const Leaves&) = delete;

  /// The serial number of x's leaf if it is the leaf at `next`, which moves on; else 0.
  std::uint64_t serial_of(const AnyTensor& x, std::size_t& next) const {
    if (next == leaves_.size() || leaves_[next].tensor != &x) return 0;
    return leaves_[next++].serial;
  }
  bool empty() const { return leaves_.empty(); }
  std::uint64_t first() const { return leaves_.front().serial; }
  std::uint64_t last() const { return leaves_.back().serial; }

 private:
  Leaves() = default;

  struct Leaf {
    const AnyTensor* tensor;
    std::shared_ptr<Node> outer;
    int output;
    std::uint64_t serial;
  };

  template <class T> void attach(const Tensor<T>& x) {
    const std::shared_ptr<Node> node = new_node("leaf");
    node->values.push_back({x.shape, &gradient_type<T>});
    if (is_recorded(x)) {
      node->edges.push_back({{Input{x.node, x.output, x.shape}},
                             [](const Gradients& g, const Gradients&) { return g; }});
    }
    leaves_.push_back({&x, std::exchange(x.node, node), std::exchange(x.output, 0), node->serial});
  }

  std::vector<Leaf> leaves_;
};

/// Adds a gradient to what is pending for one value of a node.
inline void accumulate(PendingNodes& pending, const std::shared_ptr<Node>& node, int output,
                       const AnyTensor& gradient) {
  Pending& entry = pending[node->serial];
  if (entry.node == nullptr) {
    entry.node = node;
    entry.gradients.resize(node->values.size());
  }
  const auto at = static_cast<std::size_t>(output);
  AnyTensor& sum = entry.gradients[at];
  sum = sum.defined() ? node->values[at].type->add(sum, gradient) : gradient;
}

/// Runs the vector-Jacobian products of one node.
inline void pull_back(PendingNodes& pending, Pending entry, std::uint64_t first, bool release) {
  Node& node = *entry.node;
  const OpScope scope(node.op);
  for (std::size_t i = 0; i < entry.gradients.size(); ++i) {
    AnyTensor& g = entry.gradients[i];
    if (!g.defined() && node.values[i].type != nullptr)
      g = node.values[i].type->zeros(node.values[i].shape);
  }
  Gradients values = node.kept;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i].node = entry.node;
    values[i].output = static_cast<int>(i);
  }
  for (const Edge& edge : node.edges) {
    const Gradients gradients = edge.vjp(entry.gradients, values);
    require(gradients.size() == edge.inputs.size(), node.op, "its vjp returned ", gradients.size(),
            " gradients for ", edge.inputs.size(), " inputs");
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Input& input = edge.inputs[i];
      if (!gradients[i].defined()) continue;
      require(gradients[i].shape == input.shape, node.op, "its vjp returned a gradient of shape ",
              gradients[i].shape, " for an input of shape ", input.shape,
              "; a broadcast input needs sum_to(gradient, input.shape)");
      if (input.node == nullptr || input.node->serial < first) continue;
      accumulate(pending, input.node, input.output, gradients[i]);
    }
  }
  if (release) {  // nobody will come this way again
    node.edges.clear();
    node.kept.clear();
  }
}

/// Pulls gradients back until only leaves are pending. Nodes older than the leaves cannot depend on
/// them and are left alone.
inline void backward(PendingNodes& pending, const Leaves& leaves, bool release) {
  while (!pending.empty() && pending.begin()->first > leaves.last()) {
    auto newest = pending.extract(pending.begin());
    pull_back(pending, std::move(newest.mapped()), leaves.first(), release);
  }
}

/// Moves what is pending for the leaves into the parameters of a skeleton.
template <class Model, class Gradient>
void collect(PendingNodes& pending, const Leaves& leaves, const Model& model, Gradient& gradient) {
  if (leaves.empty()) return;
  std::size_t next = 0;
  visit_parameters(
      [&]<class G, class P>(G& g, const P& parameter) {
        const auto found = pending.find(leaves.serial_of(parameter, next));
        if (found == pending.end()) return;
        AnyTensor value = std::move(found->second.gradients.front());
        pending.erase(found);
        const std::shared_ptr<Node> node = is_recorded(value) ? value.node : nullptr;
        const int output = value.output;
        g = G(Tensor<typename P::value_type>(std::move(value)));
        g.node = node;  // an enclosing recording differentiates through it
        g.output = output;
      },
      gradient, model);
}

template <class T> struct is_pair : std::false_type {};
template <class A, class B> struct is_pair<std::pair<A, B>> : std::true_type {};

/// f of a model; the elements of a tuple are given one by one.
template <class F, class Model> auto call(const F& f, const Model& model) {
  if constexpr (is_tuple<Model> && !is_pair<Model>::value)
    return std::apply(f, model);
  else
    return f(model);
}

/// The same value without any history, wherever it holds tensors.
template <class T> T detached(T value) {
  if constexpr (std::is_base_of_v<AnyTensor, T>) {
    value.node = nullptr;
  } else if constexpr (is_tuple<T>) {
    std::apply([](auto&... parts) { ((parts = detached(std::move(parts))), ...); }, value);
  } else if constexpr (requires {
                         value.begin();
                         value.end();
                       } &&
                       !std::is_same_v<T, std::string>) {
    for (auto& part : value) part = detached(std::move(part));
  }
  return value;
}

struct all_trained {
  bool operator()(const auto&) const { return true; }
};

/// Seeds the backward pass with one gradient for each value, and returns the model's gradient.
template <class Model, class... V>
auto gradient_of(const Model& model, const Leaves& leaves, bool outermost,
                 const std::tuple<Tensor<V>...>& values, const std::tuple<Tensor<V>...>& seeds) {
  PendingNodes pending;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto seed = [&](const auto& value, const auto& g) {
      require(g.shape == value.shape, "vjp", "the cotangent has shape ", g.shape,
              ", the value it belongs to has shape ", value.shape);
      if (!leaves.empty() && is_recorded(value) && value.node->serial >= leaves.first()) {
        accumulate(pending, value.node, value.output, g);
      }
    };
    (seed(std::get<I>(values), std::get<I>(seeds)), ...);
  }
  (std::index_sequence_for<V...>{});
  const auto run = [&] {
    if (!leaves.empty()) backward(pending, leaves, outermost);
    auto gradient = skeleton(model);
    collect(pending, leaves, model, gradient);
    return gradient;
  };
  if (!outermost) return run();
  const PauseRecording pause_outermost;
  return run();
}

}  // namespace detail

/// The value of f(model) and its gradient, which has the model's own type: parameters hold
/// gradients (absent where the value does not depend on them), buffers and settings are empty.
/// A model is a plain struct (autograd/visit.h), a Tensor, or a std::tuple of several arguments,
/// which f receives one by one. f returns one number as a tensor, or std::pair{number, aux}; then
/// the result is the tuple {value, gradient, aux}, aux without history. With trained(name), only
/// the parameters for which it is true are differentiated.
/// Throws if the value is not one number, or if two parameters share their storage.
template <class F, class Model, class Trained = detail::all_trained>
auto value_and_grad(const F& f, const Model& model, const Trained& trained = {}) {
  check_distinct(model, "value_and_grad");
  const detail::RecordingScope scope;
  const detail::Leaves leaves(model, trained);
  auto result = detail::call(f, model);
  const auto differentiate = [&]<class T>(Tensor<T>& value) {
    static_assert(floating<T>, "thrustgrad: value_and_grad differentiates floating-point values");
    require(value.numel() == 1, "value_and_grad", "the function returned a tensor of shape ",
            value.shape, "; it must return one number, for instance mean(loss)");
    auto gradient = detail::gradient_of(model, leaves, scope.outermost(), std::tuple(value),
                                        std::tuple(ones<T>(value.shape)));
    if (scope.outermost()) value.node = nullptr;
    return gradient;
  };
  if constexpr (detail::is_pair<decltype(result)>::value) {
    auto gradient = differentiate(result.first);
    return std::tuple(std::move(result.first), std::move(gradient),
                      detail::detached(std::move(result.second)));
  } else {
    auto gradient = differentiate(result);
    return std::pair(std::move(result), std::move(gradient));
  }
}

/// The gradient alone.
template <class F, class Model, class Trained = detail::all_trained>
auto grad(const F& f, const Model& model, const Trained& trained = {}) {
  auto result = value_and_grad(f, model, trained);
  return std::move(std::get<1>(result));
}

/// The value of f(model), of any shape, and the product of a cotangent of that shape with the
/// Jacobian: the gradient of sum(value * cotangent). A tuple of values takes a tuple of cotangents.
template <class F, class Model, class Cotangent>
auto vjp(const F& f, const Model& model, const Cotangent& cotangent) {
  check_distinct(model, "vjp");
  const detail::RecordingScope scope;
  const detail::Leaves leaves(model, detail::all_trained{});
  auto value = detail::call(f, model);
  const auto as_tuple = [](const auto& x) {
    if constexpr (std::is_base_of_v<AnyTensor, std::decay_t<decltype(x)>>)
      return std::tuple(Tensor(x));
    else
      return x;
  };
  auto gradient =
      detail::gradient_of(model, leaves, scope.outermost(), as_tuple(value), as_tuple(cotangent));
  if (scope.outermost()) value = detail::detached(std::move(value));
  return std::pair(std::move(value), std::move(gradient));
}

/// x as a constant: no gradient passes through.
template <element T> Tensor<T> stop_gradient(Tensor<T> x) {
  x.node = nullptr;
  return x;
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
