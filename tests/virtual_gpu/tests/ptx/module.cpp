// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "memory/device_memory.h"
#include "ptx/builder.h"
#include "tests/ptx/program.h"

using namespace vgpu;

namespace {

template <class T> T value_at(const Module &module, const char *name, std::size_t index = 0) {
  T value;
  std::memcpy(&value, host_address(module.symbols.at(name).address) + index * sizeof(T),
              sizeof value);
  return value;
}

}  // namespace

TEST_CASE("declarations") {
  const auto a = parse_declaration(".visible .global .align 16 .f32 x[6]");
  REQUIRE(a);
  CHECK(a->name == "x");
  CHECK(a->space == Space::global);
  CHECK(a->align == 16);
  CHECK(a->size == 24);
  const auto b = parse_declaration(".param .u64 .ptr .global .align 4 p");
  REQUIRE(b);
  CHECK(b->space == Space::param);
  CHECK(b->align == 8);
  CHECK(b->size == 8);
  const auto c = parse_declaration(".extern .shared .align 16 .b8 s[]");
  REQUIRE(c);
  CHECK(c->is_extern);
  CHECK(c->size == 0);
  CHECK(!parse_declaration(".global .texref t"));
  CHECK(!parse_declaration(".frobnicate x"));
  CHECK(!parse_declaration(".reg .b32 x"));
}

TEST_CASE("initial values of variables") {
  Module &m = test::load(R"(
.func (.param .b32 r) f(.param .b32 a);
.global .align 4 .u32 one = 1;
.global .align 4 .b32 few[4] = {-1, 0x10};
.global .align 4 .f32 floats[3] = {0f3F800000, 0f40200000, 0fC0400000};
.const .align 8 .f64 tau = 0d401921FB54442D18;
.global .align 1 .b8 text[6] = {104, 105};
.global .align 8 .u64 pointers[3] = {generic(few)+8, one, f};
.weak .global .align 4 .b8 zero[12];
.func (.param .b32 r) f(.param .b32 a) { ret; }
)");
  CHECK(value_at<u32>(m, "one") == 1);
  CHECK(value_at<i32>(m, "few") == -1);
  CHECK(value_at<u32>(m, "few", 1) == 16);
  CHECK(value_at<u32>(m, "few", 3) == 0);
  CHECK(m.symbols.at("floats").size == 12);
  CHECK(value_at<float>(m, "floats") == 1.f);
  CHECK(value_at<float>(m, "floats", 1) == 2.5f);
  CHECK(value_at<float>(m, "floats", 2) == -3.f);
  CHECK(m.symbols.at("tau").space == Space::constant);
  CHECK(value_at<double>(m, "tau") == 6.283185307179586);
  CHECK(value_at<u8>(m, "text", 1) == 'i');
  CHECK(value_at<u8>(m, "text", 2) == 0);
  const u64 few = m.symbols.at("few").address;
  CHECK(value_at<u64>(m, "pointers") == few + 8);
  CHECK(value_at<u64>(m, "pointers", 1) == m.symbols.at("one").address);
  Function &f = *m.functions.at("f");
  CHECK(value_at<u64>(m, "pointers", 2) == address_of(f));
  CHECK(function_at(address_of(f)) == &f);
  CHECK(!f.is_external);
  CHECK(function_at(address_of(f) + 1) == nullptr);
  CHECK(function_at(few) == nullptr);
  CHECK(value_at<u8>(m, "zero", 11) == 0);
}

TEST_CASE("parameters and attributes of functions") {
  Module &m = test::load(R"(
.visible .entry k(
	.param .u8 a,
	.param .align 8 .b8 b[24],
	.param .u16 c,
	.param .u64 .ptr .align 1 d
)
.maxntid 32, 4, 1
.minnctapersm 2
{
	ret;
}
.extern .func (.param .b32 r) vprintf (.param .b64 x, .param .b64 y);
.func stop() .noreturn
{
	trap;
}
.entry plain()
{
}
)");
  const Function &k = *m.functions.at("k");
  CHECK(k.is_entry);
  CHECK(k.most_threads == 128);
  REQUIRE(k.parameters.size() == 4);
  CHECK(k.parameters[1].offset == 8);
  CHECK(k.parameters[1].size == 24);
  CHECK(k.parameters[2].offset == 32);
  CHECK(k.parameters[3].offset == 40);
  CHECK(k.parameter_bytes == 48);
  CHECK(k.first_line == 13);
  CHECK(m.line_text(14) == "ret;");
  CHECK(m.line_text(1000) == "?");
  CHECK(m.functions.at("vprintf")->is_external);
  CHECK(m.functions.at("vprintf")->results.size() == 1);
  CHECK(m.functions.at("plain")->parameter_bytes == 0);
}

TEST_CASE("static shared memory is laid out behind the reserved part") {
  Module &m = test::load(R"(
.shared .align 4 .b8 first[6];
.shared .align 16 .b8 second[16];
.extern .shared .align 16 .b8 dynamic[];
.func f() { .shared .align 8 .b8 mine[8]; .reg .b32 %r<2>; ld.shared.u32 %r1, [mine]; ret; }
.entry k() { .shared .align 4 .b8 own[4]; .reg .b32 %r<2>; mov.u32 %r1, own; ret; }
)");
  CHECK(m.symbols.at("first").address == shared_begin);
  CHECK(m.symbols.at("second").address == shared_begin + 16);
  CHECK(m.symbols.at("dynamic").is_dynamic);
  CHECK(m.symbols.at("f::mine").address == shared_begin + 32);
  Function &k = *m.functions.at("k");
  CHECK(k.shared_bytes == shared_begin + 40);
  parse(k);
  CHECK(k.shared_bytes == shared_begin + 44);
  CHECK(test::constant<u32>(k, k.code[0].a) == shared_begin + 40);
  Function &f = *m.functions.at("f");
  parse(f);
  CHECK(test::constant<u64>(f, f.code[0].a) == shared_begin + 32);
}

TEST_CASE("files, sections and debug information") {
  Module &m = test::load(R"(
.file 2 "/a//b.cu", 1234, 99
.file 1 "c.h"
.entry k()
{
	.loc	1 7 3
	.loc	2 9 1, function_name $L__info_string0, inlined_at 1 20 5
$L__func_begin0:
	ret;
$L__tmp0:
}
.section .debug_str { .b8 1,2
$L__info_string0: .b8 3
.b32 $L__tmp0 }
)");
  CHECK(m.files.at(2) == "/a//b.cu");
  CHECK(m.files.at(1) == "c.h");
  Function &k = *m.functions.at("k");
  parse(k);
  const Location &place = k.locations.at(k.code.at(0).location);
  CHECK(place.file == 2);
  CHECK(place.line == 9);
  CHECK(place.call_file == 1);
  CHECK(place.call_line == 20);
}
