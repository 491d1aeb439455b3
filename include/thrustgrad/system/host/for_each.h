// SPDX-License-Identifier: MIT
// Parallel loops of the host system: Thrust's for_each_n on OpenMP. The bodies are type-erased
// before they reach Thrust, so that one instantiation serves the whole program.
#pragma once
#include "thrustgrad/config.h"  // before Thrust

#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/system/omp/execution_policy.h>

#include <algorithm>

#include "thrustgrad/system/host/simd.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

struct erased_body {
  const void* body;
  void (*call)(const void*, index_t);
  void operator()(index_t i) const { call(body, i); }
};

inline void for_each_erased(index_t n, erased_body body) {
  thrust::for_each_n(thrust::omp::par, thrust::counting_iterator<index_t>(0), n, body);
}

}  // namespace detail

/// Work of fewer elements than this is done by the calling thread: to wake the others and to wait
/// for them costs more. The result is the same.
inline constexpr index_t worth_waking = 32768;

/// task(i) for every i in [0, n), spread over the threads in contiguous ranges. A task is a coarse
/// piece of work, `elements` are those of all tasks together; it must not throw.
template <class Task> void for_each_task(index_t n, index_t elements, const Task& task) {
  if (n == 1 || elements < worth_waking) {
    for (index_t i = 0; i < n; ++i) task(i);
  } else if (n > 0) {
    detail::for_each_erased(
        n, {&task, [](const void* t, index_t i) { (*static_cast<const Task*>(t))(i); }});
  }
}

/// body(i) for every i in [0, n): body is a functor marked THRUSTGRAD_FN that must not throw. What
/// one call works on, in elements, tells how many calls are worth a task.
template <class Body> void for_each(index_t n, const Body& body, index_t elements = 1) {
  const index_t chunk = std::max<index_t>(2048 / elements, 1);
  const auto loop = [&body](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) body(i);
  };
  for_each_task((n + chunk - 1) / chunk, n * elements,
                [&](index_t c) { run_simd(loop, c * chunk, std::min(n, (c + 1) * chunk)); });
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
