// SPDX-License-Identifier: MIT
// atom and red against the same operations done one lane after the other in C++.
#include <cmath>
#include <functional>
#include <limits>

#include "instructions/half_format.h"
#include "tests/kernel.h"

namespace vgpu::test {
namespace {

template <class T> using Operation = std::function<T(T old, T b, T c)>;

const char* prefix(std::size_t bytes) { return bytes == 2 ? "%h" : bytes == 4 ? "%r" : "%l"; }

/// The lanes' places, in elements: apart, all at one, in groups.
std::vector<std::vector<int>> patterns() {
  std::vector<std::vector<int>> result(4, std::vector<int>(lanes));
  for (int i = 0; i < lanes; ++i) {
    result[0][i] = i;
    result[1][i] = 3;
    result[2][i] = i % 5;
    result[3][i] = i * i % 32;
  }
  return result;
}

/// Runs the instruction on copies of `memory` in a space, with operands b and c, for the lanes of
/// a mask; compares memory and what the lanes got.
template <class T> struct Trial {
  std::string opcode;
  bool has_third, returns;
  Operation<T> operation;
  std::vector<T> memory, b, c;

  /// The address is global, generic, or that of a copy in shared memory.
  std::string body(const std::string& space) const {
    const auto bytes = sizeof(T);
    const std::string bits = ".b" + number(8 * bytes) + " ", p = prefix(bytes);
    std::string text =
        element("%l10", "%l0", bytes) + element("%l11", "%l1", 4) + element("%l12", "%l2", bytes) +
        element("%l13", "%l3", bytes) + element("%l14", "%l4", bytes) +
        "ld.global.u32 %r50, [%l5];\n" + "shr.u32 %r50, %r50, %thread;\nand.b32 %r50, %r50, 1;\n" +
        "setp.ne.u32 %p1, %r50, 0;\nld.global.u32 %r51, [%l11];\n" + "ld.global" + bits + p +
        "20, [%l12];\nld.global" + bits + p + "21, [%l13];\nld.global" + bits + p + "22, [%l14];\n";
    const bool shared = space == "shared";
    if (shared)
      text += "mov.u32 %r52, s;\nmad.lo.u32 %r53, %thread, 8, %r52;\nld.global" + bits + p +
              "23, [%l10];\nst.shared" + bits + "[%r53], " + p +
              "23;\nbar.sync 0;\n"
              "mad.lo.u32 %r54, %r51, 8, %r52;\n";
    else
      text += "mad.wide.u32 %l15, %r51, " + number(bytes) + ", %l0;\n";
    text += "@%p1 " + opcode + " " + (returns ? p + "22, " : "") +
            (shared ? "[%r54], " : "[%l15], ") + p + "20" + (has_third ? ", " + p + "21" : "") +
            ";\n";
    if (shared)
      text += "bar.sync 0;\nld.shared" + bits + p + "23, [%r53];\nst.global" + bits + "[%l10], " +
              p + "23;\n";
    return text + "st.global" + bits + "[%l14], " + p + "22;\n";
  }

  void check(const std::string& space) const {
    INFO(opcode << " in " << space);
    const Kernel kernel(body(space), 6, ".shared .align 16 .b8 s[256];");
    for (const auto& places : patterns()) {
      for (const Mask on : interesting_masks()) {
        const Array<T> global(memory), first(b), second(c), results(lanes);
        const Array<u32> table(lanes), mask(1);
        mask[0] = on;
        std::vector<T> expected = memory, got(lanes);
        for (int i = 0; i < lanes; ++i) table[i] = static_cast<u32>(places[i]);
        if (returns)
          for_lanes(on, [&](int i) {
            got[i] = expected[places[i]];
            step(expected[places[i]], i);
          });
        else
          for_lanes(on, [&](int i) { step(expected[places[i]], i); });
        kernel.run({global.address(), table.address(), first.address(), second.address(),
                    results.address(), mask.address()});
        CHECK(std::memcmp(global.data(), expected.data(), lanes * sizeof(T)) == 0);
        CHECK(std::memcmp(results.data(), got.data(), lanes * sizeof(T)) == 0);
      }
    }
  }
  void step(T& at, int i) const { at = operation(at, b[i], c[i]); }
};

template <class T> std::vector<T> values(Random& random, bool small) {
  std::vector<T> result = random.bits<T>(lanes);
  if (small)
    for (T& x : result) x = static_cast<T>(random.integer(0, 5));
  return result;
}

template <class T>
void check_all(const std::string& suffix, Operation<T> operation, bool returns_only = false,
               bool has_third = false, bool floats = false) {
  Random random;
  for (const bool small : {false, true}) {
    std::vector<T> memory = values<T>(random, small), b = values<T>(random, small),
                   c = values<T>(random, small);
    if (floats && !small) continue;
    for (const bool returns : {true, false}) {
      if (returns_only && !returns) continue;
      for (const std::string space : {"global", "shared", "generic"}) {
        const std::string opcode = std::string(returns ? "atom" : "red") +
                                   (space == "generic" ? "" : "." + space) + suffix;
        Trial<T>{opcode, has_third, returns, operation, memory, b, c}.check(space);
      }
    }
  }
}

template <class T> void check_bits(const std::string& type) {
  check_all<T>(".and" + type, [](T x, T b, T) { return static_cast<T>(x & b); });
  check_all<T>(".or" + type, [](T x, T b, T) { return static_cast<T>(x | b); });
  check_all<T>(".xor" + type, [](T x, T b, T) { return static_cast<T>(x ^ b); });
  check_all<T>(
      ".exch" + type, [](T, T b, T) { return b; }, true);
}

template <class T> void check_numbers(const std::string& type) {
  using U = std::make_unsigned_t<T>;
  check_all<T>(".add" + type, [](T x, T b, T) { return static_cast<T>(U(x) + U(b)); });
  check_all<T>(".min" + type, [](T x, T b, T) { return std::min(x, b); });
  check_all<T>(".max" + type, [](T x, T b, T) { return std::max(x, b); });
}

void check_every_operation() {
  check_bits<u32>(".b32");
  check_bits<u64>(".b64");
  check_numbers<u32>(".u32");
  check_numbers<i32>(".s32");
  check_numbers<u64>(".u64");
  check_numbers<i64>(".s64");
  check_all<u32>(".inc.u32", [](u32 x, u32 b, u32) { return x >= b ? 0 : x + 1; });
  check_all<u32>(".dec.u32", [](u32 x, u32 b, u32) { return x == 0 || x > b ? b : x - 1; });
  const auto swap = [](auto x, auto b, auto c) { return x == b ? c : x; };
  check_all<u16>(".cas.b16", swap, true, true);
  check_all<u32>(".cas.b32", swap, true, true);
  check_all<u64>(".cas.b64", swap, true, true);
  check_all<float>(
      ".add.f32", [](float x, float b, float) { return x + b; }, false, false, true);
  check_all<double>(
      ".add.f64", [](double x, double b, double) { return x + b; }, false, false, true);
}

TEST_CASE("atomic operations on one core") { check_every_operation(); }

TEST_CASE("atomic operations with several cores") {
  const WithThreads two(2);
  check_every_operation();
}

TEST_CASE("orders and scopes") {
  Random random;
  for (const char* words : {".relaxed.cta", ".relaxed.gpu", ".acquire.gpu", ".release.sys",
                            ".acq_rel.gpu", ".cta", ".gpu", ".sys"}) {
    const Operation<u32> sum = [](u32 x, u32 b, u32) { return x + b; };
    const auto a = random.bits<u32>(lanes), b = random.bits<u32>(lanes);
    Trial<u32>{"atom" + std::string(words) + ".global.add.u32", false, true, sum, a, b, b}.check(
        "global");
    Trial<u32>{"red" + std::string(words) + ".add.u32", false, false, sum, a, b, b}.check(
        "generic");
  }
}

TEST_CASE("sums of halves") {
  using Wide = Operation<u32>;
  const Operation<u16> sum = [](u16 x, u16 b, u16) {
    return Float16::narrow(Float16::widen(x) + Float16::widen(b));
  };
  const Wide both = [sum](u32 x, u32 b, u32) {
    const auto at = [&](int s) {
      return u32{sum(static_cast<u16>(x >> s), static_cast<u16>(b >> s), 0)};
    };
    return at(0) | at(16) << 16;
  };
  Random random;
  const auto half = [&] { return Float16::narrow(random.integer(-2000, 2000) / 16.0f); };
  std::vector<u16> a(lanes), b(lanes);
  std::vector<u32> a2(lanes), b2(lanes);
  for (int i = 0; i < lanes; ++i) {
    a[i] = half();
    b[i] = half();
    a2[i] = half() | u32{half()} << 16;
    b2[i] = half() | u32{half()} << 16;
  }
  b[5] = Float16::narrow(std::numeric_limits<float>::infinity());
  b2[7] = 0x7fff0000u | half();
  for (const std::string name : {"atom", "red"}) {
    const bool returns = name == "atom";
    for (const std::string space : {"global", "shared"}) {
      Trial<u16>{name + "." + space + ".add.noftz.f16", false, returns, sum, a, b, b}.check(space);
      Trial<u32>{name + "." + space + ".add.noftz.f16x2", false, returns, both, a2, b2, b2}.check(
          space);
    }
  }
}

TEST_CASE("subnormal sums of f32 are zero in global memory, but not in shared memory") {
  const float tiny = 0x1p-130f;
  const Array<float> global(std::vector<float>{tiny, tiny, 0}), out(2);
  run_body(
      "mov.u32 %r1, s;\ncvt.u64.u32 %l3, %r1;\ncvta.shared.u64 %l3, %l3;\n"
      "mov.f32 %f1, 0f00080000;\nst.shared.f32 [s], %f1;\nst.shared.f32 [s+4], %f1;\n"
      "red.shared.add.f32 [s], %f1;\nred.add.f32 [%l3+4], %f1;\n"
      "red.global.add.f32 [%l0], %f1;\nred.add.f32 [%l0+4], %f1;\n"
      "ld.shared.v2.f32 {%f2, %f3}, [s];\nst.global.v2.f32 [%l1], {%f2, %f3};",
      {global.address(), out.address()},
      {.threads = 1, .declarations = ".shared .align 8 .b8 s[16];"});
  CHECK(global[0] == 0);
  CHECK(global[1] == 0);
  CHECK(out[0] == 2 * 0x1p-130f);
  CHECK(out[1] == 2 * 0x1p-130f);
}

TEST_CASE("blocks on several cores count together") {
  const WithThreads four(4);
  const u32 blocks = 200, threads = 96;
  const Array<u32> counters(4);
  const Array<float> sum(1);
  const Array<u64> wide(1);
  const Array<u16> half(2);
  run_body(
      "red.global.add.u32 [%l0], 1;\natom.global.add.u32 %r1, [%l0+4], %thread;\n"
      "red.global.max.u32 [%l0+8], %thread;\nred.global.inc.u32 [%l0+12], 0xffffffff;\n"
      "red.global.add.f32 [%l1], 0f3f800000;\nred.global.add.u64 [%l2], 0x100000001;\n"
      // A sum by compare-and-swap, of the lanes one after the other.
      "setp.ne.u32 %p1, %thread, 0;\n@%p1 bra DONE;\nld.relaxed.gpu.global.u16 %h1, [%l3+2];\n"
      "AGAIN:\nadd.u16 %h2, %h1, 1;\nmov.u16 %h4, %h1;\n"
      "atom.global.cas.b16 %h1, [%l3+2], %h4, %h2;\nsetp.ne.s16 %p2, %h1, %h4;\n"
      "@%p2 bra AGAIN;\nDONE:\n",
      {counters.address(), sum.address(), wide.address(), half.address()},
      {.threads = threads, .blocks = blocks});
  CHECK(counters[0] == blocks * threads);
  CHECK(counters[1] == blocks * (threads * (threads - 1) / 2));
  CHECK(counters[2] == threads - 1);
  CHECK(counters[3] == blocks * threads);
  CHECK(sum[0] == float(blocks * threads));
  CHECK(wide[0] == u64{0x100000001} * blocks * threads);
  CHECK(half[0] == 0);
  CHECK(half[1] == blocks);
}

TEST_CASE("atomic forms that are not there") {
  Instruction in;
  const auto table = atomic_instructions();
  CHECK(is_implemented(table, "atom.global.add.u32", in));
  for (const char* opcode :
       {"atom.global.add.b32", "atom.global.min.f32", "atom.global.exch.b16",
        "atom.global.cas.b128", "atom.global.v2.f32.add", "red.global.exch.b32",
        "red.global.cas.b32", "red.async.add.u32", "atom.cluster.global.add.u32",
        "atom.shared::cluster.add.u32", "atom.global.inc.u64", "atom.global.add.L2::cache_hint.u32",
        "atom.global.and.u32", "atom.global.u32", "atom.global.add.sub.u32",
        "atom.global.max.f16x2"})
    CHECK_MESSAGE(!is_implemented(table, opcode, in), opcode);
}

TEST_CASE("every row of the table of atomic operations was executed") {
  check_all_executed(atomic_instructions());
}

}  // namespace
}  // namespace vgpu::test
