// SPDX-License-Identifier: MIT
// Handlers made from a scalar function: the same operation for 32 lanes, as vectors of the machine
// on which this is compiled.
#pragma once
#include <utility>

#include "machine/types.h"
#include "machine/warp.h"

namespace vgpu {

/// A loop over all lanes that may become vectors: no lane reads what another one writes.
template <class Body> inline void every_lane(const Body& body) {
#if !defined(__clang__)  // which tests at run time whether registers overlap
#pragma GCC ivdep
#endif
  for (int i = 0; i < lanes; ++i) body(i);
}

/// Writes the lanes of a mask. With all lanes it is a plain loop of 32, which compilers turn into a
/// few vector operations; else old values are blended in.
template <class D, class Value> inline void write_lanes(D* d, Mask mask, const Value& value) {
  if (mask == all_lanes) {
    every_lane([&](int i) { d[i] = value(i); });
  } else {
    every_lane([&](int i) {
      const D x = value(i);
      d[i] = mask >> i & 1 ? x : d[i];
    });
  }
}

/// The handler that gives each lane F of its sources, one to three; the type of F says in which
/// types registers are read and written.
template <auto F> struct Lanewise;
template <class D, class... Sources, D (*F)(Sources...)> struct Lanewise<F> {
  static void write(D* d, Mask mask, const Sources*... from) {
    write_lanes(d, mask, [=](int i) { return F(from[i]...); });
  }
  static void run(Warp& w, const Instruction& in, Mask mask) {
    const Place places[] = {in.a, in.b, in.c};
    [&]<std::size_t... k>(std::index_sequence<k...>) {
      write(w.reg<D>(in.d), mask, w.source<Sources>(places[k])...);
    }
    (std::index_sequence_for<Sources...>{});
  }
};
/// F may be a handler already.
template <auto F> constexpr Handler choose_lanewise() {
  if constexpr (std::is_same_v<decltype(F), Handler>)
    return F;
  else
    return Lanewise<F>::run;
}
template <auto F> constexpr Handler lanewise = choose_lanewise<F>();

}  // namespace vgpu
