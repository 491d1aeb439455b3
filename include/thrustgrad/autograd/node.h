// SPDX-License-Identifier: MIT
// The recorded graph. A node is what one operation recorded (autograd/differentiable.h): its
// values, and edges to the nodes of its inputs. Nodes carry serial numbers, and creation order is a
// topological order, so the backward pass (autograd/grad.h) needs no search. Nodes exist only
// inside value_and_grad and its siblings. Layer autograd.
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
template <floating T> Tensor<T> add_gradients(const Tensor<T>& a, const Tensor<T>& b);

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
  bool open = true;                   // false when the recording has ended: a constant from then on
  std::vector<detail::Value> values;  // what the operation returned
  std::vector<AnyTensor> kept;        // the values themselves, without history ...
  bool keeps_values = false;          // ... if a vjp wants them
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

}  // namespace detail
}  // namespace thrustgrad::inline THRUSTGRAD_ABI
