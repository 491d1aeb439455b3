// SPDX-License-Identifier: MIT
#include "ptx/mutate.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "machine/options.h"
#include "ptx/lexer.h"
#include "tests/ptx/program.h"

using namespace vgpu;

namespace {

std::string text_of(const Draft &draft) {
  std::string text;
  if (!draft.guard.empty())
    text = (draft.guard_negated ? "@!" : "@") + std::string(draft.guard) + " ";
  text += draft.opcode.name;
  for (const auto modifier : draft.opcode.modifiers) (text += '.') += modifier;
  for (std::size_t i = 0; i < draft.operands.size(); ++i)
    (text += i == 0 ? " " : ", ") += draft.operands[i];
  return text;
}

/// The instruction after a change, or "no".
std::string changed(std::string_view instruction, std::string_view change) {
  Draft draft;
  parse_instruction(instruction, draft);
  return apply_change(change, draft) ? text_of(draft) : "no";
}

constexpr std::string_view source = R"(
.file 1 "/src/a/gemm.h"
.entry first_kernel()
{
	.reg .b32 %r<9>;
	.reg .b64 %rd<2>;
	.loc 1 7 1
	add.s32 %r1, %r2, 1;
	sub.s32 %r3, %r1, %r2;
	.loc 1 8 1
	st.global.u32 [%rd1], %r3;
	ret;
}
)";

struct WithOptions {
  Options kept = options;
  ~WithOptions() { options = kept; }
};

}  // namespace

TEST_CASE("changes") {
  CHECK(changed("sub.s32 %r1, %r2, %r3", "swap") == "sub.s32 %r1, %r3, %r2");
  CHECK(changed("fma.rn.f32 %f1, %f2, %f3, %f4", "swap") == "fma.rn.f32 %f1, %f2, %f4, %f3");
  CHECK(changed("add.s32 %r1, %r2, %r3", "swap") == "no");
  CHECK(changed("sub.s32 %r1, %r2, %r2", "swap") == "no");
  CHECK(changed("setp.lt.s32 %p1, %r2, 4", "compare") == "setp.le.s32 %p1, %r2, 4");
  CHECK(changed("setp.neu.and.f32 %p1, %f2, %f3, %p2", "compare") ==
        "setp.equ.and.f32 %p1, %f2, %f3, %p2");
  CHECK(changed("add.s32 %r1, %r2, 1", "compare") == "no");
  CHECK(changed("add.s32 %r1, %r2, 1", "opcode") == "sub.s32 %r1, %r2, 1");
  CHECK(changed("mul.lo.s32 %r1, %r2, 3", "opcode") == "add.s32 %r1, %r2, 3");
  CHECK(changed("mul.wide.s32 %rd1, %r2, 3", "opcode") == "no");
  CHECK(changed("mad.lo.s32 %r1, %r2, 3, %r4", "opcode") == "mul.lo.s32 %r1, %r2, 3");
  CHECK(changed("fma.rn.f32 %f1, %f2, %f3, %f4", "opcode") == "mul.rn.f32 %f1, %f2, %f3");
  CHECK(changed("max.f32 %f1, %f2, %f3", "opcode") == "min.f32 %f1, %f2, %f3");
  CHECK(changed("xor.b32 %r1, %r2, %r3", "opcode") == "or.b32 %r1, %r2, %r3");
  CHECK(changed("shr.u32 %r1, %r2, 3", "opcode") == "shl.b32 %r1, %r2, 3");
  CHECK(changed("shl.b64 %rd1, %rd2, 3", "opcode") == "shr.b64 %rd1, %rd2, 3");
  CHECK(changed("atom.global.add.u32 %r1, [%rd1], 1", "opcode") ==
        "atom.global.max.u32 %r1, [%rd1], 1");
  CHECK(changed("cvt.rn.bf16.f32 %rs1, %f1", "opcode") == "cvt.rz.bf16.f32 %rs1, %f1");
  CHECK(changed("ld.global.f32 %f1, [%rd1+8]", "offset+1") == "ld.global.f32 %f1, [%rd1+12]");
  CHECK(changed("ld.global.f64 %fd1, [%rd1]", "offset-2") == "ld.global.f64 %fd1, [%rd1+-16]");
  CHECK(changed("cp.async.cg.shared.global [%r1], [%rd1], 16", "offset+1") ==
        "cp.async.cg.shared.global [%r1+16], [%rd1], 16");
  CHECK(changed("add.s32 %r1, %r2, -1", "constant+1") == "add.s32 %r1, %r2, 0");
  CHECK(changed("add.f32 %f1, %f2, 0f3F800000", "constant+1") == "add.f32 %f1, %f2, 0f40000000");
  CHECK(changed("add.s32 %r1, %r2, %r3", "constant+1") == "no");
  CHECK(changed("@%p1 bra A", "negate") == "@!%p1 bra A");
  CHECK(changed("bra A", "negate") == "no");
  CHECK(changed("bar.sync 0", "drop") == ".sync 0");
  CHECK(changed("add.s32 %r1, %r2, 1", "drop") == "no");
  CHECK(changed("bra A", "drop") == "no");
  CHECK(changed("add.s32 %r1, %r2, 1", "explode") == "no");
}

TEST_CASE("what an instruction allows") {
  Draft draft;
  parse_instruction("@%p1 st.global.u32 [%rd1], 0", draft);
  CHECK(possible_changes(draft) ==
        std::vector<std::string>{"constant+1", "negate", "drop", "offset+1", "offset-1"});
  parse_instruction("ld.param.u32 %r1, [k_param_0]", draft);
  CHECK(possible_changes(draft).empty());
}

TEST_CASE("mutations are applied by kernel, file, line and index") {
  const WithOptions restored;
  options.mutations = {"first@a/gemm.h:7#1=swap", "first@gemm.h:8=drop", "second@gemm.h:7=opcode",
                       "first@m.h:7=opcode", "first@gemm.h:7#2=opcode"};
  Function &f = *test::load(source).functions.at("first_kernel");
  parse(f);
  REQUIRE(f.code.size() == 4);
  CHECK(f.code[1].b == f.code[0].d);
  CHECK(unused_mutations() == std::vector<std::string>{"second@gemm.h:7=opcode",
                                                       "first@m.h:7=opcode",
                                                       "first@gemm.h:7#2=opcode"});
}

TEST_CASE("the list of possible changes") {
  const WithOptions restored;
  char path[] = "/tmp/mutantsXXXXXX";
  close(mkstemp(path));
  options.list_mutants = path;
  Function &f = *test::load(source).functions.at("first_kernel");
  parse(f);
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  std::remove(path);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0] ==
        "{\"kernel\": \"first_kernel\", \"file\": "
        "\"/src/a/gemm.h\", \"line\": 7, \"index\": 0, "
        "\"opcode\": \"add.s32\", \"change\": \"opcode\"}");
  CHECK(lines[2].ends_with("\"index\": 1, \"opcode\": \"sub.s32\", \"change\": \"swap\"}"));
}
