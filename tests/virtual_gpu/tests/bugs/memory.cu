// SPDX-License-Identifier: MIT
// Accesses to memory that is not there, is no longer there, or has not been written.
#include "bug.h"

namespace {

template <bool bug> __global__ void differences(const int* x, int* y, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i + (bug ? 0 : 1) >= n) return;
  y[i] = x[i + 1] - x[i];  // found: global_off_by_one
}
const Case global_off_by_one("global_off_by_one", [](bool bug) {
  const Array<int> x(count_up(1000)), y(999, 0);
  (bug ? differences<true> : differences<false>)<<<8, 128>>>(x.data(), y.data(), 1000);
  return equals(y, [](int) { return 1; });
});

template <bool bug> __global__ void shift(int* y) {
  __shared__ int tile[64];
  tile[threadIdx.x + (bug ? 1 : 0)] = 5;  // found: shared_off_by_one
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}
const Case shared_off_by_one("shared_off_by_one", [](bool bug) {
  const Array<int> y(64, 0);
  (bug ? shift<true> : shift<false>)<<<1, 64>>>(y.data());
  return equals(y, [](int) { return 5; });
});

template <bool bug> __global__ void previous(const int* x, int* y) {
  const int i = static_cast<int>(threadIdx.x);
  y[i] = bug || i > 0 ? x[i - 1] : 0;  // found: negative_index
}
const Case negative_index("negative_index", [](bool bug) {
  const Array<int> x(count_up(64)), y(64, 0);
  (bug ? previous<true> : previous<false>)<<<1, 64>>>(x.data(), y.data());
  return equals(y, [](int i) { return i; });
});

__global__ void copy_ints(const int* x, int* y) {
  y[threadIdx.x] =
      x[threadIdx.x];  // found: use_after_free uninitialised_global host_pointer null_pointer
}
const Case use_after_free("use_after_free", [](bool bug) {
  Array<int> x(count_up(64));
  const Array<int> y(64, 0);
  const int* const data = x.data();
  if (bug) x.free();
  copy_ints<<<1, 64>>>(data, y.data());
  return equals(y, [](int i) { return i + 1; });
});
const Case uninitialised_global("uninitialised_global", [](bool bug) {
  const Array<int> x(64), y(64, 0);
  if (!bug) cudaMemset(x.data(), 0, x.bytes());
  copy_ints<<<1, 64>>>(x.data(), y.data());
  return equals(y, [](int) { return 0; });
});
const Case host_pointer("host_pointer", [](bool bug) {
  const std::vector<int> host = count_up(64);
  const Array<int> x(host), y(64, 0);
  copy_ints<<<1, 64>>>(bug ? host.data() : x.data(), y.data());
  return equals(y, [](int i) { return i + 1; });
});
const Case null_pointer("null_pointer", [](bool bug) {
  const Array<int> x(count_up(64)), y(64, 0);
  copy_ints<<<1, 64>>>(bug ? nullptr : x.data(), y.data());
  return equals(y, [](int i) { return i + 1; });
});

struct Rows {
  const int* row[2];
};
__global__ void sum_rows(const Rows* rows, int* y) {
  y[threadIdx.x] = rows->row[0][threadIdx.x] + rows->row[1][threadIdx.x];  // found: freed_row
}
const Case freed_row("freed_row", [](bool bug) {
  const Array<int> a(count_up(64)), y(64, 0);
  Array<int> b(count_up(64));
  const Array<Rows> rows(std::vector<Rows>{{{a.data(), b.data()}}});
  if (bug) b.free();
  sum_rows<<<1, 64>>>(rows.data(), y.data());
  return equals(y, [](int i) { return 2 * i + 2; });
});

template <bool bug> __global__ void read_ints(const char* x, int* y) {
  y[threadIdx.x] =
      *reinterpret_cast<const int*>(x + 4 * threadIdx.x + (bug ? 2 : 0));  // found: misaligned
}
const Case misaligned("misaligned", [](bool bug) {
  const Array<int> y(32, 0);
  const Array<char> x(256, 0);
  (bug ? read_ints<true> : read_ints<false>)<<<1, 32>>>(x.data(), y.data());
  return equals(y, [](int) { return 0; });
});

template <bool bug> __global__ void fill_shared(int* y) {
  __shared__ int tile[64];
  if (!bug || threadIdx.x < 63) tile[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];  // found: uninitialised_shared
}
const Case uninitialised_shared("uninitialised_shared", [](bool bug) {
  const Array<int> y(64, 0);
  (bug ? fill_shared<true> : fill_shared<false>)<<<1, 64>>>(y.data());
  return equals(y, [](int) { return 1; });
});

__global__ void sum_all(const int* x, int n, int* sum) {
  int total = 0;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x))
    total += x[i];  // found: partly_uninitialised
  atomicAdd(sum, total);
}
const Case partly_uninitialised("partly_uninitialised", [](bool bug) {
  const Array<int> x(1000), sum(1, 0);
  cudaMemset(x.data(), 0, bug ? 1000 : x.bytes());  // bytes, not elements
  sum_all<<<1, 64>>>(x.data(), 1000, sum.data());
  return equals(sum, [](int) { return 0; });
});

template <bool bug> __global__ void use_local(const int* index, int* y) {
  int few[4] = {1, 2, 3, 4};
  few[index[threadIdx.x] % 4] += 1;
  y[threadIdx.x] = few[index[threadIdx.x] % (bug ? 5 : 4)];  // found: local_out_of_bounds
}
const Case local_out_of_bounds("local_out_of_bounds", [](bool bug) {
  const Array<int> index(count_up(32)), y(32, 0);
  (bug ? use_local<true> : use_local<false>)<<<1, 32>>>(index.data(), y.data());
  return equals(y, [](int i) { return (i + 1) % 4 + 2; });
});

__device__ __noinline__ int depth(int n, int most, const int* stop) {
  if (n == most || *stop != 0) return n;
  return depth(n + 1, most, stop) + (*stop & n);  // found: endless_recursion
}
__global__ void recurse(int most, const int* stop, int* y) { *y = depth(0, most, stop); }
const Case endless_recursion("endless_recursion", [](bool bug) {
  const Array<int> stop(1, 0), y(1, 0);
  recurse<<<1, 1>>>(bug ? -1 : 20, stop.data(), y.data());
  return equals(y, [](int) { return 20; });
});

__global__ void use_dynamic(int* y) {
  extern __shared__ int scratch[];
  scratch[threadIdx.x] = 3;  // found: dynamic_shared_too_small
  __syncthreads();
  y[threadIdx.x] = scratch[threadIdx.x];
}
const Case dynamic_shared_too_small("dynamic_shared_too_small", [](bool bug) {
  const Array<int> y(64, 0);
  use_dynamic<<<1, 64, bug ? 64 : 64 * sizeof(int)>>>(y.data());
  return equals(y, [](int) { return 3; });
});

}  // namespace

int main(int count, char** arguments) { return run_case(count, arguments); }
