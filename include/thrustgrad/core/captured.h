// SPDX-License-Identifier: MIT
// A captured step: what a function asks of the device is recorded once and from then on replayed as
// one piece, which spares the host the way through the library at every step. On the host system a
// captured step is the function itself. Layer core.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <variant>

#include "thrustgrad/core/parameter.h"
#include "thrustgrad/core/reflect.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

namespace detail {

/// use(x) for every tensor x in what a step returned.
template <class R, class F> void for_each_tensor(R& result, const F& use) {
  using T = std::remove_const_t<R>;
  const auto each = [&](auto&... parts) { (for_each_tensor(parts, use), ...); };
  if constexpr (std::is_base_of_v<AnyTensor, T>) {
    use(result);
  } else if constexpr (std::is_arithmetic_v<T> || element<T> || std::is_enum_v<T> ||
                       std::is_same_v<T, std::string>) {
    // A value of the host, which stays as it was when the step was recorded.
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    std::apply(each, result);
  } else if constexpr (requires { result.begin() != result.end(); }) {
    for (auto& part : result) for_each_tensor(part, use);
  } else if constexpr (requires { *result, result.has_value(); }) {
    if (result.has_value()) for_each_tensor(*result, use);
  } else {
    static_assert(lists_fields<T> || (std::is_class_v<T> && std::is_aggregate_v<T>),
                  "thrustgrad: a captured step returns tensors, numbers, or tuples, pairs, lists, "
                  "optionals and structs of these");
    std::apply(each, field_references(result));
  }
}

}  // namespace detail

/// What captured() returns: the step, to be called as often as wanted.
template <class F, class Graph = device::Graph> class Captured {
 public:
  using Result = std::remove_cvref_t<std::invoke_result_t<F&>>;

  explicit Captured(F step) : step_(std::move(step)) {}

  /// Does the step once more. The results of earlier replays become stale, since this one
  /// overwrites them: take a copy() of what is needed longer.
  /// Throws what the step throws; a step that failed while it was recorded has changed nothing on
  /// the device, and the next call tries again.
  Result operator()() {
    require(!detail::is_recording(), "captured",
            "called inside value_and_grad; a captured step takes its gradients within itself");
    if constexpr (Graph::replays) {
      if (detail::capture == nullptr) return static_cast<Result>(replay());
    }  // else it becomes a part of the step around it
    return static_cast<Result>(call());
  }

 private:
  using Kept = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

  /// Ends in reverse order: the graph before the memory that it works on.
  struct Recorded {
    detail::Capture memory;
    std::optional<Kept> results;
    Graph graph;
  };

  Kept call() {
    if constexpr (std::is_void_v<Result>)
      return step_(), Kept();
    else
      return step_();
  }

  Kept replay() {
    if (!warm_) {  // makes what is made at first use: kernels are loaded, tables are filled
      Kept first = call();
      warm_ = true;
      return first;
    }
    if (recorded_ == nullptr)
      record();
    else
      recorded_->memory.mark_written();
    recorded_->graph.launch();
    return *recorded_->results;
  }

  void record() {
    auto recorded = std::make_unique<Recorded>();
    const auto step = [&] {
      const detail::CaptureScope scope(recorded->memory);
      recorded->results.emplace(call());
    };
    try {
      recorded->graph.record(step);
    } catch (...) {
      recorded->memory.mark_written();  // what got out of the step was never computed
      throw;
    }
    // As an owner would, the results kept here see every replay, and copies of them are of one.
    detail::for_each_tensor(*recorded->results, [](AnyTensor& x) {
      if (x.defined() && x.is_current()) x.version = AnyTensor::newest;
    });
    recorded_ = std::move(recorded);
  }

  F step_;
  bool warm_ = false;
  std::unique_ptr<Recorded> recorded_;
};

/// A step that the device repeats by itself. The first call runs it as it stands; the second
/// records it, and all later ones launch the recording, a single call of the driver:
///
///   auto train = tg::captured([&] {
///     const auto batch = tg::training_batch<float>(batches, step.value);
///     const auto loss_of = [&](const Network& m) {
///       return tg::mean(tg::softmax_cross_entropy(m(batch.images), batch.labels));
///     };
///     const auto [loss, gradient] = tg::value_and_grad(loss_of, model);
///     sgd.step(model, gradient, schedule(step.value));
///     tg::advance(step);
///     return loss;
///   });
///   for (int i = 0; i < steps; ++i) {
///     const tg::Tensor<float> loss = train();
///     if (i % 100 == 0) std::printf("%g\n", loss.item());
///   }
///
/// What changes from step to step lives on the device and is changed by the step: parameters,
/// buffers, a Step and what is computed from it. Everything of the host is frozen when the step is
/// recorded: numbers, branches, how often a loop runs, shapes, which tensors it reads, and what it
/// does besides, printing or counting, happens no more. Within the step nothing is read back. Calls
/// of the step itself between replays do the same work and see the same state.
///
/// The results, a Tensor or a tuple, pair, list or struct of tensors, lie at the same place after
/// every replay; a Parameter in them is copied. A recorded step keeps alive what it reads and
/// writes, its model included. While it is recorded no other thread may use the library.
template <class F> Captured<std::decay_t<F>> captured(F&& step) {
  return Captured<std::decay_t<F>>(std::forward<F>(step));
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
