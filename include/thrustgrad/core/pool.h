// SPDX-License-Identifier: MIT
// The one source of device memory: a caching pool over the system's allocate and deallocate. Blocks
// come in size classes and are kept for reuse, so a training step that has run once allocates
// nothing. Storage is a block with an owner. Layer core.
#pragma once
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "thrustgrad/error.h"
#include "thrustgrad/system/system.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// What the pool holds, in bytes, and how often it went to the system.
struct PoolStatistics {
  std::size_t in_use = 0;       // handed out and not returned
  std::size_t peak = 0;         // the most that was ever in use
  std::size_t cached = 0;       // returned and kept for reuse
  std::size_t allocations = 0;  // calls of the system's allocate
};

/// A thread-safe cache of device memory.
class Pool {
 public:
  /// The pool that all tensors share. It is never destroyed: tensors may outlive main.
  static Pool& instance() {
    static Pool& pool = *new Pool;
    return pool;
  }

  /// A block of at least `bytes` bytes. Throws Error if the system has none left, even after the
  /// cache was given back.
  void* acquire(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    void* block = nullptr;
    if (auto& free = free_[size]; !free.empty()) {
      block = free.back();
      free.pop_back();
      statistics_.cached -= size;
    } else {
      block = allocate(size);
    }
    statistics_.in_use += size;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    return block;
  }

  /// Takes a block back; `bytes` is what acquire was asked for.
  void release(void* block, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    statistics_.in_use -= size;
    try {
      free_[size].push_back(block);
      statistics_.cached += size;
    } catch (...) {  // no memory to remember the block
      device::deallocate(block);
    }
  }

  /// Gives all cached blocks back to the system.
  void trim() {
    const std::lock_guard lock(mutex_);
    give_back();
  }

  PoolStatistics statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

  /// Eight classes between two powers of two: at most an eighth of a block is wasted.
  static std::size_t size_class(std::size_t bytes) {
    constexpr std::size_t smallest = 64;
    if (bytes <= smallest) return smallest;
    const std::size_t step = std::max(std::bit_floor(bytes - 1) / 8, smallest);
    return (bytes + step - 1) / step * step;
  }

 private:
  void* allocate(std::size_t size) {
    void* block = device::allocate(size);
    if (block == nullptr) {
      give_back();
      block = device::allocate(size);
    }
    require(block != nullptr, "pool", "out of memory: asked for ", size, " bytes with ",
            statistics_.in_use, " bytes in use");
    ++statistics_.allocations;
    return block;
  }

  void give_back() {
    device::synchronize();
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) device::deallocate(block);
      statistics_.cached -= size * blocks.size();
      blocks.clear();
    }
  }

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  PoolStatistics statistics_;
};

/// A block of device memory with one owner count. `version` counts the writes to it: a tensor
/// remembers the version that it was made for.
struct Storage {
  explicit Storage(std::size_t size) : data(Pool::instance().acquire(size)), bytes(size) {}
  ~Storage() { Pool::instance().release(data, bytes); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* const data;
  const std::size_t bytes;
  std::uint64_t version = 0;
};

/// Temporary memory of one call into the system: what it hands out lives as long as it does.
class Scratch {
 public:
  void* operator()(std::size_t bytes) {
    return blocks_.emplace_back(std::make_unique<Storage>(bytes))->data;
  }

 private:
  std::vector<std::unique_ptr<Storage>> blocks_;
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI
