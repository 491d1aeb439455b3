// SPDX-License-Identifier: MIT
// A product on tensor cores against plain loops: C = A B in bf16 with float sums, as a GPU wants it
// done: a ring of cp.async copies, rows swizzled so that ldmatrix meets no bank twice, mma.sync.
// Products and sums of small integers are exact, so C must be equal bit for bit.
#include <cuda_bf16.h>

#include "device_array.h"

namespace {

constexpr int tile = 64, depth = 32, stages = 3, threads = 128;
constexpr int chunk = 8;  // bf16 elements of a copy of 16 bytes
constexpr int a_bytes = tile * depth * 2, stage_bytes = 2 * a_bytes;

__device__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// Byte offsets of a chunk in a tile of A (64 rows of 4 chunks) and of B (32 rows of 8 chunks).
__device__ int a_offset(int row, int c) { return row * 64 + ((c ^ (row / 2 % 4)) * 16); }
__device__ int b_offset(int row, int c) { return row * 128 + ((c ^ (row % 8)) * 16); }

__device__ void copy_chunk(unsigned to, const __nv_bfloat16* from, int elements) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(2 * max(0, min(elements, chunk))));
}

/// One warp computes 32 x 32 of the block's 64 x 64.
__global__ void __launch_bounds__(threads)
    product(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int row0 = blockIdx.y * tile, column0 = blockIdx.x * tile;
  const int steps = (k + depth - 1) / depth;

  const auto load = [&](int step) {
    const unsigned to = shared_address(memory) + step % stages * stage_bytes;
    for (int i = threadIdx.x; i < tile * depth / chunk; i += threads) {
      const int row = i / 4, at = step * depth + i % 4 * chunk;
      const bool inside = row0 + row < m && at < k;
      copy_chunk(to + a_offset(row, i % 4), inside ? a + (row0 + row) * k + at : a,
                 inside ? k - at : 0);
    }
    for (int i = threadIdx.x; i < tile * depth / chunk; i += threads) {
      const int row = i / 8, at = column0 + i % 8 * chunk;
      const bool inside = step * depth + row < k && at < n;
      copy_chunk(to + a_bytes + b_offset(row, i % 8),
                 inside ? b + (step * depth + row) * n + at : b, inside ? n - at : 0);
    }
  };

  float sum[2][4][4] = {};
  for (int step = 0; step < stages - 1; ++step) {
    if (step < steps) load(step);
    asm volatile("cp.async.commit_group;");
  }
  for (int step = 0; step < steps; ++step) {
    asm volatile("cp.async.wait_group %0;" ::"n"(stages - 2));
    __syncthreads();
    if (step + stages - 1 < steps) load(step + stages - 1);
    asm volatile("cp.async.commit_group;");
    const unsigned tiles = shared_address(memory) + step % stages * stage_bytes;
    for (int half = 0; half < 2; ++half) {
      unsigned left[2][4], right[4][2];
      for (int i = 0; i < 2; ++i) {
        const int row = warp / 2 * 32 + i * 16 + lane % 16;
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(left[i][0]), "=r"(left[i][1]), "=r"(left[i][2]), "=r"(left[i][3])
                     : "r"(tiles + a_offset(row, half * 2 + lane / 16)));
      }
      for (int j = 0; j < 2; ++j) {
        const int row = half * 16 + lane % 16;
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(right[2 * j][0]), "=r"(right[2 * j][1]), "=r"(right[2 * j + 1][0]),
                       "=r"(right[2 * j + 1][1])
                     : "r"(tiles + a_bytes + b_offset(row, warp % 2 * 4 + j * 2 + lane / 16)));
      }
      for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 4; ++j) {
          float* const s = sum[i][j];
          asm volatile(
              "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
              "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
              : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3])
              : "r"(left[i][0]), "r"(left[i][1]), "r"(left[i][2]), "r"(left[i][3]),
                "r"(right[j][0]), "r"(right[j][1]));
        }
      }
    }
  }
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 4; ++j) {
      for (int e = 0; e < 4; ++e) {
        const int row = row0 + warp / 2 * 32 + i * 16 + lane / 4 + e / 2 * 8;
        const int column = column0 + warp % 2 * 32 + j * 8 + lane % 4 * 2 + e % 2;
        if (row < m && column < n) c[row * n + column] = sum[i][j][e];
      }
    }
  }
}

std::vector<__nv_bfloat16> as_bf16(const std::vector<int>& values) {
  std::vector<__nv_bfloat16> result;
  for (const int value : values) result.push_back(__float2bfloat16(static_cast<float>(value)));
  return result;
}

void check_product(int m, int n, int k) {
  auto a = random_integers(static_cast<std::size_t>(m) * k, 9, 3);
  auto b = random_integers(static_cast<std::size_t>(k) * n, 9, 4);
  for (int& value : a) value -= 4;
  for (int& value : b) value -= 4;
  DeviceArray<__nv_bfloat16> x(as_bf16(a)), y(as_bf16(b));
  DeviceArray<float> z(static_cast<std::size_t>(m) * n);
  product<<<dim3((n + tile - 1) / tile, (m + tile - 1) / tile), threads, stages * stage_bytes>>>(
      x.data(), y.data(), z.data(), m, n, k);
  REQUIRE_CUDA(cudaGetLastError());
  const auto result = z.values();
  int wrong = 0;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      int sum = 0;
      for (int p = 0; p < k; ++p) sum += a[i * k + p] * b[p * n + j];
      wrong += result[i * n + j] != static_cast<float>(sum);
    }
  }
  CHECK_MESSAGE(wrong == 0, m, " x ", n, " x ", k);
}

}  // namespace

TEST_CASE("tensor cores: bf16 product of whole tiles and of ragged ones") {
  check_product(128, 128, 96);
  check_product(72, 80, 40);
  check_product(8, 8, 8);
  check_product(200, 136, 328);
}
