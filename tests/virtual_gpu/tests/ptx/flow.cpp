// SPDX-License-Identifier: MIT
// Branches, calls, and the slots of registers.
#include <doctest/doctest.h>

#include "machine/warp.h"
#include "tests/ptx/program.h"

using namespace vgpu;
using test::kernel;

TEST_CASE("branches and tables of labels") {
  const Function &f = kernel(R"(
top:
	add.s32 %r1, %r1, 1;
	@%p1 bra top;
table: .branchtargets top, end, end;
	brx.idx %r1, table;
end:
)");
  CHECK((f.code[1].run == branch));
  CHECK(f.code[1].target == 0);
  CHECK((f.code[2].run == branch_indexed));
  REQUIRE(f.branch_tables.size() == 1);
  CHECK(f.branch_tables[0] == std::vector<i32>{0, 3, 3});
  CHECK((f.code[3].run == exit_lanes));
}

TEST_CASE("calls: results, arguments, callees, and room for them") {
  Module &m = test::load(R"(
.func (.param .b64 r) g(.param .b32 a, .param .align 8 .b8 b[24])
{
	.reg .b32 %r<2>;
	ld.param.u32 %r1, [b+20];
	st.param.u32 [r+4], %r1;
	ret;
}
.entry k()
{
	.reg .b32 %r<4>;
	.reg .b64 %rd<4>;
	{
	.param .b32 p0;
	.param .align 8 .b8 p1[24];
	.param .b64 q;
	st.param.b32 [p0+0], 5;
	st.param.b32 [p1+20], %r1;
	call.uni (q), g, (p0, p1);
	ld.param.b64 %rd1, [q+0];
	}
	{
	.param .b32 p0;
	.param .b64 q;
	prototype: .callprototype (.param .b64 _) _ (.param .b32 _);
	st.param.b32 [p0], 1;
	call (q), %rd1, (p0), prototype;
	}
	ret;
}
)");
  Function &k = *m.functions.at("k");
  parse(k);
  const Instruction &call_g = k.code[2];
  CHECK((call_g.run == call));
  CHECK(k.callees.at(static_cast<std::size_t>(call_g.target)) == m.functions.at("g").get());
  const std::vector<Place> expected = {1, 2, lanes * 48, 8, 0, 4, lanes * 16, 24};
  CHECK(std::vector<Place>(call_g.extra, call_g.extra + 8) == expected);
  CHECK(k.code[1].space == Space::call);
  CHECK(k.code[1].immediate == 16 * lanes + 20);
  CHECK(k.code[1].target == 24);
  const Instruction &indirect = k.code[5];
  CHECK(indirect.target == -1);
  CHECK(indirect.a >= 0);
  // Variables of an earlier call with the same size are used again.
  CHECK(std::vector<Place>(indirect.extra, indirect.extra + 6) ==
        std::vector<Place>{1, 1, lanes * 48, 8, 0, 4});
  CHECK(k.call_bytes == 64);

  const Function &g = *m.functions.at("g");
  CHECK(g.is_parsed);
  CHECK(g.code[0].space == Space::call);
  CHECK(g.code[0].immediate == g.parameters[1].offset + 20);
  CHECK(g.code[0].target == 24);
  CHECK(g.code[1].immediate == g.results[0].offset + 4);
  CHECK((g.code[2].run == return_from));
}

TEST_CASE("registers of inner scopes hide those outside") {
  const Function &f = kernel(R"(
	mov.u32 %r1, 1;
	{
	.reg .b32 %r<3>;
	.reg .b32 x;
	mov.u32 %r1, 2;
	mov.u32 x, 3;
	st.global.v2.u32 [%rd1], {%r1, x};
	}
	st.global.u32 [%rd1], %r1;
)");
  CHECK(f.code[4].extra[0] == f.code[0].d);
  CHECK(f.code[1].d != f.code[0].d);
  CHECK(f.code[3].extra[0] == f.code[1].d);
}

TEST_CASE("a slot is used again when its value is dead") {
  std::string body = "ld.global.u32 %r0, [%rd1];\n";
  for (int i = 0; i < 100; ++i)
    body += "add.s32 %r" + std::to_string(i + 1) + ", %r" + std::to_string(i) + ", 1;\n";
  body = "{\n.reg .b32 %r<200>;\n" + body + "st.global.u32 [%rd1], %r100;\n}";
  const Function &f = kernel(body);
  CHECK(f.virtual_registers == 102);
  CHECK(f.register_slots == 2);
  CHECK(f.register_bytes == 8 * lanes + 4 * lanes);
}

TEST_CASE("values that are live together have their own slots") {
  const Function &f = kernel(
      "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1];\nadd.s32 %r5, %r1, %r2;\n"
      "add.s32 %r6, %r3, %r4;\nst.global.v2.u32 [%rd1], {%r5, %r6};");
  const Place *const d = f.code[0].extra;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < i; ++j) CHECK(d[i] != d[j]);
  CHECK(f.code[1].d != f.code[2].d);
  CHECK(f.code[1].d != f.code[2].a);
}

TEST_CASE("a value that is needed across a loop keeps its slot") {
  const Function &f = kernel(R"(
	ld.global.u32 %r1, [%rd1];
	mov.u32 %r2, 0;
top:
	add.s32 %r3, %r2, 1;
	add.s32 %r4, %r3, 1;
	mov.u32 %r2, %r4;
	setp.lt.s32 %p1, %r2, 10;
	@%p1 bra top;
	st.global.u32 [%rd1], %r1;
)");
  const Place kept = f.code[0].extra[0];
  for (std::size_t i = 1; i < 5; ++i) CHECK(f.code[i].d != kept);
  CHECK(f.code[7].extra[0] == kept);
}

TEST_CASE("a value from the last turn of a loop is not overwritten in the next") {
  const Function &f = kernel(R"(
top:
	add.s32 %r3, %r5, 1;
	st.global.u32 [%rd1], %r3;
	ld.global.u32 %r4, [%rd1];
	mov.u32 %r5, %r4;
	setp.lt.s32 %p1, %r4, 10;
	@%p1 bra top;
)");
  // %r5 lives around the back edge; %r3 and %r4 begin while it is dead or
  // dying.
  CHECK(f.code[0].a == f.code[3].d);
  CHECK(f.code[4].a != f.code[3].d);
}

TEST_CASE("a guarded write keeps the old value alive") {
  const Function &f = kernel(R"(
	mov.u32 %r1, 1;
	add.s32 %r2, %r5, 3;
	st.global.u32 [%rd1], %r2;
	@%p1 mov.u32 %r1, 2;
	st.global.u32 [%rd1], %r1;
)");
  CHECK(f.code[0].d == f.code[3].d);
  CHECK(f.code[1].d != f.code[0].d);
}

TEST_CASE("destinations that are written early do not overlap sources") {
  const Function &f = kernel(
      "setp.lt.and.s32 %p1|%p2, %r1, %r2, %p3;\nselp.b32 %r3, 1, 2, %p1;\n"
      "selp.b32 %r4, 1, 2, %p2;\nst.global.v2.u32 [%rd1], {%r3, %r4};");
  CHECK(f.code[0].d != f.code[0].c);
  CHECK(f.code[0].d2 != f.code[0].c);
  CHECK(f.code[0].d != f.code[0].d2);
}
