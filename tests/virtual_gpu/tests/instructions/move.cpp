// SPDX-License-Identifier: MIT
// Moves, packing, special registers, and addresses in and out of the generic space.
#include <thread>

#include "machine/options.h"
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

TEST_CASE("mov") {
  const auto of = []<class T>(T) {
    for (const std::string& t : {untyped_name<T>(), type_name<T>()})
      check<T, T>("mov." + t + " %d, %a;", [](T a) { return a; });
  };
  of(u16{});
  of(i16{});
  of(u32{});
  of(i32{});
  of(u64{});
  of(i64{});
  of(float{});
  of(double{});
  check<Flag, Flag>("mov.pred %d, %a;", [](Flag a) { return a; });
  const std::vector<u32> a(40);
  CHECK(execute<u32>("mov.b32 %d, 0xdeadbeef;", a) == std::vector<u32>(40, 0xdeadbeef));
  CHECK(execute<float>("mov.f32 %d, 0f40490FDB;", a) == std::vector<float>(40, 3.14159274f));
  CHECK(execute<double>("mov.f64 %d, 0d3FF8000000000000;", a) == std::vector<double>(40, 1.5));
  CHECK(execute<i64>("mov.s64 %d, -3;", a) == std::vector<i64>(40, -3));
  CHECK(execute<u16>("mov.u16 %d, 65535;", a) == std::vector<u16>(40, 65535));
}

TEST_CASE("mov packs and unpacks") {
  check<u32, u16, u16>("mov.b32 %d, {%a, %b};", [](u16 a, u16 b) { return a | u32{b} << 16; });
  check<u64, u32, u32>("mov.b64 %d, {%a, %b};", [](u32 a, u32 b) { return a | u64{b} << 32; });
  check<u64, u16, u16, u16, u16>("mov.b64 %d, {%a, %b, %c, %e};", [](u16 a, u16 b, u16 c, u16 e) {
    return a | u64{b} << 16 | u64{c} << 32 | u64{e} << 48;
  });
  check<u32, u16>("mov.b32 %d, {0, %a};", [](u16 a) { return u32{a} << 16; });
  check<u32, u16>("mov.b32 %d, {%a, 0x1234};", [](u16 a) { return 0x12340000u | a; });
  const auto b32 = any<u32>(1000);
  const auto halves = execute_two<u16, u16>("mov.b32 {%d, %d2}, %a;", b32);
  compare_each(
      "low", halves.first, [](u32 a) { return a & 0xffff; }, b32);
  compare_each(
      "high", halves.second, [](u32 a) { return a >> 16; }, b32);
  const auto b64 = any<u64>(1000);
  const auto words = execute_two<u32, u32>("mov.b64 {%d, %d2}, %a;", b64);
  compare_each(
      "low", words.first, [](u64 a) { return static_cast<u32>(a); }, b64);
  compare_each(
      "high", words.second, [](u64 a) { return a >> 32; }, b64);
  check_on<u32>(
      "mov.b64 {_, %d}, %a;", [](u64 a) { return a >> 32; }, b64);
  check_on<u16>(
      ".reg .b16 %x<3>; mov.b64 {%x0, %x1, %d, %x2}, %a;", [](u64 a) { return a >> 32 & 0xffff; },
      b64);
  // A register may be source and destination.
  check_on<u32>(
      ".reg .b32 %low; mov.b64 {%low, %d}, %a; mov.b64 %a, {%d, %low}; mov.b64 {%d, _}, %a;",
      [](u64 a) { return a >> 32; }, b64);
}

template <class T> std::vector<T> special(const std::string& name, const Setup& setup = {}) {
  const std::string type = "mov." + type_name<T>();
  return execute<T>(setup, type + " %d, " + name + ";", std::vector<u32>(320));
}

TEST_CASE("special registers") {
  const auto check_register = [](const std::string& name, auto&& expected) {
    const auto d = special<u32>(name);
    std::size_t wrong = 0;
    for (u32 i = 0; i < d.size(); ++i) wrong += d[i] != static_cast<u32>(expected(i));
    INFO(name);
    CHECK(wrong == 0);
  };
  check_register("%tid.x", [](u32 i) { return i % 128; });
  check_register("%ctaid.x", [](u32 i) { return i / 128; });
  check_register("%ntid.x", [](u32) { return 128; });
  check_register("%nctaid.x", [](u32) { return 3; });
  for (const std::string name : {"%tid.y", "%tid.z", "%ctaid.y", "%ctaid.z"})
    check_register(name, [](u32) { return 0; });
  for (const std::string name : {"%ntid.y", "%ntid.z", "%nctaid.y", "%nctaid.z"})
    check_register(name, [](u32) { return 1; });
  check_register("%laneid", [](u32 i) { return i % 32; });
  check_register("%warpid", [](u32 i) { return i % 128 / 32; });
  check_register("%lanemask_eq", [](u32 i) { return u64{1} << i % 32; });
  check_register("%lanemask_lt", [](u32 i) { return (u64{1} << i % 32) - 1; });
  check_register("%lanemask_le", [](u32 i) { return (u64{2} << i % 32) - 1; });
  check_register("%lanemask_gt", [](u32 i) { return ~((u64{2} << i % 32) - 1); });
  check_register("%lanemask_ge", [](u32 i) { return ~((u64{1} << i % 32) - 1); });
  check_register("%nsmid", [](u32) { return options.multiprocessors; });
  check_register("%total_smem_size", [](u32) { return 0; });
  check_register("%dynamic_smem_size", [](u32) { return 0; });
  for (const u32 sm : special<u32>("%smid")) CHECK(sm < u32(options.multiprocessors));
  check<u64, u32>("cvt.u64.u32 %d, %laneid;", [i = 0u](u32) mutable { return i++ % 32; });
  check<u32, u32>("add.u32 %d, %a, %ntid.x;", [](u32 a) { return a + 128; });
  CHECK(special<u16>("%tid.x")[100] == 100);
}

