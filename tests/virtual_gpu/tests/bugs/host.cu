// SPDX-License-Identifier: MIT
// Errors of the host program.
#include "bug.h"

namespace {

const Case double_free("double_free", [](bool bug) {
  int* x = nullptr;
  cudaMalloc(&x, 64);
  cudaFree(x);
  if (bug) cudaFree(x);
  return cudaGetLastError() == cudaSuccess;
});

const Case invalid_free("invalid_free", [](bool bug) {
  int* x = nullptr;
  cudaMalloc(&x, 1024);
  const cudaError_t error = cudaFree(bug ? x + 64 : x);
  return error == cudaSuccess;
});

const Case device_pointer_on_host("device_pointer_on_host", [](bool bug) {
  const Array<int> x(count_up(64));
  if (bug) return x.data()[3] == 4;
  return x.get()[3] == 4;
});

const Case copy_too_long("copy_too_long", [](bool bug) {
  const std::vector<int> host = count_up(65);
  const Array<int> x(64);
  const auto bytes = (bug ? 65 : 64) * sizeof(int);
  return cudaMemcpy(x.data(), host.data(), bytes, cudaMemcpyHostToDevice) == cudaSuccess;
});

const Case memset_too_long("memset_too_long", [](bool bug) {
  const Array<int> x(64);
  return cudaMemset(x.data(), 0, bug ? x.bytes() + 4 : x.bytes()) == cudaSuccess;
});

const Case copy_from_freed("copy_from_freed", [](bool bug) {
  Array<int> x(count_up(64));
  std::vector<int> host(64);
  const int* const data = x.data();
  if (bug) x.free();
  const auto bytes = host.size() * sizeof(int);
  return cudaMemcpy(host.data(), data, bytes, cudaMemcpyDeviceToHost) == cudaSuccess &&
         host[63] == 64;
});

}  // namespace

int main(int count, char** arguments) { return run_case(count, arguments); }
