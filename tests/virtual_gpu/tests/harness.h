// SPDX-License-Identifier: MIT
// Runs PTX text on the virtual GPU: one thread for each element of the input columns. The text
// reads registers %a, %b, %c, %e, %f and writes %d and %d2:
//
//   const auto d = execute<u32>("shl.b32 %d, %a, %b;", a, b);
//
// A column of Flag is a predicate register; columns of 8 bits are registers of 16. Everything is
// run again with some lanes off, by a guard and by a branch: they must keep what they had, the
// others must do the same as before.
#pragma once
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "machine/warp.h"
#include "memory/device_memory.h"
#include "ptx/program.h"

namespace vgpu::test {

/// An element of a column of predicates.
struct Flag {
  u8 value = 0;
  Flag() = default;
  Flag(bool v) : value(v) {}
  operator bool() const { return value != 0; }
};

/// How to run: defaults suit instructions that treat each lane by itself.
struct Setup {
  std::string declarations = {};  // at the beginning of the module, such as .shared variables
  u32 threads = 128;              // of a block, at most; always a multiple of 32
  u32 dynamic_shared = 0;
  bool with_lanes_off = true;  // false if the result depends on the other lanes
};

/// The names of instructions that tests have executed, such as "add.f32" and "add".
inline std::set<std::string>& executed_names() {
  static std::set<std::string> names;
  return names;
}

/// A register and its value in each thread.
struct Column {
  std::string name;
  u32 bytes = 4;
  bool is_predicate = false;
  std::vector<u8> data = {};

  std::string type() const {
    return is_predicate ? "pred" : "b" + std::to_string(8 * (bytes == 1 ? 2 : bytes));
  }
};

template <class T> Column make_column(std::string name, const std::vector<T>& values = {}) {
  Column column{std::move(name), sizeof(T), std::is_same_v<T, Flag>, {}};
  column.data.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(column.data.data(), values.data(), column.data.size());
  return column;
}
template <class T> std::vector<T> values_of(const Column& column) {
  std::vector<T> values(column.data.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), column.data.data(), column.data.size());
  return values;
}

/// Device memory for as long as it is needed.
class DeviceBytes {
 public:
  explicit DeviceBytes(std::size_t bytes) : address_(allocate(bytes == 0 ? 1 : bytes, true)) {
    REQUIRE(address_ != 0);
  }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  ~DeviceBytes() { release(address_); }
  u64 address() const { return address_; }
  template <class T = u8> T* data() const { return host_address<T>(address_); }

 private:
  u64 address_;
};

namespace detail {

enum class Variant { all_lanes, guarded, branched };

inline bool is_on(std::size_t thread) { return (thread * 2654435761u >> 13 & 3) != 0; }

/// What an output register holds before the text runs.
inline u8 old_byte(std::size_t byte) { return static_cast<u8>(0xa5 + 7 * byte); }

/// Remembers "add" and "add.f32" of "add.rn.f32 %d, %a, %b;".
inline void remember_names(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    std::size_t begin = text.find_first_not_of(" \n\t{}", at);
    if (begin < end && text[begin] == '@')
      begin = text.find_first_not_of(' ', text.find(' ', begin));
    if (begin < end && text[begin] != '.') {
      const std::string opcode = text.substr(begin, text.find_first_of(" ;", begin) - begin);
      const std::string name = opcode.substr(0, opcode.find('.'));
      executed_names().insert(name);
      for (std::size_t dot = opcode.find('.'); dot != std::string::npos;) {
        const std::size_t next = opcode.find('.', dot + 1);
        executed_names().insert(name + opcode.substr(dot, next - dot));
        dot = next;
      }
    }
    at = end + 1;
  }
}

inline std::string access(const Column& column, bool is_load) {
  const std::string type = column.is_predicate ? "b32" : "b" + std::to_string(8 * column.bytes);
  const std::string reg = column.is_predicate ? "%flag" : column.name;
  const std::string load = column.bytes == 1 ? "ld.global.u8 " : "ld.global." + type + " ";
  const std::string store = column.bytes == 1 ? "st.global.u8 " : "st.global." + type + " ";
  if (is_load) {
    if (column.is_predicate)
      return "ld.global.u8 %flag, [%address]; setp.ne.b16 " + column.name + ", %flag, 0;\n";
    return load + reg + ", [%address];\n";
  }
  if (column.is_predicate)
    return "selp.b16 %flag, 1, 0, " + column.name + "; st.global.u8 [%address], %flag;\n";
  return store + "[%address], " + reg + ";\n";
}

