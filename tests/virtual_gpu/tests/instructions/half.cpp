// SPDX-License-Identifier: MIT
// Arithmetic of f16, bf16 and packed pairs: exact results, rounded once by a list of all values.
#include "tests/instructions/values.h"

namespace vgpu::test {
namespace {

struct Form {
  std::string suffix;
  bool sat = false, relu = false;
};

u32 finish(const Format& f, const Form& m, Exact x) {
  if (m.sat) x = x > 0 ? (x < 1 ? x : 1) : 0;
  if (m.relu && x <= 0) x = 0;
  return f.encode(x);
}

/// Numbers of few bits and near exponents, of which sums often lie halfway; and any bits.
std::vector<u16> operands(const Format& f, std::size_t count) {
  auto& g = generator();
  std::vector<u16> values(count);
  const u32 bias = (1u << (f.exponent_bits - 1)) - 1;
  for (auto& value : values) {
    const u32 exponent = bias + static_cast<u32>(g() % 24) - 12;
    const u32 fraction = static_cast<u32>(g() & g()) & ((1u << f.fraction_bits) - 1);
    const u32 sign = g() % 2 ? f.sign_bit() : 0;
    value = static_cast<u16>(g() % 3 ? sign | exponent << f.fraction_bits | fraction : g());
  }
  return values;
}

u32 in_pair(u32 low, u32 high) { return low | high << 16; }
std::vector<u32> pairs(const std::vector<u16>& from) {
  std::vector<u32> to(from.size() / 2);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = in_pair(from[2 * i], from[2 * i + 1]);
  return to;
}

/// Checks name + suffix for the format and its packed pairs; expected is for one number.
template <class F, class... In>
void check_half(const Format& f, const std::string& opcode, const std::string& registers,
                F&& expected, const std::vector<In>&... inputs) {
  check_on<u16>(opcode + "." + f.name + registers, expected, inputs...);
  check_on<u32>(
      opcode + "." + f.name + "x2" + registers,
      [&](auto... words) {
        return in_pair(expected(static_cast<u16>(words)...),
                       expected(static_cast<u16>(words >> 16)...));
      },
      pairs(inputs)...);
}

template <class F> void for_formats(F&& body) {
  body(f16());
  body(bf16());
}
/// bf16 does not know sat.
std::vector<Form> forms(const Format& f) {
  std::vector<Form> all = {{""}, {".rn"}};
  if (f.name == "f16") all.insert(all.end(), {{".sat", true}, {".rn.sat", true}});
  return all;
}

TEST_CASE("half: add, sub, mul") {
  for_formats([](const Format& f) {
    const auto a = operands(f, 40000), b = operands(f, 40000);
    for (const Form& m : forms(f)) {
      const auto value = [&](u16 bits) { return Exact{f.decode(bits)}; };
      check_half(
          f, "add" + m.suffix, " %d, %a, %b;",
          [&](u16 x, u16 y) { return finish(f, m, exact_sum(value(x), value(y))); }, a, b);
      check_half(
          f, "sub" + m.suffix, " %d, %a, %b;",
          [&](u16 x, u16 y) { return finish(f, m, exact_sum(value(x), -value(y))); }, a, b);
      check_half(
          f, "mul" + m.suffix, " %d, %a, %b;",
          [&](u16 x, u16 y) { return finish(f, m, value(x) * value(y)); }, a, b);
    }
  });
}

TEST_CASE("half: fma rounds once") {
  for_formats([](const Format& f) {
    const auto a = operands(f, 100000), b = operands(f, 100000), c = operands(f, 100000);
    std::vector<Form> all = {{".rn"}, {".rn.relu", false, true}};
    if (f.name == "f16") all.push_back({".rn.sat", true});
    for (const Form& m : all)
      check_half(
          f, "fma" + m.suffix, " %d, %a, %b, %c;",
          [&](u16 x, u16 y, u16 z) {
            const auto value = [&](u16 bits) { return Exact{f.decode(bits)}; };
            return finish(f, m, exact_sum(value(x) * value(y), value(z)));
          },
          a, b, c);
  });
  // Ties that only a distant third operand breaks.
  const auto d = execute<u16>("fma.rn.bf16 %d, %a, %b, %c;", std::vector<u16>{0x3f81, 0x3f81},
                              std::vector<u16>{0x3f88, 0x3f88}, std::vector<u16>{0x0080, 0x8080});
  const Exact product = Exact{bf16().decode(0x3f81)} * bf16().decode(0x3f88);
  CHECK(d[0] == bf16().encode(exact_sum(product, 0x1p-126)));
  CHECK(d[1] == bf16().encode(exact_sum(product, -0x1p-126)));
}

TEST_CASE("half: min and max") {
  for_formats([](const Format& f) {
    auto a = operands(f, 20000), b = operands(f, 20000);
    for (const u32 x : {0u, f.sign_bit(), f.nan_bits(), f.nan_bits() | f.sign_bit(), 1u,
                        f.infinity_bits(), f.infinity_bits() | f.sign_bit()})
      for (const u32 y : {0u, f.sign_bit(), f.nan_bits(), 1u, f.sign_bit() | 1u}) {
        a.push_back(static_cast<u16>(x));
        b.push_back(static_cast<u16>(y));
      }
    if (a.size() % 2 != 0) {
      a.push_back(0);
      b.push_back(0);
    }
    for (const bool is_max : {false, true})
      for (const bool nan : {false, true})
        check_half(
            f, std::string(is_max ? "max" : "min") + (nan ? ".NaN" : ""), " %d, %a, %b;",
            [&](u16 x, u16 y) -> u32 {
              if (f.is_nan(x) || f.is_nan(y)) {
                if (nan || (f.is_nan(x) && f.is_nan(y))) return f.nan_bits();
                return f.is_nan(x) ? y : x;
              }
              // As whole numbers in order: -0 lies below +0.
              const auto rank = [&](u32 bits) {
                const int low = static_cast<int>(bits & f.nan_bits());
                return bits & f.sign_bit() ? -1 - low : low;
              };
              return (rank(x) < rank(y)) != is_max ? x : y;
            },
            a, b);
  });
}

TEST_CASE("half: all values of abs and neg") {
  for_formats([](const Format& f) {
    check_half(
        f, "neg", " %d, %a;", [&](u16 a) { return a ^ f.sign_bit(); }, all_halves());
    check_half(
        f, "abs", " %d, %a;", [&](u16 a) { return a & f.nan_bits(); }, all_halves());
  });
}

/// The last bit may differ.
TEST_CASE("half: all values of tanh") {
  for_formats([](const Format& f) {
    const auto a = all_halves();
    const std::string text = "tanh.approx." + f.name;
    const auto results = execute<u16>(text + " %d, %a;", a);
    compare_each(
        text, results,
        [&](u16 x) -> u16 {
          const u32 want = f.encode(std::tanh(f.decode(x)));
          return std::abs(int(results[x]) - int(want)) <= 1 && !f.is_nan(want) ? results[x]
                                                                               : u16(want);
        },
        a);
    const auto two = execute<u32>(text + "x2 %d, %a;", pairs(a));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < two.size(); ++i)
      wrong += two[i] != in_pair(results[2 * i], results[2 * i + 1]);
    CHECK(wrong == 0);
  });
}

}  // namespace
}  // namespace vgpu::test
