// SPDX-License-Identifier: MIT
// Where operands are placed, and what else an instruction is told.
#include <doctest/doctest.h>

#include "instructions/families.h"
#include "ptx/builder.h"
#include "tests/ptx/program.h"

using namespace vgpu;
using test::constant;
using test::kernel;

namespace {

bool matches(std::string_view words, std::vector<std::string_view> operands) {
  const Signature signature{"x", words, Class::integer, nullptr};
  return fits(parse_signature(signature), operands);
}

}  // namespace

TEST_CASE("rows fit operands by form") {
  CHECK(matches("=T T T", {"%r1", "%r2", "-3"}));
  CHECK(!matches("=T T T", {"%r1", "%r2"}));
  CHECK(!matches("=T T", {"%r1", "%r2", "%r3"}));
  CHECK(!matches("=T T", {"%r1", "[%rd1]"}));
  CHECK(!matches("=T T", {"%r1", "{%r2, %r3}"}));
  CHECK(matches("={T} [a]", {"%r1", "[%rd1]"}));
  CHECK(matches("={T} [a]", {"{%r1, %r2}", "[%rd1]"}));
  CHECK(!matches("={T} [a]", {"[%rd1]", "[%rd1]"}));
  CHECK(matches("=T|p T", {"%r1|%p1", "%r2"}));
  CHECK(matches("=T|p T", {"%r1", "%r2"}));
  CHECK(!matches("=T T", {"%r1|%p1", "%r2"}));
  CHECK(matches("T # ?pred", {"%r1", "0x3f"}));
  CHECK(!matches("T # ?pred", {"%r1", "%r2"}));
  CHECK(matches("", {}));
}

TEST_CASE("optional operands") {
  CHECK(matches("u32 ?u32", {"0"}));
  CHECK(matches("u32 ?u32", {"0", "%r1"}));
  CHECK(!matches("u32 ?u32", {"0", "%r1", "%r2"}));
  CHECK(matches("?#", {}));
}

TEST_CASE("sources take a, b and c, then extra; the fourth is counted") {
  const Function &f = kernel("bfi.b32 %r1, %r2, %r3, 4, 5;\nst.global.u32 [%rd1], %r1;");
  const Instruction &in = f.code[0];
  CHECK(in.a != in.b);
  CHECK(in.a >= 0);
  CHECK(constant<u32>(f, in.c, 31) == 4);
  REQUIRE(in.count == 1);
  CHECK(constant<u32>(f, in.extra[0]) == 5);
  CHECK(in.sources == 4);
  CHECK(in.size == 4);
  CHECK(in.width == 4);
  CHECK(f.code[1].extra[0] == in.d);
}

TEST_CASE("constants are broadcast, aligned and shared") {
  const Function &f = kernel(
      "add.s32 %r1, %r2, -1;\nadd.s32 %r3, %r1, -1;\nadd.s64 %rd1, %rd2, -1;\n"
      "add.f32 %f1, %f2, 0f40000000;\nadd.s16 %rs1, %rs2, -2;");
  CHECK(f.code[0].b == f.code[1].b);
  CHECK(~f.code[0].b % 64 == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(f.constants.data()) % 64 == 0);
  for (int lane = 0; lane < lanes; ++lane) {
    CHECK(constant<i32>(f, f.code[0].b, lane) == -1);
    CHECK(constant<i64>(f, f.code[2].b, lane) == -1);
    CHECK(constant<float>(f, f.code[3].b, lane) == 2.f);
    CHECK(constant<i16>(f, f.code[4].b, lane) == -2);
  }
}

TEST_CASE("addresses: registers, symbols, numbers, offsets") {
  const Function &f = kernel(
      "ld.global.u32 %r1, [%rd1+8];\nld.global.u32 %r1, "
      "[%rd1+-8];\nld.shared.u32 %r1, [%r2];\n"
      "ld.global.u32 %r1, [g+4];\nld.shared.u32 %r1, "
      "[s+12];\nld.global.u32 %r1, [64];\n"
      "ld.volatile.shared::cta.v2.u32 {%r1, _}, [%r2+4];",
      ".global .align 4 .b8 g[16];\n.shared .align 4 .b8 s[16];");
  CHECK(f.code[0].immediate == 8);
  CHECK(f.code[0].form == AddressForm::wide);
  CHECK(f.code[0].space == Space::global);
  CHECK(f.code[1].immediate == -8);
  CHECK(f.code[2].form == AddressForm::narrow);
  CHECK(f.code[2].space == Space::shared);
  CHECK(f.code[3].immediate == 4);
  CHECK(constant<u64>(f, f.code[3].a, 5) == f.module->symbols.at("g").address);
  CHECK(f.code[4].immediate == 12);
  CHECK(constant<u64>(f, f.code[4].a) == shared_begin);
  CHECK(constant<u64>(f, f.code[5].a) == 64);
  CHECK(f.code[6].count == 2);
  CHECK(f.code[6].extra[0] != f.code[6].extra[1]);
  CHECK(f.code[6].order == strong);
  CHECK(f.code[6].space == Space::shared);
}

