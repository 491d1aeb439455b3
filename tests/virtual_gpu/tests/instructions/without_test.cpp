// SPDX-License-Identifier: MIT
// Says which instructions no test has executed. The name of the file makes it the last to run.
#include "instructions/families.h"
#include "tests/harness.h"

namespace vgpu::test {

TEST_CASE("each arithmetic instruction has been executed") {
  const auto& executed = executed_names();
  if (executed.size() < 100) return;  // only some tests were asked for
  for (const auto family : {integer_instructions(), float_instructions(), half_instructions(),
                            convert_instructions(), compare_instructions(), move_instructions()})
    for (const Signature& row : family) {
      INFO(row.name);
      CHECK(executed.contains(std::string(row.name)));
    }
  // Names that the families share.
  for (const std::string name : {"add", "sub", "mul", "min", "max", "abs", "neg"})
    for (const std::string type : {".s32", ".f32", ".f64", ".f16", ".f16x2", ".bf16", ".bf16x2"}) {
      INFO(name << type);
      CHECK(executed.contains(name + type));
    }
  for (const std::string name :
       {"fma.f16", "fma.f16x2", "fma.bf16", "fma.bf16x2", "fma.f32", "fma.f64", "ex2.f32",
        "tanh.f32", "tanh.f16", "tanh.bf16", "add.cc", "sub.cc", "mad.cc", "and.pred", "or.pred",
        "xor.pred", "not.pred"}) {
    INFO(name);
    CHECK(executed.contains(name));
  }
}

}  // namespace vgpu::test
