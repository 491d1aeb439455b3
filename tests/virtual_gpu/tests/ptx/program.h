// SPDX-License-Identifier: MIT
// Small PTX programs for the tests of the front end.
#pragma once
#include <string>
#include <string_view>

#include "ptx/program.h"

namespace vgpu::test {

inline Module& load(std::string_view declarations) {
  return *load_module(".version 9.0\n.target sm_80\n.address_size 64\n" +
                      std::string(declarations));
}

/// A kernel "k" with a body and 8 registers of each usual kind: %p, %rs, %r, %rd, %f, %fd.
inline Function& kernel(std::string_view body, std::string_view before = "",
                        std::string_view parameters = "") {
  const std::string text = std::string(before) + "\n.visible .entry k(" + std::string(parameters) +
                           ")\n{\n.reg .pred %p<8>;\n.reg .b16 %rs<8>;\n.reg .b32 %r<8>;\n"
                           ".reg .b64 %rd<8>;\n.reg .f32 %f<8>;\n.reg .f64 %fd<8>;\n" +
                           std::string(body) + "\nret;\n}\n";
  Function& function = *load(text).functions.at("k");
  parse(function);
  return function;
}

/// A lane of a constant.
template <class T> T constant(const Function& function, Place place, int lane = 0) {
  T value;
  std::memcpy(&value,
              reinterpret_cast<const u8*>(function.constants.data()) + ~place +
                  sizeof(T) * static_cast<unsigned>(lane),
              sizeof value);
  return value;
}

}  // namespace vgpu::test
