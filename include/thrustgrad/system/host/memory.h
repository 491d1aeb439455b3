// SPDX-License-Identifier: MIT
// Memory of the host system. Callers go through core/pool.h, which caches blocks.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

/// A block of at least `bytes` bytes, aligned for every vector type; null if there is none.
inline void* allocate(std::size_t bytes) {
  constexpr std::size_t line = 64, huge = std::size_t{2} << 20;
  const std::size_t alignment = bytes >= huge ? huge : line;
  void* block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  // Huge pages save most of the page faults and address translations of large arrays; without
  // them the program is only slower, so the result is not asked for.
  if (block != nullptr && bytes >= huge) madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

inline void deallocate(void* block) noexcept { std::free(block); }

/// Returns to the machine what was deallocated; the C library decides that itself.
inline void trim() {}

/// Bytes that no program uses.
inline std::size_t free_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES)) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Copies between any two places of the host system.
inline void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes != 0) std::memcpy(to, from, bytes);
}

/// Whether work is done when a call returns, so that looking at a result costs no wait.
inline constexpr bool synchronous = true;

/// Waits for all work; the host system works at once.
inline void synchronize() {}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
