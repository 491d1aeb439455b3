// SPDX-License-Identifier: MIT
// Values that must have the same bits on every device system: one line an operation, its name and a
// hash of its results. Built without contraction to fused multiply-adds, once for each system, and
// compared by compare.py. Each operation is here one of exact arithmetic: every rounding follows
// from IEEE 754, sums are of small integers, which no order changes.
#include <thrustgrad/thrustgrad.h>

#include <cstdio>

namespace {

namespace tg = thrustgrad;
using tg::index_t, tg::Shape, tg::Tensor;

template <class T> std::uint64_t hash(const Tensor<T>& x, std::uint64_t h) {  // FNV-1a
  for (const T value : tg::to_host(x)) {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (unsigned char byte : bytes) h = (h ^ byte) * 0x100000001b3u;
  }
  return h;
}

template <class... T> void show(const char* name, const Tensor<T>&... x) {
  std::uint64_t h = 0xcbf29ce484222325u;
  ((h = hash(x, h)), ...);
  std::printf("%s %016llx\n", name, static_cast<unsigned long long>(h));
}

/// The value of f and its gradient, for a cotangent that is not constant.
template <class F, class... T>
void differentiate(const char* name, const F& f, const Tensor<T>&... x) {
  const auto weighted = [&](const auto&... a) {
    const auto y = f(a...);
    using Y = typename std::decay_t<decltype(y)>::value_type;
    const auto g = tg::cast<Y>(tg::reshape(tg::arange<std::int32_t>(y.numel()), y.shape));
    // The sum itself is not exact and is not looked at.
    return std::pair(tg::sum(tg::cast<float>(y * tg::stop_gradient(g))), y);
  };
  const auto [value, gradient, y] = tg::value_and_grad(weighted, std::tuple(x...));
  std::apply([&, &y = y](const auto&... g) { show(name, y, g...); }, gradient);
}

const tg::Key key(3);

/// Not integers, of either sign, in an order that is not sorted.
Tensor<float> reals(std::uint64_t n, const Shape& shape, double low = -4, double high = 4) {
  return tg::uniform(tg::fold(key, n), shape, low, high);
}
/// Integers from -4 to 4.
template <class T> Tensor<T> integers(std::uint64_t n, const Shape& shape) {
  return tg::cast<T>(tg::randint<std::int32_t>(tg::fold(key, n), shape, -4, 5));
}

void pointwise() {
  const auto x = reals(1, {37, 53}), y = reals(2, {53}, 0.1, 3);
  differentiate(
      "add", [](auto a, auto b) { return a + b; }, x, y);
  differentiate(
      "subtract", [](auto a, auto b) { return a - b; }, x, y);
  show("multiply", x * y, y * 3, 2.5f * x);
  show("divide", x / y, x / 3, 3 / y);
  show("sqrt", tg::sqrt(tg::square(x)), tg::rsqrt(tg::square(x) + 1));
  show("exp", tg::exp(x), tg::exp(x * 30));
  show("expm1", tg::expm1(x));
  show("log", tg::log(tg::square(x)), tg::log1p(tg::square(x)));
  show("tanh", tg::tanh(x));
  show("erf", tg::erf(x));
  show("pow", tg::pow(tg::square(x) + 0.01f, y));
  const auto half = tg::cast<tg::half>(x);
  const auto bf16 = tg::cast<tg::bf16>(x);
  show("casts", half, bf16, tg::cast<double>(x), tg::cast<std::int32_t>(x * 100),
       tg::cast<bool>(x));
  for (const auto& z : {x, tg::cast<float>(half), tg::cast<float>(bf16)}) {
    differentiate(
        "relu", [](auto a) { return tg::relu(a); }, z);
    differentiate(
        "sigmoid", [](auto a) { return tg::sigmoid(a); }, z);
    differentiate(
        "gelu", [](auto a) { return tg::gelu(a); }, z);
    differentiate(
        "silu", [](auto a) { return tg::silu(a); }, z);
  }
  differentiate(
      "gelu of bf16", [](auto a) { return tg::gelu(a); }, bf16);
  differentiate(
      "silu of half", [](auto a) { return tg::silu(a); }, half);
  differentiate(
      "maximum", [](auto a, auto b) { return tg::maximum(a, b); }, x, reals(3, {37, 53}));
  differentiate(
      "double", [](auto a) { return a * a / (a + 9.0); }, tg::cast<double>(x));
  show("compare", x < y, x >= 0.5f, tg::equal(x, x), tg::isfinite(x / 0.0f));
}

void reductions() {
  const auto x = integers<float>(10, {31, 17, 70}), long_rows = integers<float>(11, {3, 50001});
  differentiate(
      "sum", [](auto a) { return tg::sum(a, {1}); }, x);
  show("sums", tg::sum(x), tg::sum(x, {0}), tg::sum(x, {2}), tg::sum(x, {0, 2}),
       tg::sum(long_rows, {1}));
  show("sums of bf16", tg::sum(tg::cast<tg::bf16>(x), {0}), tg::sum(tg::cast<tg::bf16>(x), {2}));
  show("sum of integers", tg::sum(tg::cast<std::int32_t>(long_rows), {1}), tg::sum(x < 0.0f, {2}));
  const auto y = reals(12, {31, 17, 70});
  differentiate(
      "amax", [](auto a) { return tg::amax(a, {2}); }, y);
  show("extremes", tg::amin(y, {0}), tg::argmax(y, {1}), tg::argmin(y, {2}));
}

void contractions() {
  const auto a = integers<float>(20, {70, 130}), b = integers<float>(21, {130, 65});
  differentiate(
      "matmul", [](auto p, auto q) { return tg::matmul(p, q); }, integers<float>(24, {9, 7}),
      integers<float>(25, {7, 5}));
  show("products", tg::matmul(a, b), tg::matmul(tg::cast<tg::bf16>(a), tg::cast<tg::bf16>(b)),
       tg::matmul(tg::cast<double>(a), tg::cast<double>(b)));
  const auto image = integers<float>(22, {2, 9, 8, 3}), weight = integers<float>(23, {5, 3, 3, 3});
  show("convolution", tg::conv2d(image, weight, {.stride = 2, .padding = 1}));
  const auto [value, gradient] = tg::value_and_grad(
      [](const auto& x, const auto& w) {
        return tg::sum(tg::conv2d(x, w, {.stride = 1, .padding = 1}));
      },
      std::tuple(image, weight));
  show("its gradients", value, std::get<0>(gradient), std::get<1>(gradient));
  differentiate(
      "max_pool2d", [](auto x) { return tg::max_pool2d(x, 2); }, reals(26, {2, 8, 6, 3}));
}

void moving() {
  const auto x = reals(30, {40, 30});
  const auto index = tg::randint(tg::fold(key, 31), {25}, 0, 40);
  show("index_select", tg::index_select(x, 0, index));
  show("index_add", tg::index_add(integers<float>(32, {25, 7}), 0, index, 40));
  show("argsort", tg::argsort(x, 0),
       tg::argsort(tg::cast<std::int32_t>(x), 1, tg::Order::descending));
  show("cumsum", tg::cumsum(integers<float>(33, {3, 5000}), 1),
       tg::cumsum(tg::cast<std::int64_t>(x), 0));
  show("counting", tg::bincount(index, 40), tg::nonzero(x < 0.0f));
  show("views", tg::copy(tg::flip(tg::permute(x, {1, 0}), {0})), tg::pad(x, 0, 2, 3),
       tg::concatenate<float>({x, x}, 1));
}

void randomness() {
  show("uniform", tg::uniform(key, {1001}), tg::uniform<double>(key, {100}),
       tg::uniform<tg::bf16>(key, {100}));
  show("integers", tg::randint(key, {1001}, -7, 1000), tg::bernoulli(key, {1001}, 0.3));
  show("permutation", tg::permutation(key, 5000));
  const tg::ImageSet images = tg::image_set(tg::synthetic_images(64, 5), {}, 4);
  tg::Batches batches{images, 16, {.crop = true, .flip = tg::Flip::random, .cutout = 8}, key, 8};
  tg::Step step;
  tg::shuffle(batches, 1);
  const auto first = tg::training_batch<float>(batches, step.value);
  tg::advance(step);
  const auto second = tg::training_batch<tg::bf16>(batches, step.value);
  show("batches", first.images, first.labels, second.images, second.labels);
}

}  // namespace

int main() {
  pointwise();
  reductions();
  contractions();
  moving();
  randomness();
}
