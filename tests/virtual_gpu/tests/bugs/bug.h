// SPDX-License-Identifier: MIT
// Planted bugs: each case runs a small program with its bug, or corrected. table.py runs them all
// and looks for the report at the lines marked `// found: NAME`.
#pragma once
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

/// A program by name; run(true) has the bug. The result says whether what it computed is right.
struct Case {
  std::string name;
  std::function<bool(bool bug)> run;
  Case(const char* case_name, std::function<bool(bool)> body) : name(case_name), run(body) {
    all().push_back(this);
  }
  static std::vector<Case*>& all() {
    static std::vector<Case*> cases;
    return cases;
  }
};

inline int run_case(int count, char** arguments) {
  for (const Case* const c : Case::all()) {
    if (count == 3 && c->name == arguments[1]) {
      const bool right = c->run(std::strcmp(arguments[2], "bug") == 0);
      std::printf("result %s\n", right ? "right" : "wrong");
      return right ? 0 : 1;
    }
  }
  std::printf("usage: %s NAME bug|good\n", arguments[0]);
  return 2;
}

/// An array on the device. It remembers whether anything went wrong.
template <class T> class Array {
 public:
  explicit Array(const std::vector<T>& values) : Array(values.size()) {
    cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice);
  }
  /// Not initialised.
  explicit Array(std::size_t size) : size_(size) { cudaMalloc(&data_, bytes()); }
  Array(std::size_t size, int byte) : Array(size) {
    cudaMemset(data_, byte, bytes());
    cudaDeviceSynchronize();  // streams do not wait for the default stream
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() {
    if (data_) cudaFree(data_);
  }
  T* data() const { return data_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  /// The values; those of T{} if a kernel has failed.
  std::vector<T> get() const {
    std::vector<T> values(size_);
    cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost);
    return values;
  }
  void free() { cudaFree(std::exchange(data_, nullptr)); }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// 1, 2, 3, ...
inline std::vector<int> count_up(std::size_t size) {
  std::vector<int> values(size);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

template <class T, class Want> bool equals(const Array<T>& array, const Want& want) {
  if (cudaDeviceSynchronize() != cudaSuccess) return false;
  const std::vector<T> got = array.get();
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != static_cast<T>(want(static_cast<int>(i)))) return false;
  return true;
}
