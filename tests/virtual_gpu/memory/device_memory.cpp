// SPDX-License-Identifier: MIT
// The allocator of device memory and of memory that host and kernels share. Free space is a map of
// holes, searched from the lowest address; each allocation is followed by a red zone. Under checks
// released memory stays unused for a while, so that late accesses are found.
#include "memory/device_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

#include "checks/report.h"
#include "machine/options.h"

namespace vgpu {

u8* shadow_begin;

namespace {

constexpr u64 alignment = 256;  // and the size of the red zone
constexpr u64 page_bytes = 4096;
constexpr u64 most_quarantined = u64{512} << 20;
constexpr u64 most_poisoned = u64{256} << 20;   // filling more would take too long
constexpr u64 given_back_from = u64{32} << 20;  // released memory of this size goes to the system
constexpr int fresh_byte = 0xcd, freed_byte = 0xdd;

u64 round_up(u64 bytes, u64 multiple) { return (bytes + multiple - 1) / multiple * multiple; }

/// Free address ranges.
class Holes {
 public:
  Holes(u64 begin, u64 bytes) { holes_[begin] = bytes; }

  /// Takes the lowest range that is large enough; 0: none is.
  u64 take(u64 bytes) {
    for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
      if (hole->second < bytes) continue;
      const auto [begin, size] = *hole;
      holes_.erase(hole);
      if (size > bytes) holes_[begin + bytes] = size - bytes;
      return begin;
    }
    return 0;
  }

  /// Joins it to the holes before and behind it.
  void give(u64 begin, u64 bytes) {
    auto next = holes_.lower_bound(begin);
    if (next != holes_.end() && next->first == begin + bytes) {
      bytes += next->second;
      next = holes_.erase(next);
    }
    if (next != holes_.begin() && std::prev(next)->first + std::prev(next)->second == begin)
      std::prev(next)->second += bytes;
    else
      holes_[begin] = bytes;
  }

 private:
  std::map<u64, u64> holes_;  // where, how many bytes
};

struct Memory {
  std::mutex mutex;
  std::map<u64, Allocation> allocations;  // by address; freed ones until their place is used again
  Holes device{arena_begin + page_bytes, arena_bytes - 2 * page_bytes};
  Holes shared{shared_memory_begin + page_bytes, shared_memory_bytes - 2 * page_bytes};
  std::deque<std::pair<u64, u64>> quarantine;
  u64 quarantined = 0, in_use = 0;

  Memory() {
    // What is shared is mapped piece by piece.
    mprotect(reserve(all_memory_bytes, arena_begin), all_memory_bytes, PROT_NONE);
    reserve(all_memory_bytes, arena_begin + distance);
    mprotect(host_address(shared_memory_begin), shared_memory_bytes, PROT_NONE);
    shadow_begin = static_cast<u8*>(reserve(all_memory_bytes));
  }

