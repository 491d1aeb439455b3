// SPDX-License-Identifier: MIT
// Loads and stores against plain C++: types, widths of registers, vectors, patterns of addresses,
// partial warps, state spaces and modifiers.
#include "tests/kernel.h"

namespace vgpu::test {
namespace {

struct Form {
  const char* type;
  int size, width, count;
};

std::vector<Form> forms() {
  std::vector<Form> result;
  const std::pair<const char*, int> types[] = {
      {"b8", 1},  {"u8", 1},  {"s8", 1},  {"b16", 2}, {"u16", 2}, {"s16", 2}, {"b32", 4},
      {"u32", 4}, {"s32", 4}, {"f32", 4}, {"b64", 8}, {"u64", 8}, {"s64", 8}, {"f64", 8}};
  for (const auto& [type, size] : types)
    for (const int width : {2, 4, 8})
      for (const int count : {1, 2, 4})
        if (width >= size && !(type[0] == 'f' && width != size))
          result.push_back({type, size, width, count});
  return result;
}

char bank(int width) { return width == 2 ? 'h' : width == 4 ? 'r' : 'l'; }

/// "{%r20, %r21}", or "%r20".
std::string registers(const Form& form) {
  std::string text;
  for (int k = 0; k < form.count; ++k)
    text += (k == 0 ? "%" : ", %") + std::string(1, bank(form.width)) + number(20u + k);
  return form.count == 1 ? text : "{" + text + "}";
}

std::string opcode(const std::string& name, const Form& form) {
  return name + (form.count == 1 ? "" : ".v" + number(form.count)) + "." + form.type + " ";
}

/// The lanes' places, in units of an access.
std::vector<std::vector<int>> patterns() {
  std::vector<std::vector<int>> result(6, std::vector<int>(lanes));
  for (int i = 0; i < lanes; ++i) {
    result[0][i] = i;                // contiguous
    result[1][i] = 5;                // all at one
    result[2][i] = 2 * i;            // strided
    result[3][i] = lanes - 1 - i;    // backwards
    result[4][i] = i * 7 % lanes;    // scattered
    result[5][i] = i == 17 ? 3 : i;  // contiguous but for one
  }
  return result;
}

/// Reads a table of addresses into %l10, a mask into %p1.
const std::string prologue = element("%l10", "%l0", 8) + "ld.global.u64 %l10, [%l10];\n" +
                             "ld.global.u32 %r1, [%l1];\nshr.u32 %r1, %r1, %thread;\n"
                             "and.b32 %r1, %r1, 1;\nsetp.ne.u32 %p1, %r1, 0;\n";

/// The registers' elements k of all lanes lie at k * 32 in the buffer.
std::string each_register(const Form& form, bool is_load) {
  std::string text = element("%l11", "%l2", static_cast<std::size_t>(form.width));
  for (int k = 0; k < form.count; ++k) {
    const std::string reg = "%" + std::string(1, bank(form.width)) + number(20u + k);
    const std::string at = "[%l11+" + number(lanes * form.width * k) + "]";
    const std::string type = ".b" + number(8 * form.width) + " ";
    text += is_load ? "ld.global" + type + reg + ", " + at + ";\n"
                    : "st.global" + type + at + ", " + reg + ";\n";
  }
  return text;
}

/// What a register of `width` bytes holds after a load.
u64 extended(const u8* from, const Form& form) {
  u64 value = 0;
  std::memcpy(&value, from, form.size);
  if (form.type[0] == 's' && form.size < 8 && value >> (8 * form.size - 1) & 1)
    value |= ~u64{0} << (8 * form.size);
  return form.width == 8 ? value : value & ((u64{1} << (8 * form.width)) - 1);
}

void check_load(const Form& form, const std::string& name) {
  INFO(opcode(name, form) << " into " << form.width << " bytes");
  Random random;
  const std::size_t bytes = static_cast<std::size_t>(form.size * form.count);
  const Array<u8> source(random.bits<u8>(2 * lanes * bytes));
  const Array<u64> table(lanes);
  const Array<u32> mask(1);
  const Array<u8> out(static_cast<std::size_t>(lanes * form.width * form.count));
  const Kernel kernel(prologue + each_register(form, true) + "@%p1 " + opcode(name, form) +
                          registers(form) + ", [%l10];\n" + each_register(form, false),
                      3);
  for (const auto& places : patterns()) {
    for (const Mask on : interesting_masks()) {
      mask[0] = on;
      for (std::size_t i = 0; i < lanes; ++i) table[i] = source.address() + places[i] * bytes;
      const auto old = random.bits<u8>(out.size());
      std::memcpy(out.data(), old.data(), old.size());
      kernel.run({table.address(), mask.address(), out.address()});
      std::size_t wrong = 0;
      for (int i = 0; i < lanes; ++i)
        for (int k = 0; k < form.count; ++k) {
          const int at = form.width * (lanes * k + i);
          const u64 value = extended(source.data() + places[i] * bytes + k * form.size, form);
          wrong += std::memcmp(out.data() + at,
                               has(on, i) ? reinterpret_cast<const u8*>(&value) : old.data() + at,
                               form.width) != 0;
        }
      CHECK(wrong == 0);
    }
  }
}

void check_store(const Form& form, const std::string& name) {
  INFO(opcode(name, form) << " from " << form.width << " bytes");
  Random random;
  const std::size_t bytes = static_cast<std::size_t>(form.size * form.count);
  const Array<u8> target(2 * lanes * bytes);
  const Array<u64> table(lanes);
  const Array<u32> mask(1);
  const Array<u8> in(random.bits<u8>(static_cast<std::size_t>(lanes * form.width * form.count)));
  const Kernel kernel(prologue + each_register(form, true) + "@%p1 " + opcode(name, form) +
                          "[%l10], " + registers(form) + ";\n",
                      3);
  for (const auto& places : patterns()) {
    for (const Mask on : interesting_masks()) {
      mask[0] = on;
      for (std::size_t i = 0; i < lanes; ++i) table[i] = target.address() + places[i] * bytes;
      auto expected = random.bits<u8>(target.size());
      std::memcpy(target.data(), expected.data(), expected.size());
      for_lanes(on, [&](int i) {
        for (int k = 0; k < form.count; ++k)
          std::memcpy(expected.data() + places[i] * bytes + k * form.size,
                      in.data() + form.width * (lanes * k + i), form.size);
      });
      kernel.run({table.address(), mask.address(), in.address()});
      CHECK(target.values() == expected);
    }
  }
}

TEST_CASE("loads and stores of all types and widths") {
  for (const Form& form : forms()) {
    check_load(form, "ld.global");
    check_store(form, "st.global");
  }
}

TEST_CASE("loads and stores while other cores work") {
  const WithThreads two(2);
  for (const Form& form : forms()) {
    check_load(form, "ld.relaxed.gpu.global");
    check_store(form, "st.release.gpu.global");
  }
}

TEST_CASE("modifiers of loads and stores") {
  const Form one = {"b32", 4, 4, 1};
  for (const char* name :
       {"ld", "ld.volatile", "ld.volatile.global", "ld.weak.global", "ld.relaxed.cta",
        "ld.relaxed.sys.global", "ld.acquire.gpu", "ld.acquire.sys.global", "ld.global.ca",
        "ld.global.cg", "ld.global.cs", "ld.global.lu", "ld.global.cv", "ld.global.nc",
        "ld.global.nc.L1::no_allocate.L2::128B", "ld.global.L1::evict_last", "ld.global.L2::256B"})
    check_load(one, name);
  for (const char* name :
       {"st", "st.volatile", "st.volatile.global", "st.weak.global", "st.relaxed.cta",
        "st.release.gpu.global", "st.global.wb", "st.global.cg", "st.global.cs", "st.global.wt",
        "st.global.L1::no_allocate", "st.global.L1::evict_first"})
    check_store(one, name);
}

TEST_CASE("unaligned halves of vectors lie where they should") {
  const Array<u32> a(64);
  const Array<u32> out(lanes * 2);
  for (u32 i = 0; i < 64; ++i) a[i] = 100 + i;
  // Two threads overlap by no element, but the whole begins 8 bytes behind a multiple of 16.
  run_body(element("%l2", "%l0", 8) + element("%l3", "%l1", 8) +
               "ld.global.v2.u32 {%r1, %r2}, [%l2+-8];\nst.global.v2.u32 [%l3], {%r2, %r1};",
           {a.address(2), out.address()}, {.threads = 31});
  for (u32 i = 0; i < 31; ++i) {
    CHECK(out[2 * i] == 100 + 2 * i + 1);
    CHECK(out[2 * i + 1] == 100 + 2 * i);
  }
}

TEST_CASE("sinks and constants in vectors") {
  const Array<u32> a(std::vector<u32>{1, 2, 3, 4}), out(4);
  run_body(
      "ld.global.v4.u32 {_, %r1, _, %r2}, [%l0];\n"
      "st.global.v4.u32 [%l1], {%r2, 7, %r1, 0xffffffff};",
      {a.address(), out.address()});
  CHECK(out.values() == std::vector<u32>{4, 7, 2, 0xffffffff});
}

TEST_CASE("shared memory") {
  const Array<u32> out(4 * lanes);
  run_body(
      "mov.u32 %r1, s;\nmad.lo.u32 %r2, %thread, 4, %r1;\nadd.u32 %r3, %thread, 50;\n"
      "st.shared.u32 [%r2+4], %r3;\nst.shared.u16 [s+132], 77;\nbar.sync 0;\n"
      "ld.shared.u32 %r4, [%r2+4];\nld.shared.u32 %r5, [s+8];\nld.shared::cta.u16 %r6, [s+132];\n"
      "cvt.u64.u32 %l3, %r2;\ncvta.shared.u64 %l3, %l3;\nld.u32 %r7, [%l3+4];\n" +
          element("%l1", "%l0", 16) + "st.global.v4.u32 [%l1], {%r4, %r5, %r6, %r7};",
      {out.address()}, {.declarations = ".shared .align 4 .b8 s[256];"});
  for (u32 i = 0; i < lanes; ++i) {
    CHECK(out[4 * i] == 50 + i);
    CHECK(out[4 * i + 1] == 51);
    CHECK(out[4 * i + 2] == 77);
    CHECK(out[4 * i + 3] == out[4 * i]);
  }
}

TEST_CASE("local memory belongs to a lane") {
  const Array<u32> out(2 * lanes);
  run_body(
      ".local .align 16 .b8 own[64];\nmov.u64 %l1, own;\ncvta.local.u64 %l2, %l1;\n"
      "mad.lo.u32 %r1, %thread, 3, 1;\nst.local.u32 [own+8], %r1;\nst.u32 [%l2+12], %thread;\n"
      "and.b32 %r2, %thread, 1;\nmad.wide.u32 %l3, %r2, 4, %l1;\n"
      "ld.local.u32 %r3, [%l3+8];\nld.u32 %r4, [%l2+8];\n" +
          element("%l4", "%l0", 8) + "st.global.v2.u32 [%l4], {%r3, %r4};",
      {out.address()});
  for (u32 i = 0; i < lanes; ++i) {
    CHECK(out[2 * i] == (i & 1 ? i : 3 * i + 1));
    CHECK(out[2 * i + 1] == 3 * i + 1);
  }
}

TEST_CASE("variables of a module") {
  const Array<u32> out(4);
  run_body(
      "ld.const.u32 %r1, [table+8];\nld.global.u32 %r2, [counter];\nadd.u32 %r3, %r2, 1;\n"
      "st.global.u32 [counter], %r3;\nld.global.u32 %r4, [counter];\n"
      "st.global.v4.u32 [%l0], {%r1, %r2, %r3, %r4};",
      {out.address()},
      {.declarations = ".const .align 4 .u32 table[3] = {5, 6, 7};\n"
                       ".global .align 4 .u32 counter = 41;"});
  CHECK(out.values() == std::vector<u32>{7, 41, 42, 42});
}

TEST_CASE("parameters of a kernel") {
  const Array<u64> out(8);
  Random random;
  const u64 word = 0xfedcba9876543280;
  run_body(
      "ld.param.u8 %l2, [p1];\nld.param.s8 %l3, [p1];\nld.param.s16 %l4, [p1+4];\n"
      "ld.param.v2.u32 {%r1, %r2}, [p1];\nmov.b64 %l5, {%r2, %r1};\nld.param.f64 %g1, [p1];\n"
      "mov.b64 %l6, p1;\nld.param.u32 %l7, [%l6+4];\n"
      "st.global.u64 [%l0], %l2;\nst.global.u64 [%l0+8], %l3;\nst.global.u64 [%l0+16], %l4;\n"
      "st.global.u64 [%l0+24], %l5;\nst.global.f64 [%l0+32], %g1;\n"
      "st.global.u64 [%l0+40], %l7;",
      {out.address(), word});
  CHECK(out[0] == 0x80);
  CHECK(out[1] == 0xffffffffffffff80);
  CHECK(out[2] == 0xffffffffffffba98);
  CHECK(out[3] == 0x76543280fedcba98);
  CHECK(out[4] == word);
  CHECK(out[5] == 0xfedcba98);
}

TEST_CASE("parameters of a call") {
  const Array<u64> out(lanes);
  const char* function =
      ".func (.param .b64 result) mix(.param .b32 x, .param .align 8 .b8 pair[16])\n{\n"
      ".reg .b32 %r<4>;\n.reg .b64 %l<8>;\nld.param.u32 %r1, [x];\n"
      "ld.param.v2.u64 {%l1, %l2}, [pair];\nld.param.s8 %l3, [pair+8];\ncvt.u64.u32 %l4, %r1;\n"
      "mad.lo.u64 %l5, %l1, %l4, %l2;\nadd.u64 %l5, %l5, %l3;\nst.param.b64 [result], %l5;\n"
      "ret;\n}\n";
  const std::string call =
      "cvt.u64.u32 %l1, %thread;\nadd.u64 %l2, %l1, 250;\nadd.u32 %r1, %thread, 9;\n"
      "and.b32 %r2, %thread, 3;\nsetp.eq.u32 %p1, %r2, 1;\nmov.u64 %l3, 5;\n@%p1 bra DONE;\n"
      "{\n.param .b32 a;\nst.param.b32 [a], %r1;\n.param .align 8 .b8 b[16];\n"
      "st.param.u64 [b], %l1;\nst.param.u64 [b+8], %l2;\n.param .b64 c;\n"
      "call.uni (c), mix, (a, b);\nld.param.b64 %l3, [c];\n}\nDONE:\n";
  run_body(call + element("%l4", "%l0", 8) + "st.global.u64 [%l4], %l3;", {out.address()},
           {.declarations = function});
  for (u64 i = 0; i < lanes; ++i) {
    const u64 low = static_cast<u64>(static_cast<i64>(static_cast<i8>(250 + i)));
    CHECK(out[i] == (i % 4 == 1 ? 5 : i * (i + 9) + 250 + i + low));
  }
}

TEST_CASE("hints and fences") {
  const Array<u64> out(2);
  run_body(
      "prefetch.global.L1 [%l0];\nprefetch.global.L2 [%l0+8];\nprefetch.local.L2 [%l0];\n"
      "prefetch.L1 [%l0];\nst.global.u64 [%l0], 3;\nld.global.u64 %l2, [%l0];\n"
      "st.global.u64 [%l0+8], %l2;\n"
      "membar.cta;\nmembar.gl;\nmembar.sys;\nfence.acq_rel.gpu;\nfence.sc.cta;\n"
      "fence.acq_rel.sys;",
      {out.address()});
  CHECK(out.values() == std::vector<u64>{3, 3});
}

TEST_CASE("forms that are not there") {
  Instruction in;
  in.size = in.width = 4;
  in.count = 1;
  const auto table = load_store_instructions();
  CHECK(is_implemented(table, "ld.global.u32", in));
  for (const char* opcode :
       {"ld.global.unknown.u32", "ld.relaxed.cluster.global.u32", "ld.shared::cluster.u32",
        "ld.global.pred", "ld.release.gpu.u32", "ld.mmio.relaxed.sys.u32", "st.acquire.gpu.u32",
        "st.async.b32", "st.shared::cluster.u32", "st.global.nc.u32", "fence.proxy.async",
        "fence.acq_rel.cluster", "fence.mbarrier_init.release.cluster", "membar", "prefetch.L3",
        "prefetch.tensormap", "ld.global.L2::cache_hint.u32"})
    CHECK_MESSAGE(!is_implemented(table, opcode, in), opcode);
}

TEST_CASE("every row of the table of loads and stores was executed") {
  check_all_executed(load_store_instructions());
}

}  // namespace
}  // namespace vgpu::test
