// SPDX-License-Identifier: MIT
#include "ptx/lexer.h"

#include <doctest/doctest.h>

using namespace vgpu;
using Kind = Statement::Kind;

TEST_CASE("comments become blanks, strings and lines stay") {
  std::string text = "a // b\n.file 1 \"/x//y/*z\" // \"c\n.pragma \"//\"; g /h";
  blank_comments(text);
  CHECK(text == "a     \n.file 1 \"/x//y/*z\"      \n.pragma \"//\"; g /h");
}

TEST_CASE("split leaves groups together") {
  using Pieces = std::vector<std::string_view>;
  CHECK(split(" {%r1, %r2} , [%rd1+4],\n (a, b) ,c") ==
        Pieces{"{%r1, %r2}", "[%rd1+4]", "(a, b)", "c"});
  CHECK(split("  \n").empty());
  CHECK(split("a,,b") == Pieces{"a", "", "b"});
}

TEST_CASE("groups in brackets") {
  std::string_view text = "(a (b) c) .rest";
  CHECK(next_group(text) == "a (b) c");
  CHECK(text == ".rest");
  Scanner scanner(".entry k(.param .b32 a)\n{\n{ a }\n}\n.x;", 1);
  CHECK(scanner.next().text == ".entry k(.param .b32 a)");
  CHECK(scanner.line() == 2);
  CHECK(scanner.body() == "\n{ a }\n");
  CHECK(!scanner.body());
  CHECK(scanner.next().line == 5);
}

TEST_CASE("statements of a body, with their lines") {
  Scanner scanner(
      "\n.loc 1 2 3\n$L__BB0_1:\n@%p1 bra $L__BB0_1;\n{\ncall "
      "(r),\nf,\n(a);\n}\n"
      "t : .branchtargets A, B;.pragma \"a\"; x.y::z;\n.shared .b8 "
      "a[2] = {1, 2};",
      10);
  const auto expect = [&](Kind kind, std::string_view text, u32 line) {
    const Statement s = scanner.next();
    CHECK(s.kind == kind);
    CHECK(s.text == text);
    CHECK(s.line == line);
  };
  expect(Kind::directive, ".loc 1 2 3", 11);
  expect(Kind::label, "$L__BB0_1", 12);
  expect(Kind::instruction, "@%p1 bra $L__BB0_1", 13);
  expect(Kind::open, "{", 14);
  expect(Kind::instruction, "call (r),\nf,\n(a)", 15);
  expect(Kind::close, "}", 18);
  expect(Kind::label, "t", 19);
  expect(Kind::directive, ".branchtargets A, B", 19);
  expect(Kind::directive, ".pragma \"a\"", 19);
  expect(Kind::instruction, "x.y::z", 19);
  expect(Kind::directive, ".shared .b8 a[2] = {1, 2}", 20);
  expect(Kind::end, "", 20);
}

TEST_CASE("instructions are taken apart") {
  Draft draft;
  parse_instruction("@!%p3 ld.global.L2::128B.v2.f32 {%f1,%f2}, [%rd1+-8]", draft);
  CHECK(draft.guard == "%p3");
  CHECK(draft.guard_negated);
  CHECK(draft.opcode.name == "ld");
  CHECK(draft.opcode.modifiers == std::vector<std::string_view>{"global", "L2::128B", "v2", "f32"});
  CHECK(draft.opcode.types == std::vector<Type>{Type::f32});
  CHECK(draft.operands == std::vector<std::string_view>{"{%f1,%f2}", "[%rd1+-8]"});
  parse_instruction("ret", draft);
  CHECK(draft.guard.empty());
  CHECK(draft.operands.empty());
}

TEST_CASE("numbers") {
  const auto bits = [](std::string_view text, Type type) {
    const auto value = parse_number(text, type);
    REQUIRE_MESSAGE(value.has_value(), std::string(text));
    return *value;
  };
  CHECK(bits("0", Type::u32) == 0);
  CHECK(bits("-1", Type::s32) == ~u64{0});
  CHECK(bits("0xFFU", Type::u32) == 255);
  CHECK(bits("0x1e5", Type::u32) == 0x1e5);
  CHECK(bits("4294967295U", Type::u32) == 4294967295u);
  CHECK(bits("0xFFFFFFFFFFFFFFFF", Type::u64) == ~u64{0});
  CHECK(bits("0f3F800000", Type::f32) == 0x3f800000);
  CHECK(bits("0F3F800000", Type::b32) == 0x3f800000);
  CHECK(bits("0d3FF0000000000000", Type::f64) == 0x3ff0000000000000);
  for (const auto text :
       {"", "-", "x", "%r1", "0x", "12a", "0f3F8", "1.5", "3", "0d3FF0000000000000"})
    CHECK_MESSAGE(!parse_number(text, Type::f32), text);
  for (const auto text : {"017", "08", "0b1", "1.5", "0d3FF0000000000000"})
    CHECK_MESSAGE(!parse_number(text, Type::u32), text);
}

TEST_CASE("offsets of addresses") {
  const auto cut = [](std::string_view text, std::string_view base, i64 offset) {
    CHECK(cut_offset(text) == offset);
    CHECK(text == base);
  };
  cut("%rd1", "%rd1", 0);
  cut("%rd1+8", "%rd1", 8);
  cut("%rd1+-8", "%rd1", -8);
  cut("%rd1 - 0x10", "%rd1", -16);
  cut("symbol + 4", "symbol", 4);
  cut("128", "128", 0);
}