  void add(u64 address, u64 bytes, u64 occupied, MemoryKind kind) {
    for (auto old = allocations.lower_bound(address);
         old != allocations.end() && old->first < address + occupied;)
      old = allocations.erase(old);
    allocations[address] = {address, bytes, false, kind};
    in_use += bytes;
  }
};

/// Never destroyed: programs release memory in destructors of static objects.
Memory& memory() {
  static Memory& the_memory = *new Memory;
  return the_memory;
}

/// What an allocation takes up, with the red zone behind it.
u64 occupied_bytes(u64 bytes, MemoryKind kind) {
  const u64 unit = kind == MemoryKind::device ? alignment : page_bytes;
  return round_up(std::max<u64>(bytes, 1), unit) + unit;
}

/// Takes a piece of memory away from both of its addresses, which stay reserved.
void withdraw(u64 address, u64 bytes) {
  for (u8* const where : {reinterpret_cast<u8*>(address), host_address(address)})
    mmap(where, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

}  // namespace

void* reserve(u64 bytes, u64 address) {
  void* const wanted = reinterpret_cast<void*>(address);
  const int place = address != 0 ? MAP_FIXED_NOREPLACE : 0;
  void* const got = mmap(wanted, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | place, -1, 0);
  if (got == MAP_FAILED || (wanted && got != wanted))
    unsupported("cannot reserve %lu bytes of address space", bytes);
  madvise(got, bytes, MADV_HUGEPAGE);
  return got;
}

u64 allocate(std::size_t bytes, bool initialised_by_host) {
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  if (bytes > options.memory || m.in_use + bytes > options.memory) return 0;
  const u64 occupied = occupied_bytes(bytes, MemoryKind::device);
  const u64 address = m.device.take(occupied);
  if (address == 0) return 0;
  m.add(address, bytes, occupied, MemoryKind::device);
  if (options.check) {
    std::memset(shadow_of(address), addressable | (initialised_by_host ? initialised : 0), bytes);
    if (!initialised_by_host)
      std::memset(host_address(address), fresh_byte, std::min<u64>(bytes, most_poisoned));
  }
  return address;
}

u64 allocate_shared_with_host(std::size_t bytes, MemoryKind kind) {
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  if (bytes >= shared_memory_bytes) return 0;
  const u64 occupied = occupied_bytes(bytes, kind), size = occupied - page_bytes;
  const u64 address = m.shared.take(occupied);
  if (address == 0) return 0;
  const int file = memfd_create("shared with kernels", MFD_CLOEXEC);
  bool good = file >= 0 && ftruncate(file, static_cast<off_t>(size)) == 0;
  for (u8* const where : {reinterpret_cast<u8*>(address), host_address(address)})
    good =
        good && mmap(where, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == where;
  if (file >= 0) close(file);
  if (!good) {
    withdraw(address, size);
    m.shared.give(address, occupied);
    return 0;
  }
  m.add(address, bytes, occupied, kind);
  if (options.check) std::memset(shadow_of(address), addressable | initialised, bytes);
  return address;
}

bool release(u64 address) {
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  const auto found = m.allocations.find(address);
  if (found == m.allocations.end() || found->second.freed) return false;
  Allocation& freed = found->second;
  freed.freed = true;
  m.in_use -= freed.size;
  const u64 occupied = occupied_bytes(freed.size, freed.kind);
  if (options.check) std::memset(shadow_of(address), 0, freed.size);
  if (freed.kind != MemoryKind::device) {
    withdraw(address, occupied);
    m.shared.give(address, occupied);
  } else if (!options.check) {
    const u64 first = round_up(address, page_bytes);
    if (freed.size >= given_back_from)
      madvise(host_address(first), (address + freed.size - first) / page_bytes * page_bytes,
              MADV_DONTNEED);
    m.device.give(address, occupied);
  } else {
    std::memset(host_address(address), freed_byte, std::min(freed.size, most_poisoned));
    m.quarantine.emplace_back(address, occupied);
    m.quarantined += occupied;
    for (; m.quarantined > most_quarantined; m.quarantine.pop_front()) {
      const auto [oldest, size] = m.quarantine.front();
      m.quarantined -= size;
      m.device.give(oldest, size);
    }
  }
  return true;
}

const Allocation* find_allocation(u64 address) {
  if (!in_memory(address)) return nullptr;
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  const auto next = m.allocations.upper_bound(address);
  if (next == m.allocations.begin()) return nullptr;
  const Allocation& found = std::prev(next)->second;
  return address < found.address + occupied_bytes(found.size, found.kind) ? &found : nullptr;
}

std::size_t bytes_in_use() {
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  return m.in_use;
}

bool is_valid_range(const void* pointer, std::size_t bytes) {
  const u64 address = reinterpret_cast<u64>(pointer);
  if (bytes == 0 || !in_memory(address)) return true;
  const Allocation* const found = find_allocation(address);
  const u64 end = found ? found->address + found->size : 0;
  if (found && !found->freed && address < end && bytes <= end - address) return true;
  if (!options.check) return false;
  const std::string what = !found         ? "in no allocation"
                           : found->freed ? "in freed memory"
                                          : "beyond the end of an allocation of " +
                                                std::to_string(found->size) + " bytes";
  report_host("invalid range", "%zu bytes at %p lie %s", bytes, pointer, what.c_str());
  return false;
}

void mark_initialised(u64 device, std::size_t bytes) {
  if (!options.check || !in_memory(device) || !shadow_begin) return;
  u8* const shadow = shadow_of(device);
  for (std::size_t k = 0; k < bytes; ++k) shadow[k] |= initialised;
}

void copy_shadow(u64 to, u64 from, std::size_t bytes) {
  if (!options.check || !in_memory(to) || !in_memory(from)) return;
  u8* const target = shadow_of(to);
  const u8* const source = shadow_of(from);
  for (std::size_t k = 0; k < bytes; ++k)
    target[k] = static_cast<u8>((target[k] & ~initialised) | (source[k] & initialised));
}

}  // namespace vgpu
