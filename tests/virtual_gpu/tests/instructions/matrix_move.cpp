// SPDX-License-Identifier: MIT
// ldmatrix against plain loops.
#include "checks/report.h"
#include "tests/kernel.h"

namespace vgpu::test {
namespace {

u32 pair_of(u16 low, u16 high) { return low | u32{high} << 16; }

void check_load_matrix(int matrices, bool transposed, bool generic) {
  Random random;
  const auto content = random.bits<u16>(1024);  // 128 rows of 8
  const Array<u16> in(content);
  const Array<u32> rows(lanes), out(static_cast<std::size_t>(matrices * lanes));
  for (u32 i = 0; i < lanes; ++i) rows[i] = static_cast<u32>(random.integer(0, 127));
  std::string list;
  for (int k = 0; k < matrices; ++k) list += (k == 0 ? "%r" : ", %r") + number(20u + k);
  const std::string opcode = "ldmatrix.sync.aligned.x" + number(matrices) +
                             (transposed ? ".trans" : "") + ".m8n8" + (generic ? "" : ".shared") +
                             ".b16";
  INFO(opcode);
  std::string text =
      "mov.u32 %r1, s;\n" + element("%l3", "%l0", 64) + "mad.lo.u32 %r2, %thread, 64, %r1;\n";
  for (int k = 0; k < 64; k += 16)
    text += "ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%l3+" + number(k) +
            "];\nst.shared.v4.u32 [%r2+" + number(k) + "], {%r3, %r4, %r5, %r6};\n";
  text += "bar.sync 0;\n" + element("%l4", "%l1", 4) +
          "ld.global.u32 %r7, [%l4];\nmad.lo.u32 %r8, %r7, 16, %r1;\ncvt.u64.u32 %l5, %r8;\n"
          "cvta.shared.u64 %l5, %l5;\n" +
          opcode + " {" + list + "}, [" + (generic ? "%l5" : "%r8") + "];\n" +
          element("%l6", "%l2", 4);
  for (int k = 0; k < matrices; ++k)
    text += "st.global.u32 [%l6+" + number(128 * k) + "], %r" + number(20u + k) + ";\n";
  run_body(text, {in.address(), rows.address(), out.address()},
           {.declarations = ".shared .align 16 .b8 s[2048];"});
  for (int k = 0; k < matrices; ++k) {
    const auto at = [&](int r, int c) { return content[8 * rows[8 * k + r] + c]; };
    for (int i = 0; i < lanes; ++i) {
      const int g = i / 4, t = i % 4;
      const u32 expected = transposed ? pair_of(at(2 * t, g), at(2 * t + 1, g))
                                      : pair_of(at(g, 2 * t), at(g, 2 * t + 1));
      CHECK(out[lanes * k + i] == expected);
    }
  }
}

TEST_CASE("ldmatrix") {
  for (const int matrices : {1, 2, 4})
    for (const bool transposed : {false, true})
      for (const bool generic : {false, true}) check_load_matrix(matrices, transposed, generic);
}

TEST_CASE("a warp that is not complete is reported") {
  const u64 before = reports();
  run_body(
      "mov.u32 %r1, s;\nsetp.eq.u32 %p1, %thread, 0;\n"
      "@%p1 st.shared.v4.u32 [s], {%r1, %r1, %r1, %r1};\nbar.sync 0;\n"
      "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r1];",
      {}, {.threads = 20, .declarations = ".shared .align 16 .b8 s[64];"});
  CHECK(reports() == before + 1);
}

TEST_CASE("every form of ldmatrix was executed") {
  for (const char* name :
       {"ldmatrix", "ldmatrix.x1", "ldmatrix.x2", "ldmatrix.x4", "ldmatrix.trans"})
    CHECK_MESSAGE(executed_names().count(name) == 1, name);
}

}  // namespace
}  // namespace vgpu::test
