// SPDX-License-Identifier: MIT
// Reductions: every element once, with its position, for results of all numbers and lengths that
// lie along either axis, in one chunk and in several.
#include "thrustgrad/system/system.h"

#include "system/arrays.h"

namespace {
namespace primitive_reduce_test {

using namespace primitives;

/// A number that changes if an element or its position does, or if one is left out or taken twice.
struct fingerprint_fn {
  struct State {
    std::uint64_t number, sum, placed;
  };
  THRUSTGRAD_FN State identity() const { return {0, 0, 0}; }
  THRUSTGRAD_FN State lift(std::int32_t x, index_t position) const {
    const auto value = static_cast<std::uint64_t>(x + 100);
    return {1, value, value * static_cast<std::uint64_t>(position + 1)};
  }
  THRUSTGRAD_FN State combine(State a, State b) const {
    return {a.number + b.number, a.sum + b.sum, a.placed + b.placed};
  }
  THRUSTGRAD_FN index_t finish(State s) const {
    return static_cast<index_t>(3 + s.number + s.sum * 1000003 + s.placed * 1000000000039);
  }
};

/// The position of the largest element, the first of several.
struct argmax_fn {
  struct State {
    float value;
    index_t position;
  };
  THRUSTGRAD_FN State identity() const { return {-1e9f, -1}; }
  THRUSTGRAD_FN State lift(float x, index_t position) const { return {x, position}; }
  THRUSTGRAD_FN State combine(State a, State b) const {
    return b.value > a.value || (b.value == a.value && b.position < a.position) ? b : a;
  }
  THRUSTGRAD_FN index_t finish(State s) const { return s.position; }
};

/// Twice a sum, so that finish is seen to be called once.
struct sum_fn {
  THRUSTGRAD_FN float identity() const { return 0; }
  THRUSTGRAD_FN float lift(float x, index_t) const { return x; }
  THRUSTGRAD_FN float combine(float a, float b) const { return a + b; }
  THRUSTGRAD_FN float finish(float s) const { return 2 * s; }
};

/// Few numbers for few elements, so that many are equal; else many.
template <class T> int range_for(std::size_t n) {
  return std::same_as<T, float> && n > 50 ? 100000 : 3;
}

template <class M, class T, class Y>
void check_reduction(const device::Reduction& r, index_t shift = 0, bool zeros = false) {
  CAPTURE(r.kept);
  CAPTURE(r.reduced);
  const auto kept = offsets(r.kept, r.kept_strides),
             reduced = offsets(r.reduced, r.reduced_strides);
  View<T> x({kept, reduced}, 6, 0, zeros ? 0 : range_for<T>(reduced.size()));
  Array<Y> y(r.kept.numel(), shift);
  const M m{};
  device::reduce(m, r, static_cast<const T*>(x.data()), y.data(), tg::Scratch{});
  std::vector<Y> expected;
  for (index_t base : kept) {
    auto state = m.identity();
    for (std::size_t i = 0; i < reduced.size(); ++i) {
      const tg::compute_t<T> element = x.at(base + reduced[i]);
      state = m.combine(state, m.lift(element, static_cast<index_t>(i)));
    }
    expected.push_back(static_cast<Y>(m.finish(state)));
  }
  CHECK(y.now() == expected);
}

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_CUDA

/// The kernel that combines states is the same one, so it knows views as well.
template <class M, class T, class Y>
void check_states(const device::Reduction& r, bool zeros = false) {
  CAPTURE(r.kept);
  CAPTURE(r.reduced);
  if (r.kept.numel() == 0 || r.reduced.numel() == 0) return;
  const M m{};
  using State = decltype(m.identity());
  const auto kept = offsets(r.kept, r.kept_strides),
             reduced = offsets(r.reduced, r.reduced_strides);
  View<T> x({kept, reduced}, 6, 0, zeros ? 0 : range_for<T>(reduced.size()));
  std::vector<State> states;
  for (const T& element : x.array().before())
    states.push_back(m.lift(static_cast<tg::compute_t<T>>(element), std::ssize(states)));
  const device::detail::ReducePlan plan = device::detail::plan_reduce(r);
  std::vector<State> parts(static_cast<std::size_t>(plan.results * plan.chunks));
  tg::Scratch scratch;
  const auto on_device = [&](std::vector<State>& of) {
    auto* const to = static_cast<State*>(scratch(of.size() * sizeof(State)));
    device::copy(to, of.data(), of.size() * sizeof(State));
    return to;
  };
  const State *const from = on_device(states), *const first = from - x.first();
  State* const to = on_device(parts);
  Array<Y> y(plan.results);
  device::detail::launch_reduce(device::detail::combined_monoid<M>{m}, plan, first, y.data(), to);
  device::copy(parts.data(), to, parts.size() * sizeof(State));
  auto results = y.now();
  std::vector<Y> expected;
  for (std::size_t k = 0; k < kept.size(); ++k) {
    auto state = m.identity(), in_parts = m.identity();
    for (index_t offset : reduced)
      state = m.combine(state, states[static_cast<std::size_t>(kept[k] + offset - x.first())]);
    expected.push_back(static_cast<Y>(m.finish(state)));
    const auto chunks = static_cast<std::size_t>(plan.chunks);
    for (std::size_t c = 0; c < chunks; ++c) in_parts = m.combine(in_parts, parts[k * chunks + c]);
    if (chunks > 1) results[k] = static_cast<Y>(m.finish(in_parts));
  }
  CHECK(results == expected);
}

#else
template <class M, class T, class Y> void check_states(const device::Reduction&, bool = false) {}
#endif

void check_reductions(const device::Reduction& r) {
  check_reduction<fingerprint_fn, std::int32_t, index_t>(r);
  check_reduction<argmax_fn, float, index_t>(r, 1);
  check_reduction<sum_fn, tg::bf16, float>(r, 3);
  check_states<fingerprint_fn, std::int32_t, index_t>(r);
  check_states<argmax_fn, float, index_t>(r);
  check_states<sum_fn, tg::bf16, float>(r);
}

TEST_CASE("rows reduce to one number each, whatever their number and length") {
  for (index_t n : {0, 1, 2, 3, 4, 5, 8, 9, 31, 64, 65, 255, 257, 512, 1023, 1025, 2000})
    for (index_t rows : {1, 2, 5}) check_reductions({{rows}, {n}, {n}, {1}});
  for (index_t rows : {31, 256, 300, 513}) {
    check_reductions({{rows}, {1}, {1}, {1}});
    check_reductions({{rows}, {5}, {5}, {1}});
    check_reductions({{rows}, {18}, {17}, {-1}});
  }
}

TEST_CASE("columns reduce to one number each, whatever their number and length") {
  for (index_t columns : {2, 3, 16, 17, 32, 33, 70})
    for (index_t n : {0, 1, 2, 7, 9, 31, 100}) check_reductions({{columns}, {1}, {n}, {columns}});
}

TEST_CASE("long reductions are done in chunks, of which none is lost") {
  for (index_t n : {4096, 4097, 8192, 10001, 40000}) check_reductions({{1}, {n}, {n}, {1}});
  for (index_t n : {50000, 65536}) check_reductions({{}, {}, {n}, {1}});
  check_reductions({{32}, {1}, {2100}, {32}});
  for (index_t stride : {-3, -2, 1, 2, 3, 5, 7}) {  // the maximum stands elsewhere in each
    for (index_t n : {250, 3000, 9000}) {
      check_reduction<argmax_fn, float, index_t>({{}, {}, {n}, {stride}});
      check_states<argmax_fn, float, index_t>({{}, {}, {n}, {stride}});
    }
  }
  check_reductions({{2}, {5000}, {5000}, {-1}});
  check_reductions({{3}, {1}, {2500}, {3}});
  for (index_t n : {127, 128, 129, 255, 257, 1000}) check_reductions({{40}, {1}, {n}, {40}});
}

TEST_CASE("a reduction reads views of any axes and strides") {
  check_reductions({{}, {}, {4, 7}, {35, 1}});
  check_reductions({{3, 5}, {140, 7}, {4, 7}, {35, 1}});     // over axes 1 and 3
  check_reductions({{4, 7}, {35, 1}, {3, 5}, {140, 7}});     // over axes 0 and 2
  check_reductions({{4, 7}, {-35, -1}, {3, 5}, {-140, 7}});  // flipped
  check_reductions({{2, 3, 2, 2}, {24, 8, 4, 1}, {2, 2, 3, 2}, {2, 50, -99, 300}});
  check_reductions({{2, 1, 2, 1, 2, 1, 3, 2}, {1, 9, 2, 9, 4, 9, 8, 24}, {6}, {48}});
  check_reductions({{3, 4}, {0, 2}, {5, 3}, {1, 0}});  // broadcast
  check_reductions({{5}, {0}, {2, 2, 2, 3, 2, 2, 2, 2}, {1, 2, 4, 8, 24, 48, 96, 192}});
  const Shape twos = Shape::repeat(8, 2), powers{1, 2, 4, 8, 16, 32, 64, 128};
  check_reductions({{3}, {256}, twos, powers});
  check_reductions({{3}, {384}, {2, 2, 2, 3, 2, 2, 2, 2}, {1, 2, 4, 8, 24, 48, 96, 192}});
  check_reductions({{3}, {192}, {2, 3, 2, 2, 2, 2, 2}, {1, 2, -6, 12, 24, 48, 96}});
  check_reductions({{3}, {96}, {2, 2, 2, 2, 2, 3}, {1, 6, 12, -24, 48, 2}});
  check_reductions({{3}, {0}, {2, 2, 2, 3, 2}, {100, -10, 20, 1, 50}});
  check_reductions({twos, powers, {2}, {256}});
  check_reductions({{2, 2, 2, 2, 3}, {100, -10, 20, 1, 50}, {6}, {7}});
  check_reductions({{2}, {1}, {5, 61, 83}, {-1, 830, -10}});  // and in chunks
  check_reductions({{2, 20}, {4000, 1}, {10, 19}, {20, 200}});
}

TEST_CASE("a sum of zeros is zero") {
  for (const device::Reduction& r : {device::Reduction{{1}, {1}, {6}, {1}},
                                     {{3}, {6}, {2, 3}, {9, -2}},
                                     {{1}, {1}, {9000}, {1}},
                                     {{40}, {1}, {300}, {40}}}) {
    check_reduction<sum_fn, tg::bf16, float>(r, 0, true);
    check_states<sum_fn, tg::bf16, float>(r, true);
  }
}

TEST_CASE("without results nothing happens") {
  check_reductions({{0}, {4}, {4}, {1}});
  check_reductions({{3, 0}, {4, 4}, {4}, {1}});
}

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_CUDA
TEST_CASE("a number without axes reduces to itself") { check_reductions({{}, {}, {}, {}}); }
#endif

}  // namespace primitive_reduce_test
}  // namespace
