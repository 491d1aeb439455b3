// SPDX-License-Identifier: MIT
// mma against plain loops: exact where it must be, else in the order that tensor.cpp documents.
#include <cmath>
#include <functional>
#include <limits>

#include "instructions/half_format.h"
#include "tests/instructions/mma_shapes.h"

namespace vgpu::test {
namespace {

using Encode = u32 (*)(float);
using Decode = float (*)(u32);

u32 encode_f32(float x) { return bits_as<u32>(x); }
float decode_f32(u32 x) { return bits_as<float>(x); }
template <class Format> u32 encode_half(float x) { return Format::narrow(x); }
template <class Format> float decode_half(u32 x) { return Format::widen(static_cast<u16>(x)); }

struct FloatShape {
  Shape shape;
  Encode encode;
  Decode decode;
  bool halves_in_c = false;
};

std::vector<FloatShape> float_shapes() {
  return {{half_16("f32.bf16.bf16.f32"), encode_half<BFloat16>, decode_half<BFloat16>},
          {half_8("f32.bf16.bf16.f32"), encode_half<BFloat16>, decode_half<BFloat16>},
          {half_16("f32.f16.f16.f32"), encode_half<Float16>, decode_half<Float16>},
          {half_8("f32.f16.f16.f32"), encode_half<Float16>, decode_half<Float16>},
          {half_16("f16.f16.f16.f16"), encode_half<Float16>, decode_half<Float16>, true},
          {half_8("f16.f16.f16.f16"), encode_half<Float16>, decode_half<Float16>, true},
          {tf32_8(), encode_f32, decode_f32},
          {tf32_4(), encode_f32, decode_f32}};
}

/// Compares with loops in the order that is documented, bit by bit.
void check_float(const FloatShape& s, const std::function<float(int matrix)>& value) {
  INFO(s.shape.opcode);
  const int K = s.shape.K;
  const auto matrix = [&](int which, int size, Encode encode) {
    std::vector<u32> result(static_cast<std::size_t>(size));
    for (u32& x : result) x = encode(value(which));
    return result;
  };
  const Encode encode_c = s.halves_in_c ? encode_half<Float16> : encode_f32;
  const Decode decode_c = s.halves_in_c ? decode_half<Float16> : decode_f32;
  const auto a = matrix(0, M * K, s.encode), b = matrix(1, K * N, s.encode),
             c = matrix(2, M * N, encode_c);
  const auto d = run_mma(s.shape, s.halves_in_c ? 16 : 32, a, b, c);
  const u32 kept = s.shape.bits == 32 ? ~0x1fffu : ~0u;  // tf32
  std::size_t wrong = 0;
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) {
      float sum = decode_c(c[m * N + n]);
      for (int k = 0; k < K; ++k)
        sum += s.decode(a[m * K + k] & kept) * s.decode(b[k * N + n] & kept);
      const u32 expected = !s.halves_in_c && sum != sum ? canonical_nan : encode_c(sum);
      wrong += d[m * N + n] != expected;
    }
  CHECK(wrong == 0);
}

TEST_CASE("mma of small integers is exact") {
  Random random;
  for (const FloatShape& s : float_shapes())
    for (int trial = 0; trial < 10; ++trial)
      check_float(s, [&](int) { return static_cast<float>(random.integer(-9, 9)); });
}

TEST_CASE("mma of other numbers, in the documented order") {
  Random random;
  for (const FloatShape& s : float_shapes())
    for (int trial = 0; trial < 10; ++trial)
      check_float(s, [&](int) {
        return std::ldexp(static_cast<float>(random.integer(-4095, 4095)), random.integer(-14, -8));
      });
}

TEST_CASE("infinities and NaN go through mma") {
  Random random;
  const float infinity = std::numeric_limits<float>::infinity();
  for (const FloatShape& s : float_shapes())
    for (int trial = 0; trial < 10; ++trial)
      check_float(s, [&](int) {
        switch (random.integer(0, 60)) {
          case 0:
            return infinity;
          case 1:
            return -infinity;
          case 2:
            return std::numeric_limits<float>::quiet_NaN();
          case 3:
            return -0.0f;
          default:
            return static_cast<float>(random.integer(-3, 3));
        }
      });
}

TEST_CASE("subnormal numbers and overflow of halves in mma") {
  Random random;
  for (const FloatShape& s : float_shapes())
    check_float(s, [&](int which) {
      if (which == 1) return static_cast<float>(random.integer(1, 4) * 1024);
      return which == 0 ? std::ldexp(static_cast<float>(random.integer(-60, 60)), -24) : 65000.0f;
    });
  check_float(float_shapes()[4], [&](int) { return 200.0f; });
}

TEST_CASE("fragments of a unit matrix: every element in its place") {
  for (const FloatShape& s : float_shapes()) {
    float next = 0;
    int index = 0;
    check_float(s, [&](int which) {
      if (which == 0) return (index++ % (s.shape.K + 1)) == 0 ? 1.0f : 0.0f;
      return which == 1 ? ++next : 0.0f;
    });
  }
}

TEST_CASE("matrix forms that are not there") {
  const auto table = tensor_instructions();
  Instruction in;
  in.count = 14;
  CHECK(is_implemented(table, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", in));
  for (const char* opcode :
       {"mma.sync.aligned.m16n8k16.row.row.f32.bf16.bf16.f32",
        "mma.aligned.m16n8k16.row.col.f32.f16.f16.f32",
        "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f32",
        "mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32",
        "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64",
        "mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32",
        "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32",
        "mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32",
        "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc",
        "mma.sync.aligned.m16n8k16.row.col.satfinite.f32.bf16.bf16.f32",
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.f16.f32", "ldmatrix.sync.aligned.m8n8.x3.b16",
        "ldmatrix.sync.aligned.m16n16.x1.b8", "ldmatrix.sync.aligned.m8n8.x4.shared::cluster.b16",
        "movmatrix.sync.aligned.m8n8.trans.b16", "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32",
        "stmatrix.sync.aligned.m8n8.x4.shared.b16",
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16"})
    CHECK_MESSAGE(!is_implemented(table, opcode, in), opcode);
}

TEST_CASE("every form of mma was executed") {
  for (const char* name :
       {"mma", "mma.m16n8k4", "mma.m16n8k8", "mma.m16n8k16", "mma.bf16", "mma.f16", "mma.tf32"})
    CHECK_MESSAGE(executed_names().count(name) == 1, name);
}

}  // namespace
}  // namespace vgpu::test
