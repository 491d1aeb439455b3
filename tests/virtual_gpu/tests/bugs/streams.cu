// SPDX-License-Identifier: MIT
// Work of streams that is not ordered. Shows when streams run as late as they may (VGPU_LAZY=1).
#include "bug.h"

namespace {

__global__ void fill(int* x) { x[threadIdx.x] = static_cast<int>(threadIdx.x); }
__global__ void double_it(const int* x, int* y) {
  y[threadIdx.x] = 2 * x[threadIdx.x];  // found: missing_event free_on_other_stream
}

struct Stream {
  cudaStream_t handle{};
  Stream() { cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking); }
  ~Stream() { cudaStreamDestroy(handle); }
  operator cudaStream_t() const { return handle; }
};

const Case missing_event("missing_event", [](bool bug) {
  const Array<int> x(64), y(64, 0);
  const Stream producer, consumer;
  cudaEvent_t done{};
  cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
  fill<<<1, 64, 0, producer>>>(x.data());
  cudaEventRecord(done, producer);
  if (!bug) cudaStreamWaitEvent(consumer, done, 0);
  double_it<<<1, 64, 0, consumer>>>(x.data(), y.data());
  cudaStreamSynchronize(consumer);
  cudaStreamSynchronize(producer);
  cudaEventDestroy(done);
  return equals(y, [](int i) { return 2 * i; });
});

const Case read_before_synchronising("read_before_synchronising", [](bool bug) {
  const Array<int> x(64, 0);
  const Stream stream;
  int* host = nullptr;
  cudaMallocHost(&host, x.bytes());
  std::memset(host, 0, x.bytes());
  fill<<<1, 64, 0, stream>>>(x.data());
  cudaMemcpyAsync(host, x.data(), x.bytes(), cudaMemcpyDeviceToHost, stream);
  if (!bug) cudaStreamSynchronize(stream);
  const bool right = host[63] == 63;
  cudaStreamSynchronize(stream);
  cudaFreeHost(host);
  return right;
});

const Case free_on_other_stream("free_on_other_stream", [](bool bug) {
  const Array<int> y(64, 0);
  const Stream worker, other;
  int* x = nullptr;
  cudaMallocAsync(&x, 64 * sizeof(int), worker);
  fill<<<1, 64, 0, worker>>>(x);
  double_it<<<1, 64, 0, worker>>>(x, y.data());
  if (bug) cudaStreamSynchronize(worker);
  double_it<<<1, 64, 0, worker>>>(x, y.data());
  cudaFreeAsync(x, bug ? other : worker);
  cudaStreamSynchronize(other);
  cudaStreamSynchronize(worker);
  return equals(y, [](int i) { return 2 * i; });
});

}  // namespace

int main(int count, char** arguments) { return run_case(count, arguments); }