/// A kernel that loads the columns (%on last), runs the text and stores the outputs.
inline std::string kernel_text(const std::string& name, const std::string& text,
                               const std::vector<Column>& inputs,
                               const std::vector<Column>& outputs, Variant variant) {
  const std::size_t count = inputs.size() + 2 * outputs.size();
  std::string parameters, body;
  for (std::size_t i = 0; i < count; ++i)
    parameters += (i == 0 ? "" : ", ") + (".param .u64 p" + std::to_string(i));
  std::size_t number = 0;
  const auto point = [&](const Column& column) {
    body += "ld.param.u64 %address, [p" + std::to_string(number++) + "];\nmad.wide.u32 %address, " +
            "%thread, " + std::to_string(column.bytes) + ", %address;\n";
  };
  for (const auto* columns : {&inputs, &outputs})
    for (const Column& column : *columns) {
      body += ".reg ." + column.type() + " " + column.name + ";\n";
      point(column);
      body += access(column, true);
    }
  if (variant == Variant::all_lanes) body += text + "\n";
  if (variant == Variant::guarded) body += "@%on " + text + "\n";
  if (variant == Variant::branched) body += "@!%on bra BEHIND;\n" + text + "\nBEHIND:\n";
  for (const Column& column : outputs) {
    point(column);
    body += access(column, false);
  }
  return ".visible .entry " + name + "(" + parameters +
         ")\n{\n.reg .b32 %thread, %block, %size;\n.reg .b64 %address;\n.reg .b16 %flag;\n"
         "mov.u32 %thread, %tid.x;\nmov.u32 %block, %ctaid.x;\nmov.u32 %size, %ntid.x;\n"
         "mad.lo.u32 %thread, %block, %size, %thread;\n" +
         body + "ret;\n}\n";
}

/// A column in device memory, padded to full blocks with its last element.
inline void copy_padded(const Column& column, std::size_t threads, DeviceBytes& to) {
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t from = std::min(i, column.data.size() / column.bytes - 1);
    std::memcpy(to.data() + i * column.bytes, column.data.data() + from * column.bytes,
                column.bytes);
  }
}

inline void launch(Function& kernel, std::size_t threads, u32 block, u32 dynamic_shared,
                   const std::vector<u64>& pointers) {
  Launch launch;
  launch.kernel = &kernel;
  launch.block.x = block;
  launch.grid.x = static_cast<u32>(threads / block);
  launch.dynamic_shared = dynamic_shared;
  launch.parameters.resize(kernel.parameter_bytes + 64);
  REQUIRE(kernel.parameter_bytes == pointers.size() * sizeof(u64));
  std::memcpy(launch.parameters.data(), pointers.data(), pointers.size() * sizeof(u64));
  run(launch);
  REQUIRE_FALSE(launch.failed);
}

/// One variant's outputs.
inline std::vector<Column> outputs_of(Function& kernel, const Setup& setup, std::size_t elements,
                                      const std::vector<Column>& inputs,
                                      const std::vector<Column>& outputs) {
  const std::size_t rounded = (elements + lanes - 1) / lanes * lanes;
  const u32 block = static_cast<u32>(std::min<std::size_t>(rounded, setup.threads));
  const std::size_t threads = (rounded + block - 1) / block * block;
  std::vector<std::unique_ptr<DeviceBytes>> memory;
  std::vector<u64> pointers;
  const auto add = [&](std::size_t bytes) -> DeviceBytes& {
    memory.push_back(std::make_unique<DeviceBytes>(bytes));
    pointers.push_back(memory.back()->address());
    return *memory.back();
  };
  for (const Column& column : inputs) copy_padded(column, threads, add(threads * column.bytes));
  for (const Column& column : outputs) {
    DeviceBytes& old = add(threads * column.bytes);
    for (std::size_t i = 0; i < threads * column.bytes; ++i)
      old.data()[i] = column.is_predicate ? i & 1 : old_byte(i % column.bytes);
  }
  for (const Column& column : outputs) add(threads * column.bytes);
  launch(kernel, threads, block, setup.dynamic_shared, pointers);

  std::vector<Column> results = outputs;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const u8* const from = memory[inputs.size() + outputs.size() + k]->data();
    results[k].data.assign(from, from + elements * outputs[k].bytes);
  }
  return results;
}

