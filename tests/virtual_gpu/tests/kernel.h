// SPDX-License-Identifier: MIT
// Runs the body of a kernel that works on memory: its parameters are pointers, in %l0, %l1, ...;
// registers %p, %h, %r, %l, %f, %g (pred, b16, b32, b64, f32, f64) are declared, %thread is the
// thread's index in the block. The host looks at the memory.
#pragma once
#include <random>
#include <string_view>

#include "instructions/families.h"
#include "machine/options.h"
#include "ptx/lexer.h"
#include "tests/harness.h"

namespace vgpu::test {

/// An array in device memory.
template <class T> class Array {
 public:
  explicit Array(std::size_t size) : size_(size), bytes_(size * sizeof(T) + 64) {
    std::memset(bytes_.data(), 0, size * sizeof(T) + 64);
  }
  Array(const std::vector<T>& values) : Array(values.size()) {
    std::memcpy(bytes_.data(), values.data(), values.size() * sizeof(T));
  }
  u64 address(std::size_t i = 0) const { return bytes_.address() + i * sizeof(T); }
  T* data() const { return bytes_.data<T>(); }
  T& operator[](std::size_t i) const { return data()[i]; }
  std::size_t size() const { return size_; }
  std::vector<T> values() const { return std::vector<T>(data(), data() + size_); }

 private:
  std::size_t size_;
  DeviceBytes bytes_;
};

struct Grid {
  u32 threads = 32, blocks = 1;
  std::string declarations = {};  // of the module: variables and functions
  u32 dynamic_shared = 0;
};

/// A kernel, to be run several times.
class Kernel {
 public:
  Kernel(const std::string& body, std::size_t pointers, const std::string& declarations = {}) {
    detail::remember_names(body);
    std::string parameters, begin;
    for (std::size_t i = 0; i < pointers; ++i) {
      const std::string name = "p" + std::to_string(i);
      parameters += (i == 0 ? ".param .u64 " : ", .param .u64 ") + name;
      begin += "ld.param.u64 %l" + std::to_string(i) + ", [" + name + "];\n";
    }
    module_ = load_module(".version 8.0\n.target sm_80\n.address_size 64\n" + declarations +
                          "\n.visible .entry kernel(" + parameters +
                          ")\n{\n.reg .pred %p<32>;\n.reg .b16 %h<64>;\n.reg .b32 %r<128>;\n"
                          ".reg .b64 %l<64>;\n.reg .f32 %f<64>;\n.reg .f64 %g<32>;\n"
                          ".reg .b32 %thread;\nmov.u32 %thread, %tid.x;\n" +
                          begin + body + "\nret;\n}\n");
  }
  void run(const std::vector<u64>& pointers, const Grid& grid = {}) const {
    Launch launch;
    launch.kernel = module_->functions.at("kernel").get();
    launch.block.x = grid.threads;
    launch.grid.x = grid.blocks;
    launch.dynamic_shared = grid.dynamic_shared;
    parse(*launch.kernel);
    REQUIRE(launch.kernel->parameter_bytes == pointers.size() * sizeof(u64));
    launch.parameters.resize(launch.kernel->parameter_bytes + 64);
    if (!pointers.empty())
      std::memcpy(launch.parameters.data(), pointers.data(), pointers.size() * sizeof(u64));
    vgpu::run(launch);
    REQUIRE_FALSE(launch.failed);
  }

 private:
  Module* module_ = nullptr;
};

inline void run_body(const std::string& body, const std::vector<u64>& pointers,
                     const Grid& grid = {}) {
  Kernel(body, pointers.size(), grid.declarations).run(pointers, grid);
}

/// "mad.wide.u32 %to, %thread, bytes, %base": the address of a thread's element.
inline std::string element(const std::string& to, const std::string& base, std::size_t bytes) {
  return "mad.wide.u32 " + to + ", %thread, " + std::to_string(bytes) + ", " + base + ";\n";
}

inline std::string number(std::size_t i) { return std::to_string(i); }

/// Random bits of any type.
class Random {
 public:
  template <class T> T bits() {
    u128 word = static_cast<u128>(engine_()) << 64 | engine_();
    T value;
    std::memcpy(&value, &word, sizeof value);
    return value;
  }
  template <class T> std::vector<T> bits(std::size_t count) {
    std::vector<T> values(count);
    for (T& value : values) value = bits<T>();
    return values;
  }
  int integer(int low, int high) {
    return low + static_cast<int>(engine_() % static_cast<u64>(high - low + 1));
  }

 private:
  std::mt19937_64 engine_{7};
};

/// Masks to run partial warps with.
inline const std::vector<Mask>& interesting_masks() {
  static const std::vector<Mask> masks = {all_lanes,   0x55555555, 0x0000ffff, 1u,
                                          0x80000000u, 0x7ffffffe, 0x00f0f00f};
  return masks;
}

/// Options for as long as it lives.
class WithThreads {
 public:
  explicit WithThreads(int threads) : before_(options.threads) { options.threads = threads; }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;
  ~WithThreads() { options.threads = before_; }

 private:
  int before_;
};

/// Whether the first row of a table with the opcode's name and number of operands has a handler.
inline bool is_implemented(std::span<const Signature> table, std::string_view opcode_text,
                           Instruction in = {}) {
  Opcode opcode;
  parse_opcode(opcode_text, opcode);
  for (const Signature& row : table)
    if (row.name == opcode.name && row.select(opcode, in) != nullptr) return true;
  return false;
}

inline void check_all_executed(std::span<const Signature> table) {
  for (const Signature& row : table) {
    INFO(row.name);
    CHECK(executed_names().count(std::string(row.name)) == 1);
  }
}

}  // namespace vgpu::test
