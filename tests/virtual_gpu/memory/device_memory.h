// SPDX-License-Identifier: MIT
// Device memory. The addresses that a program gets cannot be read or written by the host: they lie
// in a reserved range without access rights. What they stand for lies `distance` higher, and only
// the machine adds the distance; so a device pointer used on the host is a trap, and so is an
// ordinary host pointer used in a kernel. The same holds for shared and local memory: a generic
// address is a host address less the distance.
#pragma once
#include <cstddef>

#include "machine/types.h"

namespace vgpu {

inline constexpr u64 distance = u64{1} << 45;
inline constexpr u64 arena_begin = u64{0x1800} << 32;  // of device addresses
inline constexpr u64 arena_bytes = u64{1} << 36;

template <class T = u8> T* host_address(u64 device) {
  return reinterpret_cast<T*>(device + distance);
}
inline u64 device_address(const void* host) { return reinterpret_cast<u64>(host) - distance; }
inline bool in_arena(u64 device) { return device - arena_begin < arena_bytes; }

/// Memory that host and kernels share lies behind the arena.
inline constexpr u64 shared_memory_begin = arena_begin + arena_bytes;
inline constexpr u64 shared_memory_bytes = u64{1} << 34;
inline constexpr u64 all_memory_bytes = arena_bytes + shared_memory_bytes;
/// Whether kernels can reach the address as global memory, if something is allocated there.
inline bool in_memory(u64 device) { return device - arena_begin < all_memory_bytes; }

/// Pinned memory is one piece of memory at two addresses: the program's, and that plus the
/// distance.
enum class MemoryKind : u8 { device, pinned, managed };

struct Allocation {
  u64 address = 0, size = 0;
  bool freed = false;
  MemoryKind kind = MemoryKind::device;
};

/// Allocates (aligned to 256 bytes); 0 if Options::memory would be exceeded. `initialised` memory
/// (variables, what the host writes) may be read by kernels before it is written.
u64 allocate(std::size_t bytes, bool initialised = false);
/// Host memory that kernels may use (cudaMallocHost, cudaHostAlloc), or managed memory: the same
/// address for both. 0 if there is none.
u64 allocate_shared_with_host(std::size_t bytes, MemoryKind kind);
/// False if no live allocation begins there. Under checks it stays out of use for a while.
bool release(u64 address);

/// The allocation that holds the address or ends shortly before it, live or freed; null: none.
const Allocation* find_allocation(u64 address);
std::size_t bytes_in_use();

/// Where the host finds what a pointer given to the runtime means: device and pinned addresses are
/// translated, others are the host's own.
inline u8* runtime_pointer(const void* pointer) {
  const u64 address = reinterpret_cast<u64>(pointer);
  return in_memory(address) ? host_address(address) : reinterpret_cast<u8*>(address);
}
/// Whether [pointer, pointer + bytes) lies in one live allocation, or is not the device's at all.
bool is_valid_range(const void* pointer, std::size_t bytes);

// A byte of shadow for each byte that kernels can reach, used by the checks.
enum Shadow : u8 { addressable = 1, initialised = 2 };
extern u8* shadow_begin;  // of arena_begin; null until the first allocation
inline u8* shadow_of(u64 device) { return shadow_begin + (device - arena_begin); }
void mark_initialised(u64 device, std::size_t bytes);
/// A copy within device memory carries over what is initialised.
void copy_shadow(u64 to, u64 from, std::size_t bytes);

/// Zeros that take up memory only once they are used, anywhere or at an address.
void* reserve(u64 bytes, u64 address = 0);

}  // namespace vgpu
