// SPDX-License-Identifier: MIT
// The kernel of all reductions: a block combines `width` results at once with `lanes` threads each,
// every thread a strided part of a chunk, and then the lanes in a fixed tree. Which thread reads
// what follows from the sizes alone, so results are the same on every device.
#pragma once
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/system/cuda/index.cuh"
#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail {

struct ReducePlan {
  Axes kept, reduced;
  index_t results, length;  // positions of kept and of reduced
  index_t chunk, chunks;    // of the reduced positions: a block's share, and their number
  int width, lanes;         // powers of two; their product is the number of threads
  bool lanes_first;         // neighbouring threads are lanes of one result, else results
};

/// A monoid over states that another reduction left: they are combined as they are.
template <class M> struct combined_monoid {
  M monoid;
  using State = decltype(monoid.identity());
  THRUSTGRAD_FN State identity() const { return monoid.identity(); }
  THRUSTGRAD_FN State lift(State s, index_t) const { return s; }
  THRUSTGRAD_FN State combine(State a, State b) const { return monoid.combine(a, b); }
  THRUSTGRAD_FN auto finish(State s) const { return monoid.finish(s); }
};

template <class T> __device__ auto computed(const T& x) {
  if constexpr (element<T>)
    return static_cast<compute_t<T>>(x);
  else
    return x;  // a state
}

/// y[k] = finish(...) if there is one chunk, else states[k][chunk].
template <class M, class T, class Y, class State>
__global__ void __launch_bounds__(threads)
    reduce_kernel(const M m, const __grid_constant__ ReducePlan plan, const T* x, Y* y,
                  State* states) {
  // Raw bytes: a state need not be default-constructible in shared memory.
  __shared__ alignas(State) unsigned char room[threads * sizeof(State)];
  State* const shared = reinterpret_cast<State*>(room);
  const int t = static_cast<int>(threadIdx.x);
  const int lane = plan.lanes_first ? t & (plan.lanes - 1) : t / plan.width;
  const int column = plan.lanes_first ? t / plan.lanes : t & (plan.width - 1);
  const auto chunks = static_cast<unsigned>(plan.chunks);
  const unsigned tile = blockIdx.x / chunks, part = blockIdx.x - tile * chunks;
  const index_t k = index_t{tile} * plan.width + column;
  const index_t begin = part * plan.chunk;
  const index_t end = begin + plan.chunk < plan.length ? begin + plan.chunk : plan.length;

  State state = m.identity();
  if (k < plan.results) {
    const T* const from = x + plan.kept.offset(k);
    const auto add = [&](index_t i, index_t offset) {
      state = m.combine(state, m.lift(computed(from[offset]), i));
    };
    if (plan.reduced.rank == 1) {  // several loads are on their way at once
      const index_t step = plan.reduced.strides[0];
#pragma unroll 4
      for (index_t i = begin + lane; i < end; i += plan.lanes) add(i, i * step);
    } else {  // each offset is a few divisions
#pragma unroll 1
      for (index_t i = begin + lane; i < end; i += plan.lanes) add(i, plan.reduced.offset(i));
    }
  }
  shared[lane * plan.width + column] = state;
  for (int n = plan.lanes / 2; n > 0; n /= 2) {
    __syncthreads();
    if (lane < n) {
      state = m.combine(state, shared[(lane + n) * plan.width + column]);
      shared[lane * plan.width + column] = state;
    }
  }
  if (lane != 0 || k >= plan.results) return;
  if (plan.chunks == 1)
    y[k] = static_cast<Y>(m.finish(state));
  else
    states[k * plan.chunks + part] = state;
}

template <class M, class T, class Y, class State>
void launch_reduce(const M& m, const ReducePlan& plan, const T* x, Y* y, State* states) {
  const index_t tiles = (plan.results + plan.width - 1) / plan.width;
  reduce_kernel<<<static_cast<unsigned>(tiles * plan.chunks), threads, 0, stream()>>>(m, plan, x, y,
                                                                                      states);
  check_launch();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device::detail
