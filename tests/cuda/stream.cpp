// SPDX-License-Identifier: MIT
// What only the cuda system has: its stream, which may be the caller's, and what it reports.
#include <doctest/doctest.h>
#include <thrustgrad/thrustgrad.h>

#include <string>

namespace stream_test {

namespace tg = thrustgrad;

namespace {

struct Stream {
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(stream); }
  cudaStream_t stream = nullptr;
};

}  // namespace

TEST_CASE("work runs on a caller's stream, behind what ran before") {
  const Stream mine;
  const auto x = tg::arange<float>(100000);
  const cudaStream_t before = tg::device::set_stream(mine.stream);
  CHECK(tg::device::stream() == mine.stream);
  const auto y = x * 2 + 1;
  // Only this stream is waited for: with late streams nothing else would have run.
  REQUIRE(cudaStreamSynchronize(mine.stream) == cudaSuccess);
  CHECK(tg::device::set_stream(before) == mine.stream);
  const auto z = tg::sum(y - x);
  CHECK(tg::device::stream() == before);
  CHECK(z.item() == 100000.0f * 99999 / 2 + 100000);
}

TEST_CASE("kernels of the default stream see finished tensors and are waited for") {
  auto x = tg::full<float>({1000}, 3);
  float* const elements = x.mutable_data();
  REQUIRE(cudaMemsetAsync(elements, 0, 500 * sizeof(float), nullptr) == cudaSuccess);
  CHECK(tg::sum(x).item() == 1500);
}

TEST_CASE("a step is captured on a caller's stream") {
  const Stream mine;
  const cudaStream_t before = tg::device::set_stream(mine.stream);
  {
    tg::Parameter<float> w = tg::ones<float>({10});
    auto step = tg::captured([&] {
      tg::assign(w, w * 2);
      return tg::sum(w);
    });
    for (float expected : {20.0f, 40.0f, 80.0f, 160.0f}) CHECK(step().item() == expected);
  }
  tg::device::set_stream(before);
}

TEST_CASE("a copy between host and device is refused while a step is captured") {
  tg::Parameter<float> w = tg::ones<float>({2});
  bool load = false;
  auto step = tg::captured([&] {
    tg::assign(w, load ? tg::from_host<float>({1, 2}, {2}) : w + 1);
  });
  step();
  load = true;
  CHECK_THROWS_WITH_AS(step(), doctest::Contains("while a step is captured"), tg::Error);
  load = false;
  step();
  step();
  CHECK(tg::to_host(w) == std::vector<float>{4, 4});
}

TEST_CASE("a message names the operation, the call and the status") {
  const tg::detail::OpScope scope("matmul");
  std::string message;
  try {
    tg::device::check(cudaErrorInvalidValue, "a copy");
  } catch (const tg::Error& error) {
    message = error.what();
  }
  CHECK(message.starts_with("matmul: a copy failed: "));
  CHECK(message.ends_with("(cudaErrorInvalidValue)"));
  CHECK_THROWS_WITH_AS(tg::device::check(cudaErrorInsufficientDriver, "creating a stream"),
                       doctest::Contains("this program was built for NVIDIA GPUs"), tg::Error);
}

TEST_CASE("a timer measures the work of the device") {
  const tg::device::Timer timer;
  const auto x = tg::sum(tg::arange<float>(100000));
  CHECK(timer.seconds() >= 0);
  CHECK(x.item() > 0);
}

}  // namespace stream_test
