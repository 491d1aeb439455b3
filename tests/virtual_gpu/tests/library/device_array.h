// SPDX-License-Identifier: MIT
// What the CUDA tests share: an array on the device, checked calls, and numbers to work on.
#pragma once
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#define REQUIRE_CUDA(call) REQUIRE_EQ(static_cast<int>(call), static_cast<int>(cudaSuccess))

/// An array of device memory, filled from and read into a vector.
template <class T> class DeviceArray {
 public:
  explicit DeviceArray(std::size_t n) : size_(n) {
    REQUIRE_CUDA(cudaMalloc(&data_, (n == 0 ? 1 : n) * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    REQUIRE_CUDA(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  T* data() { return data_; }
  std::size_t size() const { return size_; }
  std::vector<T> values() const {
    std::vector<T> host(size_);
    REQUIRE_CUDA(cudaMemcpy(host.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// n pseudo-random integers below a bound.
inline std::vector<int> random_integers(std::size_t n, unsigned bound, std::uint64_t seed = 1) {
  std::vector<int> values(n);
  for (int& value : values) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<int>((seed >> 33) % bound);
  }
  return values;
}