TEST_CASE("sizes of shared memory") {
  Setup setup;
  setup.dynamic_shared = 512;
  setup.declarations = ".shared .align 4 .b8 fixed[256];";
  CHECK(special<u32>("%dynamic_smem_size", setup) == std::vector<u32>(320, 512));
  CHECK(special<u32>("%total_smem_size", setup) == std::vector<u32>(320, 768));
}

TEST_CASE("clocks go on") {
  Setup setup;
  setup.with_lanes_off = false;
  for (const std::string name : {"%clock64", "%globaltimer"}) {
    const auto before = special<u64>(name, setup);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto after = special<u64>(name, setup);
    CHECK(after[0] - before[0] >= 1000000);
    CHECK(after[0] - before[0] < 100000000000);
  }
  CHECK(special<u32>("%clock", setup).size() == 320);
}

const Setup with_variables = {
    ".shared .align 16 .b8 piece[256];\n.extern .shared .align 16 .b8 rest[];\n"
    ".global .align 4 .b32 variable = 77;\n.const .align 4 .b32 fixed = 78;\n",
    64, 256, true};

TEST_CASE("addresses of variables") {
  const std::vector<u32> a(64);
  const auto run = [&](const std::string& text) { return execute<u32>(with_variables, text, a); };
  const std::vector<u32> sevens(64, 77), eights(64, 78);
  CHECK(run(".reg .b64 %p; mov.u64 %p, variable; ld.global.u32 %d, [%p];") == sevens);
  CHECK(run(".reg .b64 %p; cvta.global.u64 %p, variable; ld.u32 %d, [%p];") == sevens);
  CHECK(run(".reg .b64 %p, %q; mov.u64 %p, variable; cvta.global.u64 %q, %p; "
            "cvta.to.global.u64 %p, %q; ld.global.u32 %d, [%p];") == sevens);
  CHECK(run(".reg .b64 %p, %q; mov.u64 %p, fixed; cvta.const.u64 %q, %p; ld.u32 %d, [%q]; "
            "cvta.to.const.u64 %p, %q; ld.const.u32 %d, [%p];") == eights);
  // Shared memory, each thread's own word: by 32 bits, by generic address, and back.
  const std::string mine =
      ".reg .b32 %s, %i; mov.u32 %i, %tid.x; mov.u32 %s, piece; "
      "mad.lo.u32 %s, %i, 4, %s; ";
  const auto all_own = [](const std::vector<u32>& d) {
    for (std::size_t i = 0; i < d.size(); ++i)
      if (d[i] != i) return false;
    return true;
  };
  CHECK(all_own(run(mine + "st.shared.u32 [%s], %i; ld.shared.u32 %d, [%s];")));
  CHECK(all_own(run(mine + ".reg .b64 %g; cvt.u64.u32 %g, %s; cvta.shared.u64 %g, %g; "
                           "st.u32 [%g], %i; ld.shared.u32 %d, [%s];")));
  CHECK(all_own(run(mine + ".reg .b64 %g, %p; cvt.u64.u32 %g, %s; cvta.shared.u64 %g, %g; "
                           "st.shared.u32 [%s], %i; cvta.to.shared.u64 %p, %g; "
                           "ld.shared.u32 %d, [%p];")));
  const auto start = run("mov.u32 %d, piece;"), rest = run("mov.u32 %d, rest;");
  CHECK(rest[0] % 128 == 0);
  CHECK(rest[0] >= start[0] + 256);
  CHECK(run("mov.u32 %d, rest+12;")[5] == rest[5] + 12);
  // Local memory is each thread's own.
  CHECK(run(".local .align 8 .b8 mine[16]; .reg .b64 %p, %g; .reg .b32 %i; mov.u64 %p, mine; "
            "cvta.local.u64 %g, %p; mov.u32 %i, %tid.x; st.local.u32 [%p+4], %i; "
            "add.u64 %g, %g, 4; cvta.to.local.u64 %p, %g; ld.local.u32 %d, [%p]; "
            "ld.u32 %i, [%g]; add.u32 %d, %d, %i;")[41] == 82);
}

TEST_CASE("isspacep") {
  const std::vector<u32> a(64);
  const std::string make[] = {
      "cvta.global.u64 %p, variable;", "mov.u64 %p, piece; cvta.shared.u64 %p, %p;",
      "mov.u64 %p, mine; cvta.local.u64 %p, %p;", "mov.u64 %p, p0; cvta.param.u64 %p, %p;",
      "mov.u64 %p, rest; cvta.shared.u64 %p, %p;"};
  const std::string is[] = {"global", "shared", "local", "global", "shared"};
  for (int i = 0; i < 5; ++i)
    for (const std::string space : {"global", "shared", "shared::cta", "local"}) {
      const auto d = execute<Flag>(with_variables,
                                   ".local .align 8 .b8 mine[16]; .reg .b64 %p; " + make[i] +
                                       " isspacep." + space + " %d, %p;",
                                   a);
      INFO(make[i] << " in " << space);
      CHECK(bool(d[33]) == (is[i] == space.substr(0, space.find(':'))));
    }
}

}  // namespace
}  // namespace vgpu::test
