// SPDX-License-Identifier: MIT
// What threads may do together: cooperative groups, locks, divergence, virtual calls, printf.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <unistd.h>

#include <cstdio>
#include <cuda/atomic>
#include <numeric>
#include <string>

#include "device_array.h"

namespace {

namespace cg = cooperative_groups;

/// Sums x with one barrier over the whole grid.
__global__ void grid_sum(const int* x, int* partial, int* total, int n) {
  const auto grid = cg::this_grid();
  int sum = 0;
  for (int i = static_cast<int>(grid.thread_rank()); i < n; i += static_cast<int>(grid.size()))
    sum += x[i];
  const auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  sum = cg::reduce(warp, sum, cg::plus<int>());
  if (warp.thread_rank() == 0) atomicAdd(partial + blockIdx.x, sum);
  grid.sync();
  if (grid.thread_rank() == 0)
    for (unsigned b = 0; b < gridDim.x; ++b) *total += partial[b];
}

/// The last block to finish sums what all have written.
__global__ void last_block_sum(const int* x, int* partial, unsigned* finished, int* total) {
  __shared__ bool is_last;
  __shared__ int sums[128];
  sums[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (unsigned i = 0; i < blockDim.x; ++i) sum += sums[i];
    partial[blockIdx.x] = sum;
    __threadfence();
    is_last = atomicInc(finished, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (is_last && threadIdx.x == 0) {
    __threadfence();
    int sum = 0;
    for (unsigned b = 0; b < gridDim.x; ++b) sum += partial[b];
    *total = sum;
  }
}

/// Every thread of every block adds 1 under a lock: lanes of a warp wait for each other.
__global__ void locked_count(int* mutex, int* count) {
  cuda::atomic_ref<int, cuda::thread_scope_device> lock(*mutex);
  for (bool done = false; !done;) {
    int free = 0;
    if (lock.compare_exchange_strong(free, 1, cuda::std::memory_order_acquire)) {
      *count = *count + 1;
      lock.store(0, cuda::std::memory_order_release);
      done = true;
    }
  }
}

/// The same with the loop that needs threads of one warp to be scheduled independently.
__global__ void naive_locked_count(int* mutex, int* count) {
  while (atomicCAS(mutex, 0, 1) != 0) {
  }
  __threadfence();
  *count = *count + 1;
  __threadfence();
  atomicExch(mutex, 0);
}

struct Shape {
  __device__ virtual float area() const = 0;
};
struct Square : Shape {
  float side;
  __device__ explicit Square(float s) : side(s) {}
  __device__ float area() const override { return side * side; }
};
struct Rectangle : Shape {
  float width, height;
  __device__ Rectangle(float w, float h) : width(w), height(h) {}
  __device__ float area() const override { return width * height; }
};
__global__ void areas(float* y) {
  const Square square(static_cast<float>(threadIdx.x));
  const Rectangle rectangle(2.0f, static_cast<float>(threadIdx.x));
  const Shape* const shape = threadIdx.x % 2 != 0 ? static_cast<const Shape*>(&square) : &rectangle;
  y[threadIdx.x] = shape->area();
}

__device__ __noinline__ unsigned fibonacci(unsigned n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
__global__ void recursive(unsigned* y) { y[threadIdx.x] = fibonacci(threadIdx.x % 12); }

/// Halves of a warp in different branches use warp-wide operations over their own lanes.
__global__ void diverged(int* y) {
  const int i = static_cast<int>(threadIdx.x);
  int r;
  if (i < 16)
    r = __reduce_add_sync(0xffffu, i);
  else
    r = __popc(__match_any_sync(0xffff0000u, i % 4)) * 100;
  __syncwarp();
  y[i] = r + __shfl_xor_sync(~0u, i, 1);
}

__global__ void greet() {
  if (threadIdx.x < 2)
    printf("thread %d: %s %5.2f %llx%%\n", static_cast<int>(threadIdx.x), "text", 1.5, 0xabcdefull);
}

}  // namespace

TEST_CASE("threads: a barrier over the grid") {
  const int n = 10'000, blocks = 8;
  const auto a = random_integers(n, 13);
  DeviceArray<int> x(a), partial(std::vector<int>(blocks, 0)), total(std::vector<int>(1, 0));
  const int* px = x.data();
  int *pp = partial.data(), *pt = total.data(), count = n;
  void* arguments[] = {&px, &pp, &pt, &count};
  REQUIRE_CUDA(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(grid_sum), dim3(blocks),
                                           dim3(128), arguments, 0, nullptr));
  CHECK(total.values()[0] == std::accumulate(a.begin(), a.end(), 0));
}

TEST_CASE("threads: the last block sums up") {
  const int blocks = 37;
  const auto a = random_integers(blocks * 128, 1000);
  DeviceArray<int> x(a), partial(blocks), total(1);
  DeviceArray<unsigned> finished(std::vector<unsigned>(1, 0));
  last_block_sum<<<blocks, 128>>>(x.data(), partial.data(), finished.data(), total.data());
  CHECK(total.values()[0] == std::accumulate(a.begin(), a.end(), 0));
}

TEST_CASE("threads: locks within a warp and between blocks") {
  DeviceArray<int> state(std::vector<int>(4, 0));
  locked_count<<<4, 64>>>(state.data(), state.data() + 1);
  naive_locked_count<<<4, 64>>>(state.data() + 2, state.data() + 3);
  CHECK(state.values() == std::vector<int>{0, 256, 0, 256});
}

TEST_CASE("threads: virtual and recursive calls") {
  DeviceArray<float> y(64);
  areas<<<1, 64>>>(y.data());
  const auto found = y.values();
  for (int i = 0; i < 64; ++i) CHECK(found[i] == (i % 2 != 0 ? float(i) * float(i) : 2.0f * i));
  DeviceArray<unsigned> z(64);
  recursive<<<1, 64>>>(z.data());
  const unsigned expected[12] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
  const auto numbers = z.values();
  for (int i = 0; i < 64; ++i) CHECK(numbers[i] == expected[i % 12]);
}

TEST_CASE("threads: warp-wide operations in divergent branches") {
  DeviceArray<int> y(32);
  diverged<<<1, 32>>>(y.data());
  const auto found = y.values();
  for (int i = 0; i < 32; ++i) CHECK(found[i] == (i < 16 ? 120 : 400) + (i ^ 1));
}

TEST_CASE("threads: printf") {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stdout);
  const int terminal = dup(1);
  dup2(fileno(file), 1);
  greet<<<1, 32>>>();
  const cudaError_t result = cudaDeviceSynchronize();
  std::fflush(stdout);
  dup2(terminal, 1);
  close(terminal);
  REQUIRE_CUDA(result);
  char text[200] = {};
  std::rewind(file);
  std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  CHECK(std::string(text) == "thread 0: text  1.50 abcdef%\nthread 1: text  1.50 abcdef%\n");
}
