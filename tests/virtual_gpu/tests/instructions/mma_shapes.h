// SPDX-License-Identifier: MIT
// Shapes of mma: the places of elements in the lanes' fragments as the PTX manual gives them,
// element by element, and the execution of one mma on whole matrices.
#pragma once
#include <functional>

#include "tests/kernel.h"

namespace vgpu::test {

inline constexpr int M = 16, N = 8;

struct Place2 {
  int row, column;
};
/// The row and column of element i of a lane's fragment; g is lane / 4, t is lane % 4.
using Layout = std::function<Place2(int g, int t, int i)>;

/// A shape and its types. Fragments of A and B have so many elements of `bits` bits.
struct Shape {
  std::string opcode;
  int K, bits, a_elements, b_elements;
  Layout a, b;
};

inline Place2 layout_c(int g, int t, int i) { return {i < 2 ? g : g + 8, 2 * t + (i & 1)}; }

inline Shape half_16(const std::string& types) {
  return {
      "mma.sync.aligned.m16n8k16.row.col." + types,
      16,
      16,
      8,
      4,
      [](int g, int t, int i) {
        return Place2{i < 2 || (i >= 4 && i < 6) ? g : g + 8, 2 * t + (i & 1) + (i >= 4 ? 8 : 0)};
      },
      [](int g, int t, int i) {
        return Place2{2 * t + (i & 1) + (i >= 2 ? 8 : 0), g};
      }};
}
inline Shape half_8(const std::string& types) {
  return {"mma.sync.aligned.m16n8k8.row.col." + types,
          8,
          16,
          4,
          2,
          [](int g, int t, int i) {
            return Place2{i < 2 ? g : g + 8, 2 * t + (i & 1)};
          },
          [](int g, int t, int i) {
            return Place2{2 * t + (i & 1), g};
          }};
}
inline Shape tf32_8() {
  return {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
          8,
          32,
          4,
          2,
          [](int g, int t, int i) {
            return Place2{i % 2 == 0 ? g : g + 8, i < 2 ? t : t + 4};
          },
          [](int g, int t, int i) {
            return Place2{i == 0 ? t : t + 4, g};
          }};
}
inline Shape tf32_4() {
  return {"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32",
          4,
          32,
          2,
          1,
          [](int g, int t, int i) {
            return Place2{i == 0 ? g : g + 8, t};
          },
          [](int g, int t, int) {
            return Place2{t, g};
          }};
}
/// Registers of all lanes, [register][lane].
using Registers = std::vector<u32>;

inline Registers pack(const std::vector<u32>& matrix, int columns, const Layout& layout,
                      int elements, int bits) {
  const int each = 32 / bits;
  Registers result(static_cast<std::size_t>(lanes * elements / each));
  for (int lane = 0; lane < lanes; ++lane)
    for (int i = 0; i < elements; ++i) {
      const auto [row, column] = layout(lane / 4, lane % 4, i);
      const u32 value = matrix[static_cast<std::size_t>(row * columns + column)];
      result[i / each * lanes + lane] |= (bits == 32 ? value : value & ((1u << bits) - 1))
                                         << (i % each * bits);
    }
  return result;
}

inline std::vector<u32> unpack_c(const Registers& registers, int bits) {
  std::vector<u32> result(M * N);
  const int each = 32 / bits;
  for (int lane = 0; lane < lanes; ++lane)
    for (int i = 0; i < 4; ++i) {
      const auto [row, column] = layout_c(lane / 4, lane % 4, i);
      const u32 word = registers[i / each * lanes + lane] >> (i % each * bits);
      result[static_cast<std::size_t>(row * N + column)] = bits == 16 ? word & 0xffff : word;
    }
  return result;
}

/// Matrices as bits of their elements, row by row: A is M x K, B K x N, C and D M x N.
inline std::vector<u32> run_mma(const Shape& shape, int c_bits, const std::vector<u32>& a,
                                const std::vector<u32>& b, const std::vector<u32>& c) {
  Registers in = pack(a, shape.K, shape.a, shape.a_elements, shape.bits);
  const std::size_t a_count = in.size() / lanes;
  const Registers packed_b = pack(b, N, shape.b, shape.b_elements, shape.bits);
  in.insert(in.end(), packed_b.begin(), packed_b.end());
  const Registers packed_c = pack(c, N, layout_c, 4, c_bits);
  in.insert(in.end(), packed_c.begin(), packed_c.end());
  const std::size_t count = in.size() / lanes, c_count = packed_c.size() / lanes;
  const auto list = [](std::size_t from, std::size_t to) {
    std::string text = "{";
    for (std::size_t i = from; i < to; ++i) text += (i == from ? "%r" : ", %r") + number(20 + i);
    return text + "}";
  };
  std::string text = element("%l2", "%l0", 4) + element("%l3", "%l1", 4);
  for (std::size_t i = 0; i < count; ++i)
    text += "ld.global.b32 %r" + number(20 + i) + ", [%l2+" + number(128 * i) + "];\n";
  const std::string c_list = list(count - c_count, count);
  text += shape.opcode + " " + c_list + ", " + list(0, a_count) + ", " +
          list(a_count, count - c_count) + ", " + c_list + ";\n";
  for (std::size_t i = 0; i < c_count; ++i)
    text += "st.global.b32 [%l3+" + number(128 * i) + "], %r" + number(20 + count - c_count + i) +
            ";\n";
  const Array<u32> source(in), result(c_count * lanes);
  run_body(text, {source.address(), result.address()});
  return unpack_c(result.values(), c_bits);
}

}  // namespace vgpu::test