inline void check_lanes_off(const std::vector<Column>& all, const std::vector<Column>& some) {
  for (std::size_t k = 0; k < all.size(); ++k) {
    const u32 bytes = all[k].bytes;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all[k].data.size(); ++i) {
      const u8 old = all[k].is_predicate ? i & 1 : old_byte(i % bytes);
      const u8 expected = is_on(i / bytes) ? all[k].data[i] : old;
      wrong += some[k].data[i] != expected;
    }
    INFO("bytes of " << all[k].name << " with lanes off");
    CHECK(wrong == 0);
  }
}

inline std::vector<Column> execute_columns(const std::string& text, std::vector<Column> inputs,
                                           const std::vector<Column>& outputs, const Setup& setup) {
  INFO(text);
  remember_names(text);
  REQUIRE_FALSE(inputs.empty());
  const std::size_t elements = inputs[0].data.size() / inputs[0].bytes;
  for (const Column& column : inputs) REQUIRE(column.data.size() == elements * column.bytes);
  std::vector<Flag> on(elements);
  for (std::size_t i = 0; i < elements; ++i) on[i] = is_on(i);
  inputs.push_back(make_column("%on", on));

  const bool is_single = text.find(';') == text.size() - 1 && text[0] != '@' && text[0] != '.';
  std::string ptx = ".version 8.0\n.target sm_80\n.address_size 64\n" + setup.declarations + "\n" +
                    kernel_text("plain", text, inputs, outputs, Variant::all_lanes);
  if (setup.with_lanes_off)
    ptx += kernel_text("branched", text, inputs, outputs, Variant::branched);
  if (setup.with_lanes_off && is_single)
    ptx += kernel_text("guarded", text, inputs, outputs, Variant::guarded);
  Module* const module = load_module(ptx);
  const auto kernel = [module](const char* name) -> Function& {
    return *module->functions.at(name);
  };
  auto all = outputs_of(kernel("plain"), setup, elements, inputs, outputs);
  if (setup.with_lanes_off)
    check_lanes_off(all, outputs_of(kernel("branched"), setup, elements, inputs, outputs));
  if (setup.with_lanes_off && is_single)
    check_lanes_off(all, outputs_of(kernel("guarded"), setup, elements, inputs, outputs));
  return all;
}

template <class... Inputs> std::vector<Column> input_columns(const std::vector<Inputs>&... inputs) {
  static constexpr const char* names[] = {"%a", "%b", "%c", "%e", "%f"};
  std::size_t i = 0;
  return {make_column(names[i++], inputs)...};
}

}  // namespace detail

template <class D, class... Inputs>
std::vector<D> execute(const Setup& setup, const std::string& text,
                       const std::vector<Inputs>&... inputs) {
  const auto results = detail::execute_columns(text, detail::input_columns(inputs...),
                                               {make_column<D>("%d")}, setup);
  return values_of<D>(results[0]);
}
template <class D, class... Inputs>
std::vector<D> execute(const std::string& text, const std::vector<Inputs>&... inputs) {
  return execute<D>(Setup{}, text, inputs...);
}

/// With a second destination, %d2.
template <class D, class D2, class... Inputs>
std::pair<std::vector<D>, std::vector<D2>> execute_two(const Setup& setup, const std::string& text,
                                                       const std::vector<Inputs>&... inputs) {
  const auto results =
      detail::execute_columns(text, detail::input_columns(inputs...),
                              {make_column<D>("%d"), make_column<D2>("%d2")}, setup);
  return {values_of<D>(results[0]), values_of<D2>(results[1])};
}
template <class D, class D2, class... Inputs>
std::pair<std::vector<D>, std::vector<D2>> execute_two(const std::string& text,
                                                       const std::vector<Inputs>&... inputs) {
  return execute_two<D, D2>(Setup{}, text, inputs...);
}

}  // namespace vgpu::test