TEST_CASE("wider registers in loads, stores and conversions") {
  const Function &f = kernel(
      "ld.global.u8 %rs1, [%rd1];\nld.global.s16 %r1, "
      "[%rd1];\nst.global.u8 [%rd1], %r1;\n"
      "cvt.u64.u8 %rd2, %r1;\nst.global.v2.u8 [%rd1], {%rs1, 7};");
  CHECK(f.code[0].size == 1);
  CHECK(f.code[0].width == 2);
  CHECK(f.code[1].size == 2);
  CHECK(f.code[1].width == 4);
  CHECK(f.code[2].size == 1);
  CHECK(f.code[2].width == 4);
  CHECK(f.code[3].width == 8);
  CHECK(f.code[3].source_width == 4);
  CHECK(constant<u16>(f, f.code[4].extra[1]) == 7);
}

TEST_CASE("second destinations, sinks, negated predicates and guards") {
  const Function &f = kernel(
      "setp.lt.and.s32 %p1|%p2, %r1, 3, !%p3;\n@!%p1 add.s32 %r1, %r1, 1;\n"
      "shfl.sync.idx.b32 %r2|%p4, %r1, 0, 31, -1;\nshfl.sync.idx.b32 _|%p4, "
      "%r1, 0, 31, -1;\n"
      "@%p4 st.global.u32 [%rd1], %r2;");
  CHECK((f.code[0].run == negate_predicate));
  const Instruction &compare = f.code[1];
  CHECK(compare.c == f.code[0].d);
  CHECK(compare.has_second);
  CHECK(compare.d != compare.d2);
  CHECK(f.code[2].guard == compare.d);
  CHECK(f.code[2].guard_negated);
  CHECK(f.code[3].has_second);
  CHECK(f.code[5].guard == f.code[4].d2);
  CHECK(!f.code[5].guard_negated);
}

TEST_CASE("packing and unpacking") {
  const Function &f = kernel(
      "mov.b64 %rd1, {%r1, 0};\nmov.b64 {_, %r2}, %rd1;\nmov.b32 %r3, "
      "{%rs1, %rs2};\n"
      "st.global.u32 [%rd1], %r2;\nst.global.u32 [%rd1], %r3;");
  CHECK(f.code[0].count == 2);
  CHECK(constant<u32>(f, f.code[0].extra[1], 31) == 0);
  CHECK(f.code[0].extra[0] % 64 == 0);
  CHECK(f.code[1].extra[1] == f.code[3].extra[0]);
  CHECK(f.code[2].count == 2);
}

TEST_CASE("special registers and addresses that depend on the lane or the launch") {
  const Function &f = kernel(
      ".local .align 8 .b8 depot[24];\nmov.u32 %r1, %tid.x;\nadd.s32 %r2, %r1, "
      "%ctaid.x;\n"
      "mov.u64 %rd1, depot;\nmov.u64 %rd2, a;\nmov.u32 %r3, "
      "dynamic;\nld.shared.u32 %r4, "
      "[dynamic+8];\nld.param.u32 %r5, [a+4];\nst.global.u32 [%rd1], %r2;",
      ".extern .shared .align 4 .b8 dynamic[];", ".param .u32 z, .param .align 8 .b8 a[16]");
  CHECK(f.code[0].d == f.code[2].a);
  CHECK(f.code[2].b == f.code[1].d);
  CHECK(f.local_bytes == 32);
  CHECK((f.code[3].run == move_address));
  CHECK(f.code[3].target == address_local);
  CHECK(f.code[4].target == address_parameter);
  CHECK(f.code[4].immediate == 8);
  CHECK(f.code[5].target == address_dynamic_shared);
  CHECK(f.code[5].width == 4);
  CHECK(f.code[6].target == address_dynamic_shared);
  CHECK(f.code[6].width == 8);
  CHECK(f.code[7].a == f.code[6].d);
  CHECK(f.code[7].immediate == 8);
  CHECK(f.code[8].space == Space::param);
  CHECK(f.code[8].immediate == 12);
}

TEST_CASE("orders") {
  const Function &f = kernel(
      "ld.relaxed.gpu.global.u32 %r1, "
      "[%rd1];\nld.acquire.gpu.global.u32 %r1, [%rd1];\n"
      "st.release.gpu.global.u32 [%rd1], "
      "%r1;\natom.acq_rel.gpu.global.add.u32 %r1, [%rd1], 1;\n"
      "ld.global.u32 %r1, [%rd1];");
  CHECK(f.code[0].order == strong);
  CHECK(f.code[1].order == (strong | acquires));
  CHECK(f.code[2].order == (strong | releases));
  CHECK(f.code[3].order == (strong | acquires | releases));
  CHECK(f.code[4].order == weak);
}
