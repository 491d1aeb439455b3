// SPDX-License-Identifier: MIT
// ldmatrix and mma.sync: D = A B + C of small matrices, of which each lane holds a fragment;
// layouts as in the PTX manual ("Matrix Fragments for mma"). They consist of tiles: the 32 lanes of
// a register hold one row by row, eight rows of eight halves or of four words.
//
// Sums begin with C and go on by ascending k, every product and every sum rounded to f32 (products
// of f16, bf16 and tf32 are exact there, unless they leave its range). The device adds several
// products at once and truncates; both are exact for small integers. f16 accumulators are rounded
// once, at the end.
#include <algorithm>

#include "checks/observe.h"
#include "checks/report.h"
#include "instructions/addresses.h"
#include "instructions/families.h"
#include "instructions/half_format.h"
#include "instructions/select.h"

namespace vgpu {
namespace {

/// .sync.aligned: whether all lanes have come. If some have exited, the device does not say what
/// happens.
bool all_together(Warp& w, const Instruction& in, Mask mask) {
  if (mask == all_lanes) return true;
  u32 members[lanes];
  for (u32& member : members) member = all_lanes;
  if (!all_arrived(w, in, mask, members)) return false;
  report(w, in, first_lane(mask), "partial warp", false,
         "the instruction needs all lanes of the warp, but only those of %08x execute it", mask);
  return true;
}

// ---- tiles

using Row = u16 __attribute__((vector_size(16)));  // eight halves

/// Transposes: three times a perfect shuffle of the 64 elements, which turns the six bits of an
/// element's number by one place each time, until row and column have changed places.
void transpose(Row (&rows)[8]) {
  for (int step = 0; step < 3; ++step) {
    Row next[8];
    for (int i = 0; i < 4; ++i) {
      next[2 * i] = __builtin_shufflevector(rows[i], rows[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; ++i) rows[i] = next[i];
  }
}

/// Lanes 8 k to 8 k + 7 give the addresses of the rows of matrix k.
template <bool transposed> void load_matrix(Warp& w, const Instruction& in, Mask mask) {
  if (!all_together(w, in, mask)) return;
  static constexpr u8 zeros[sizeof(Row)] = {};
  const Mask givers = all_lanes >> (lanes - 8 * in.count);
  alignas(64) u64 addresses[lanes];
  find_addresses(w, in, addresses);
  const Mask valid = observed(w, in, givers & mask, addresses, sizeof(Row), Access::read);
  for_lanes(givers & ~valid, [&](int i) { addresses[i] = reinterpret_cast<u64>(zeros); });
  for (int k = 0; k < in.count; ++k) {
    Row rows[8];
    for (int r = 0; r < 8; ++r)
      std::memcpy(&rows[r], reinterpret_cast<const void*>(addresses[8 * k + r]), sizeof(Row));
    if constexpr (transposed) transpose(rows);
    std::memcpy(w.reg<u16>(in.extra[k]), rows, sizeof rows);
  }
}

constexpr int rows = 16, columns = 8;
using Vector = float __attribute__((vector_size(columns * sizeof(float))));

// ---- the types of A and B, as rows of tiles

template <class Format> struct Halves {
  static constexpr int width = 8;
  static void widen(const u16* row, float* to) { widen_all<Format, width>(row, to); }
};

struct Tf32 {
  static constexpr int width = 4;
  static void widen(const u16* row, float* to) {
    std::memcpy(to, row, width * sizeof(float));
    for (int i = 0; i < width; ++i)  // ten digits count
      to[i] = bits_as<float>(bits_as<u32>(to[i]) & ~0x1fffu);
  }
};

// ---- the types of C and D. A row of f32 lies in two registers, its even columns in four lanes of
// one and its odd columns in those of the other; so the columns of B, C and D are kept in this
// order. A row of f16 is in its natural order.

struct FloatSums {
  static constexpr int registers = 4;
  static constexpr int order[columns] = {0, 2, 4, 6, 1, 3, 5, 7};
  static void read(const Warp& w, const Place* places, float (&to)[8][columns]) {
    for (int row = 0; row < 8; ++row)
      for (int odd = 0; odd < 2; ++odd)
        std::memcpy(&to[row][4 * odd], w.source<float>(places[odd]) + 4 * row, 16);
  }
  /// NaN gets the pattern that the device gives it.
  static void write(Warp& w, const Place* places, const Vector (&sums)[8]) {
    for (int row = 0; row < 8; ++row) {
      float values[columns];
      std::memcpy(values, &sums[row], sizeof values);
      for (float& x : values) x = canonical(x);
      for (int odd = 0; odd < 2; ++odd)
        std::memcpy(w.reg<float>(places[odd]) + 4 * row, values + 4 * odd, 16);
    }
  }
};

struct HalfSums {
  static constexpr int registers = 2;
  static constexpr int order[columns] = {0, 1, 2, 3, 4, 5, 6, 7};
  static void read(const Warp& w, const Place* places, float (&to)[8][columns]) {
    widen_all<Float16, 8 * columns>(w.source<u16>(places[0]), to[0]);
  }
  static void write(Warp& w, const Place* places, const Vector (&sums)[8]) {
    float values[8 * columns];
    std::memcpy(values, sums, sizeof values);
    narrow_all<Float16, 8 * columns>(values, w.reg<u16>(places[0]));
  }
};

// ---- mma

/// A: register r holds rows 8 (r mod 2) and on, columns width (r / 2) and on.
template <class Element, int K>
void read_a(const Warp& w, const Place* places, float (&a)[rows][K]) {
  constexpr int width = Element::width;
  for (int r = 0; r < 2 * K / width; ++r)
    for (int row = 0; row < 8; ++row)
      Element::widen(w.source<u16>(places[r]) + 8 * row, &a[8 * (r % 2) + row][width * (r / 2)]);
}

/// B: register r holds columns as rows, k from width r on.
template <class Element, int K>
void read_b(const Warp& w, const Place* places, const int (&order)[columns],
            float (&b)[K][columns]) {
  constexpr int width = Element::width;
  for (int r = 0; r < K / width; ++r) {
    Row tile[columns];
    for (int n = 0; n < columns; ++n)
      std::memcpy(&tile[n], w.source<u16>(places[r]) + 8 * order[n], sizeof(Row));
    if constexpr (width == 8) {
      transpose(tile);
      for (int k = 0; k < 8; ++k) Element::widen(reinterpret_cast<u16*>(&tile[k]), b[8 * r + k]);
    } else {
      float words[columns][width];
      for (int n = 0; n < columns; ++n) Element::widen(reinterpret_cast<u16*>(&tile[n]), words[n]);
      for (int k = 0; k < width; ++k)
        for (int n = 0; n < columns; ++n) b[width * r + k][n] = words[n][k];
    }
  }
}

template <int m, int n> bool is_zero(const float (&values)[m][n]) {
  return std::all_of(values[0], values[0] + m * n, [](float x) { return x == 0.0f; });
}

template <class Element, int K, class Sums> void mma(Warp& w, const Instruction& in, Mask mask) {
  if (!all_together(w, in, mask)) return;
  const Place *const d = in.extra, *const a_places = d + Sums::registers,
                     *const b_places = a_places + 2 * K / Element::width,
                     *const c = b_places + K / Element::width;
  alignas(64) float a[rows][K], b[K][columns], start[2][8][columns];
  read_a<Element>(w, a_places, a);
  read_b<Element>(w, b_places, Sums::order, b);
  if (options.count) count_product(w, in, is_zero(a) || is_zero(b));
  for (int half = 0; half < 2; ++half) Sums::read(w, c + half * Sums::registers / 2, start[half]);
  for (int half = 0; half < 2; ++half) {  // eight sums fit into the registers of AVX2
    Vector sums[8];
    std::memcpy(sums, start[half], sizeof sums);
    for (int k = 0; k < K; ++k) {
      Vector factors;
      std::memcpy(&factors, b[k], sizeof factors);
      for (int r = 0; r < 8; ++r) sums[r] += factors * a[8 * half + r][k];
    }
    Sums::write(w, d + half * Sums::registers / 2, sums);
  }
}

// ---- the choice of a handler

struct MatrixForm {
  std::string_view form;
  int registers;  // of all operands together
  Handler run;
};

constexpr MatrixForm forms[] = {
    {"m16n8k16.row.col.f32.bf16.bf16.f32", 4 + 4 + 2 + 4, mma<Halves<BFloat16>, 16, FloatSums>},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", 4 + 2 + 1 + 4, mma<Halves<BFloat16>, 8, FloatSums>},
    {"m16n8k16.row.col.f32.f16.f16.f32", 4 + 4 + 2 + 4, mma<Halves<Float16>, 16, FloatSums>},
    {"m16n8k8.row.col.f32.f16.f16.f32", 4 + 2 + 1 + 4, mma<Halves<Float16>, 8, FloatSums>},
    {"m16n8k16.row.col.f16.f16.f16.f16", 2 + 4 + 2 + 2, mma<Halves<Float16>, 16, HalfSums>},
    {"m16n8k8.row.col.f16.f16.f16.f16", 2 + 2 + 1 + 2, mma<Halves<Float16>, 8, HalfSums>},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", 4 + 4 + 2 + 4, mma<Tf32, 8, FloatSums>},
    {"m16n8k4.row.col.f32.tf32.tf32.f32", 4 + 2 + 1 + 4, mma<Tf32, 4, FloatSums>},
    {"x1.b16", 1, load_matrix<false>},
    {"x2.b16", 2, load_matrix<false>},
    {"x4.b16", 4, load_matrix<false>},
    {"x1.trans.b16", 1, load_matrix<true>},
    {"x2.trans.b16", 2, load_matrix<true>},
    {"x4.trans.b16", 4, load_matrix<true>},
};

Handler select(const Opcode& opcode, Instruction& in) {
  if (!opcode.has("sync") || !opcode.has("aligned") || !can_be_addressed(in)) return nullptr;
  const auto name = form_of(opcode, "sync aligned m8n8 shared shared::cta");
  for (const MatrixForm& known : forms)
    if (known.form == name && known.registers == in.count) return known.run;
  return nullptr;
}

constexpr Signature table[] = {
    {"mma", "={b32} {b32} {b32} {b32}", Class::mma, select},
    {"ldmatrix", "={b32} [a]", Class::ldmatrix, select},
};

}  // namespace

std::span<const Signature> tensor_instructions() { return table; }

}  // namespace vgpu
