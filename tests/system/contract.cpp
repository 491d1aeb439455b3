// SPDX-License-Identifier: MIT
// Contractions: all orientations and types of the operands, sizes that leave parts of a tile empty,
// batches, windows of images, and depths that are cut into parts.
#include "thrustgrad/system/system.h"

#include "system/arrays.h"

namespace {
namespace primitive_contract_test {

using namespace primitives;

/// Strides of an operand.
struct Strides {
  Shape batch, own, depth;
};

template <class C, class A, class B>
void check_contraction(const device::Extents& e, const Strides& left, const Strides& right,
                       index_t shift = 0) {
  CAPTURE(e.batch);
  CAPTURE(e.m);
  CAPTURE(e.n);
  CAPTURE(e.k);
  CAPTURE(left.own);
  CAPTURE(right.own);
  const auto a_batch = offsets(e.batch, left.batch), a_row = offsets(e.m, left.own),
             a_depth = offsets(e.k, left.depth), b_batch = offsets(e.batch, right.batch),
             b_row = offsets(e.n, right.own), b_depth = offsets(e.k, right.depth);
  View<A> a({a_batch, a_row, a_depth}, 7);
  View<B> b({b_batch, b_row, b_depth}, 8);
  Array<C> y(e.batch.numel() * e.m.numel() * e.n.numel(), shift);
  device::contract<C>(device::Factor<A>{a.data(), left.batch, left.own, left.depth},
                      device::Factor<B>{b.data(), right.batch, right.own, right.depth}, e, y.data(),
                      tg::Scratch{});
  std::vector<C> expected;
  for (std::size_t i = 0; i < a_batch.size(); ++i) {
    for (index_t row : a_row) {
      for (index_t column : b_row) {
        C sum = 0;
        for (std::size_t d = 0; d < a_depth.size(); ++d)
          sum += static_cast<C>(a.at(a_batch[i] + row + a_depth[d])) *
                 static_cast<C>(b.at(b_batch[i] + column + b_depth[d]));
        expected.push_back(sum);
      }
    }
  }
  CHECK(y.now() == expected);
}

const Shape none{0};

/// The product of matrices in all four orientations.
template <class C, class A, class B>
void check_products(index_t m, index_t n, index_t k, index_t shift = 0) {
  const Strides a{none, {k}, {1}}, a_transposed{none, {1}, {m}}, b{none, {k}, {1}},
      b_transposed{none, {1}, {n}};
  for (const Strides& left : {a, a_transposed})
    for (const Strides& right : {b, b_transposed})
      check_contraction<C, A, B>({{1}, {m}, {n}, {k}}, left, right, shift);
}

void check(const device::Extents& e, const Strides& left, const Strides& right) {
  check_contraction<float, float, float>(e, left, right);
  check_contraction<float, tg::bf16, tg::half>(e, left, right);
  check_contraction<double, double, double>(e, left, right);
}

template <class C, class A, class B> void check_products() {
  check_products<C, A, B>(64, 64, 16);
  check_products<C, A, B>(8, 12, 16, 1);
  check_products<C, A, B>(65, 132, 18);
  check_products<C, A, B>(131, 67, 15);
  check_products<C, A, B>(1, 1, 1);
  check_products<C, A, B>(5, 3, 129, 2);
  check_products<C, A, B>(1, 70, 37);
  check_products<C, A, B>(66, 1, 31);
  check_products<C, A, B>(35, 33, 300);
  check_products<C, A, B>(5, 8, 600);  // from here on in parts
  check_products<C, A, B>(8, 5, 1000, 1);
}

TEST_CASE("products of matrices are exact in every orientation, of whole tiles and of others") {
  check_products<float, float, float>();
}
TEST_CASE("the sums of products of 16-bit floats are floats, and of doubles doubles") {
  check_products<float, tg::bf16, tg::half>();
  check_products<double, double, double>();
}

TEST_CASE("long depths are cut into parts, which are added") {
  check_contraction<float, float, float>({{3}, {2}, {4}, {770}}, {{1540}, {770}, {1}},
                                         {{0}, {1}, {4}});
  check_contraction<double, double, double>({{1}, {6}, {7}, {2600}}, {none, {1}, {6}},
                                            {none, {2600}, {1}});
  check_contraction<float, float, float>({{1}, {7}, {5}, {9001}}, {none, {1}, {7}},
                                         {none, {1}, {-5}});
  check_contraction<float, tg::bf16, tg::half>({{1}, {1}, {1}, {20000}}, {none, none, {1}},
                                               {none, none, {-1}});
  check_contraction<double, double, double>({{1}, {2}, {17}, {12000}}, {none, {1}, {2}},
                                            {none, {0}, {1}});
}

TEST_CASE("batches have strides of their own, and either operand may be shared by them") {
  check({{3}, {20}, {30}, {18}}, {{0}, {18}, {1}}, {{540}, {1}, {30}});
  check({{2, 3}, {5}, {66}, {9}}, {{45, 0}, {9}, {1}}, {{0, 594}, {9}, {1}});
  check({{2}, {33}, {7}, {17}}, {{-33 * 17}, {-17}, {-1}}, {{-1}, {-2}, {-14}});
  check({{2, 3}, {2, 2, 3}, {3, 4}, {2, 2, 2}}, {{0, 100}, {50, 7, 1}, {11, -3, 2}},
        {{90, 0}, {1, 13}, {5, -2, 3}});
}

TEST_CASE("rows, columns, depths and batches may have many axes") {
  const Shape sizes{2, 2, 2, 2, 3}, strides{1, 50, -7, 16, 100}, others{96, 48, 24, 6, 2};
  check({sizes, {2}, {3}, {2}}, {strides, {1}, {3}}, {others, {1}, {2}});
  check({{1}, sizes, {3}, {2}}, {none, strides, {3}}, {none, {1}, {2}});
  check({{1}, {3}, sizes, {2}}, {none, {2}, {1}}, {none, strides, {3}});
  check({{1}, {3}, {2}, sizes}, {none, {1}, strides}, {none, {2}, others});
}

template <class C, class T> void check_infinities(bool in_left, index_t depth) {
  const index_t n = 3;
  std::vector<T> ones(static_cast<std::size_t>(n * depth), T(1.0f));
  std::vector<T> infinite = ones;
  infinite.back() = T(std::numeric_limits<float>::infinity());
  Array<T> a(in_left ? infinite : ones, 0, 0), b(in_left ? ones : infinite, 0, 0);
  Array<C> y(n * n);
  const Strides dense{none, {depth}, {1}};
  device::contract<C>(device::Factor<T>{a.data(), dense.batch, dense.own, dense.depth},
                      device::Factor<T>{b.data(), dense.batch, dense.own, dense.depth},
                      {{1}, {n}, {n}, {depth}}, y.data(), tg::Scratch{});
  std::vector<C> expected;
  for (index_t i = 0; i < n * n; ++i) {
    const bool touched = (in_left ? i / n : i % n) == n - 1;
    expected.push_back(touched ? std::numeric_limits<C>::infinity() : C(depth));
  }
  CHECK(y.now() == expected);
}

TEST_CASE("an infinite element counts where it stands and nowhere else") {
  for (index_t depth : {1, 7, 8, 15, 21, 29}) {
    for (bool in_left : {false, true}) {
      check_infinities<float, float>(in_left, depth);
      check_infinities<double, double>(in_left, depth);
    }
  }
}

TEST_CASE("outer products, broadcast rows and dot products are contractions") {
  check({{1}, {67}, {70}, {1}}, {none, {1}, none}, {none, {1}, none});
  check({{1}, {10, 7}, {30}, {5, 11}}, {none, {0, 1}, {7, 0}}, {none, {1}, {0, 30}});
  check({{1}, {1}, {1}, {300}}, {none, none, {1}}, {none, none, {1}});
}

TEST_CASE("convolutions and their gradients are contractions of overlapping windows") {
  const index_t c = 5, images = 4, w = 9, h = 10, kernels = 6;  // the image: h, w, images, c
  const index_t across = images * c, down = w * across;
  check({{1}, {h - 2, w - 2, images}, {kernels}, {3, 3, c}},
        {none, {down, across, c}, {down, across, 1}}, {none, {9 * c}, {3 * c, c, 1}});
  check({{1}, {3, 2, images}, {kernels}, {3, 3, c}},
        {none, {2 * down, 2 * across, c}, {2 * down, 2 * across, 1}},
        {none, {9 * c}, {3 * c, c, 1}});
  check({{1}, {h - 2, w - 2, images}, {c}, {3, 3, kernels}},
        {none,
         {w * images * kernels, images * kernels, kernels},
         {w * images * kernels, images * kernels, 1}},
        {none, {1}, {-3 * c, -c, 9 * c}});
  check({{1}, {kernels}, {3, 3, c}, {h - 2, w - 2, images}},
        {none, {1}, {(w - 2) * images * kernels, images * kernels, kernels}},
        {none, {down, across, 1}, {down, across, c}});
}

TEST_CASE("without depth a contraction is zero, and without results nothing happens") {
  check({{2}, {33}, {5}, {0}}, {none, none, {1}}, {none, none, {1}});
  check({{2}, {3}, {5}, {3, 0}}, {none, none, {1, 1}}, {none, none, {1, 1}});
  check({{2}, {0}, {5}, {4}}, {none, {4}, {1}}, {none, {4}, {1}});
  check({{2}, {3}, {0}, {4}}, {none, {4}, {1}}, {none, {4}, {1}});
  check({{0}, {3}, {2}, {4}}, {{12}, {4}, {1}}, {{8}, {4}, {1}});
}

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_CUDA

template <class C, class A, class B> void check_wide_grid() {
  Array<A> a(drawn<A>(3, 1));
  Array<B> b(drawn<B>(3, 2));
  Array<C> y(3);
  device::detail::ContractPlan plan;
  plan.operand[0] =
      plan.operand[1] = {device::detail::Axes({3}, {1}), device::detail::Axes({1}, {0}),
                         device::detail::Axes({1}, {0}), 1, false};
  plan.m = plan.n = plan.k = 1;
  plan.batches = plan.tasks = 3;
  plan.part_length = device::detail::tile_depth;
  device::detail::contract_kernel<C>
      <<<dim3(2, 2), device::detail::tile_threads, 0, device::stream()>>>(plan, a.data(), b.data(),
                                                                          y.data());
  device::check_launch();
  std::vector<C> expected;
  for (std::size_t i = 0; i < 3; ++i)
    expected.push_back(static_cast<C>(a.before()[i]) * static_cast<C>(b.before()[i]));
  CHECK(y.now() == expected);
}

TEST_CASE("tasks are found in a grid of several rows, which may have blocks to spare") {
  check_wide_grid<float, float, float>();
  check_wide_grid<float, tg::bf16, tg::half>();
  check_wide_grid<double, double, double>();
}

#endif

}  // namespace primitive_contract_test
}  // namespace
