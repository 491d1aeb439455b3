// SPDX-License-Identifier: MIT
// Pointwise loops over dense, broadcast and strided operands of all widths, at aligned and other
// addresses, and copies between strided places.
#include "thrustgrad/system/system.h"

#include "system/arrays.h"

namespace {
namespace primitive_map_test {

using namespace primitives;

/// A loop over two operands.
struct Loop {
  Shape sizes, a, b;
};

std::vector<Loop> loops() {
  std::vector<Loop> result;
  for (index_t n : {1, 2, 3, 4, 5, 7, 8, 9, 1024, 1030, 2500}) result.push_back({{n}, {1}, {1}});
  const std::vector<Loop> others{
      {{1027}, {0}, {1}},                    // one element for all
      {{9}, {1}, {0}},                       //
      {{8}, {0}, {0}},                       //
      {{9}, {-1}, {3}},                      // backwards, with gaps
      {{8}, {2}, {-2}},                      //
      {{3, 4}, {4, 1}, {8, 1}},              // rows of whole groups
      {{3, 4}, {6, 1}, {-4, 1}},             //
      {{3, 5}, {5, 1}, {8, 1}},              // rows that end in a short group
      {{7, 9}, {12, 1}, {-9, 1}},            //
      {{3, 8}, {1, 3}, {0, 1}},              // transposed; one row for all
      {{5, 7}, {7, 1}, {1, 0}},              // one column for all
      {{41, 30}, {30, 1}, {1, 41}},          // several blocks of threads
      {{300, 3}, {4, 1}, {0, -1}},           //
      {{2, 3, 5}, {-15, 5, 1}, {1, 10, 2}},  //
      {{2, 3, 4, 6}, {0, 24, 0, 1}, {72, 24, 6, 1}},
      {{3, 2, 5, 4}, {4, 12, 24, 1}, {40, -20, 4, 1}},
      {{2, 1, 3, 2, 2, 1, 2, 3}, {72, 72, 24, 12, 6, 6, 3, 1}, {1, 5, 2, 0, 6, 9, 12, 24}},
  };
  result.insert(result.end(), others.begin(), others.end());
  return result;
}

struct combine_fn {
  template <class A, class B> THRUSTGRAD_FN auto operator()(A a, B b) const {
    using C = std::common_type_t<A, B, int>;
    return static_cast<C>(a) - static_cast<C>(2) * static_cast<C>(b);
  }
};

template <class Y, class A, class B>
void check_map(const Loop& loop, const std::array<index_t, 3>& shifts) {
  CAPTURE(loop.sizes);
  CAPTURE(loop.a);
  CAPTURE(loop.b);
  CAPTURE(shifts[0]);
  CAPTURE(shifts[1]);
  CAPTURE(shifts[2]);
  const auto a_table = offsets(loop.sizes, loop.a), b_table = offsets(loop.sizes, loop.b);
  View<A> a({a_table}, 1, shifts[1]);
  View<B> b({b_table}, 2, shifts[2]);
  Array<Y> y(loop.sizes.numel(), shifts[0]);
  device::map(combine_fn{}, loop.sizes, std::tuple(y.data()),
              device::Strided<const A>{a.data(), loop.a},
              device::Strided<const B>{b.data(), loop.b});
  std::vector<Y> expected;
  for (std::size_t i = 0; i < a_table.size(); ++i) {
    const tg::compute_t<A> left = a.at(a_table[i]);
    const tg::compute_t<B> right = b.at(b_table[i]);
    expected.push_back(static_cast<Y>(combine_fn{}(left, right)));
  }
  CHECK(y.now() == expected);
}

template <class Y, class A, class B> void check_maps() {
  for (const Loop& loop : loops()) {
    check_map<Y, A, B>(loop, {0, 0, 0});
    if (loop.sizes.numel() > 200) continue;
    check_map<Y, A, B>(loop, {1, 0, 0});
    check_map<Y, A, B>(loop, {0, 2, 3});
    check_map<Y, A, B>(loop, {4, 4, 4});
  }
}

TEST_CASE("a pointwise loop over floats reads and writes every element") {
  check_maps<float, float, float>();
}
TEST_CASE("a pointwise loop widens and rounds the 16-bit floats") {
  check_maps<tg::half, tg::bf16, float>();
}
TEST_CASE("a pointwise loop reads bytes and bools and writes wide integers") {
  check_maps<index_t, std::uint8_t, bool>();
}
TEST_CASE("a pointwise loop reads doubles and integers and writes bytes") {
  check_maps<std::int32_t, double, index_t>();
}

struct Three {
  float value[3];
  THRUSTGRAD_FN float operator[](std::size_t i) const { return value[i]; }
};
struct three_fn {
  float factor;
  THRUSTGRAD_FN Three operator()(float x) const { return {{x * factor, x + factor, -x}}; }
};

TEST_CASE("a pointwise loop has several results of several types, each at its address") {
  for (const Shape& sizes :
       {Shape{7}, Shape{1030}, Shape{1, 1}, Shape{3, 3}, Shape{6, 8}, Shape{400, 3},
        Shape{2, 2, 2, 2, 2, 7}, Shape{2, 2, 2, 2, 2, 3, 2, 4}}) {
    for (index_t shift : {0, 1, 4}) {
      CAPTURE(sizes);
      CAPTURE(shift);
      Shape strides = tg::contiguous_strides(sizes);
      std::swap(strides[0],
                strides[sizes.rank() > 1]);  // no view of a tensor, but a loop like any other
      const auto table = offsets(sizes, strides);
      View<float> x({table}, 3, shift);
      Array<float> product(sizes.numel()), negative(sizes.numel(), shift);
      Array<double> sum(sizes.numel(), 4 - shift);
      device::map(three_fn{4}, sizes, std::tuple(product.data(), sum.data(), negative.data()),
                  device::Strided<const float>{x.data(), strides});
      std::vector<float> products, negatives;
      std::vector<double> sums;
      for (index_t offset : table) {
        products.push_back(x.at(offset) * 4);
        sums.push_back(x.at(offset) + 4);
        negatives.push_back(-x.at(offset));
      }
      CHECK(product.now() == products);
      CHECK(sum.now() == sums);
      CHECK(negative.now() == negatives);
    }
  }
}

struct constant_fn {
  float value;
  THRUSTGRAD_FN float operator()() const { return value; }
};

TEST_CASE("a pointwise loop over nothing writes its constant; one of no elements writes nothing") {
  for (const Shape& sizes : {Shape{0}, Shape{3, 0}, Shape{1}, Shape{6}, Shape{3, 5}, Shape{1030},
                             Shape{2, 3, 2, 2, 3, 5}}) {
    CAPTURE(sizes);
    Array<float> y(sizes.numel());
    device::map(constant_fn{2.5f}, sizes, std::tuple(y.data()));
    CHECK(y.now() == std::vector<float>(static_cast<std::size_t>(sizes.numel()), 2.5f));
  }
}

template <class T> void check_copies() {
  for (const Loop& loop : loops()) {
    const auto to_table = offsets(loop.sizes, loop.a), from_table = offsets(loop.sizes, loop.b);
    // Two elements must not go to one place.
    if (std::count(loop.a.begin(), loop.a.end(), 0) > 0) continue;
    for (index_t shift : {0, 1, 4}) {
      CAPTURE(loop.sizes);
      CAPTURE(shift);
      View<T> to({to_table}, 4, shift), from({from_table}, 5, 4 - shift);
      auto expected = to.array().before();
      for (std::size_t i = 0; i < to_table.size(); ++i)
        expected[static_cast<std::size_t>(to_table[i] - to.first())] = from.at(from_table[i]);
      device::copy_strided<T>(loop.sizes, {to.data(), loop.a}, {from.data(), loop.b});
      CHECK(to.array().now() == expected);
    }
  }
  Array<T> untouched(4);
  device::copy_strided<T>({2, 0}, {untouched.data(), {1, 1}}, {untouched.data(), {1, 1}});
  CHECK(untouched.now() == untouched.before());
}

TEST_CASE("a strided copy moves elements of every width and leaves all others alone") {
  check_copies<bool>();
  check_copies<tg::half>();
  check_copies<float>();
  check_copies<double>();
}

#if THRUSTGRAD_SYSTEM == THRUSTGRAD_SYSTEM_CUDA

struct divide_fn {
  const index_t *a, *b;
  index_t *value, *rest;
  __device__ void operator()(index_t i) const {
    const device::detail::Quotient q = device::detail::divide(a[i], b[i]);
    value[i] = q.value;
    rest[i] = q.rest;
  }
};

TEST_CASE("positions are divided by sizes, be they of 32 bits or of more") {
  const index_t narrow = (index_t{1} << 32) - 1, wide = index_t{1} << 32,
                large = (index_t{1} << 62) + 12345;
  std::vector<index_t> a, b, value, rest;
  for (int round = 0; round < 20; ++round) {  // by each of the threads and their iterations
    for (index_t x : {index_t{0}, index_t{1}, index_t{1000}, narrow, wide, wide + 7, large}) {
      for (index_t y : {index_t{1}, index_t{7}, narrow - 1, narrow, wide, 3 * wide + 5, large}) {
        a.push_back(x + round);
        b.push_back(y + round);
        value.push_back((x + round) / (y + round));
        rest.push_back((x + round) % (y + round));
      }
    }
  }
  Array<index_t> left(a), right(b), quotient(std::ssize(a)), remainder(std::ssize(a));
  device::for_each(std::ssize(a),
                   divide_fn{left.data(), right.data(), quotient.data(), remainder.data()});
  CHECK(quotient.now() == value);
  CHECK(remainder.now() == rest);
}

struct offset_fn {
  device::detail::Axes axes;
  index_t* y;
  __device__ void operator()(index_t i) const { y[i] = axes.offset(i); }
};

TEST_CASE("a position has the offset that sizes and strides say, in any number of axes") {
  const auto check = [](const Shape& sizes, const Shape& strides) {
    CAPTURE(sizes);
    Array<index_t> y(sizes.numel());
    device::for_each(sizes.numel(), offset_fn{device::detail::Axes(sizes, strides), y.data()});
    CHECK(y.now() == offsets(sizes, strides));
  };
  const index_t far = index_t{1} << 40;
  check({}, {});
  check({7}, {-far});
  check({3, 5}, {far, 1});
  check({4, 1, 3}, {3, 1000, -far});
  check({2, 3, 1, 2, 3, 2, 1, 2}, {1, far, 7, -2, 11, 100, 5, 3000});
  check({900}, {far});
  check({5, 180}, {1, -far});
  check({2, 3, 5, 3, 5, 2, 1, 1}, {1, far, 7, -2, 11, 100, 5, 3000});
  check({3, 2, 150}, {1, far, -3});
  check({3, 2, 2, 75}, {1, far, 5, -3});
  check({2, 2, 3, 3, 25}, {1, far, 5, -3, 7});
  check({2, 3, 2, 3, 5, 5, 1}, {1, far, 5, -3, 7, 11, 1});
  check({2, 3, 5, 2, 3, 5}, {1, far, 7, -2, 11, 100});
}

#endif

}  // namespace primitive_map_test
}  // namespace
