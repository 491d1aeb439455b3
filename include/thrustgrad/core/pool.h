// SPDX-License-Identifier: MIT
// The one source of device memory: a caching pool over the system's allocate and deallocate. Blocks
// come in size classes and are kept for reuse, so a training step that has run once allocates
// nothing. A captured step has a pool of its own, which borrows its blocks from that one. Storage
// is a block with an owner. Layer core.
#pragma once
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "thrustgrad/error.h"
#include "thrustgrad/system/system.h"

namespace thrustgrad::inline THRUSTGRAD_ABI {

/// What the pool holds, in bytes, and how often it went to the system.
struct PoolStatistics {
  std::size_t in_use = 0;       // handed out and not returned
  std::size_t peak = 0;         // the most that was ever in use
  std::size_t cached = 0;       // returned and kept for reuse
  std::size_t allocations = 0;  // calls of the system's allocate, or blocks borrowed
};

/// A thread-safe cache of device memory.
class Pool {
 public:
  Pool() = default;
  /// A pool that borrows its blocks from `lender` and returns them when it ends.
  explicit Pool(Pool* lender) : lender_(lender) {}
  ~Pool() {
    for (auto& [size, blocks] : classes_) {
      for (void* block : blocks.free) {
        try {
          give_back(block, size);
        } catch (const Error&) {  // the device has failed: its memory is lost in any case
        }
      }
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// The pool that all tensors share. It is never destroyed: tensors may outlive main.
  static Pool& instance() {
    static Pool& pool = *new Pool;
    return pool;
  }

  /// Where this thread takes its memory: the pool of the step that it captures, else instance().
  static std::shared_ptr<Pool> current();

  /// A block of at least `bytes` bytes. Throws Error if the system has none left, even after the
  /// cache was given back.
  void* acquire(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    Blocks& blocks = classes_[size];
    void* block = nullptr;
    if (!blocks.free.empty()) {
      block = blocks.free.back();
      blocks.free.pop_back();
      statistics_.cached -= size;
    } else {
      // Room for the block's return, so that release cannot fail.
      if (blocks.free.capacity() == blocks.number) blocks.free.reserve(2 * blocks.number + 1);
      block = lender_ != nullptr ? lender_->acquire(size) : allocate(size);
      ++blocks.number;
      ++statistics_.allocations;
    }
    statistics_.in_use += size;
    statistics_.peak = std::max(statistics_.peak, statistics_.in_use);
    return block;
  }

  /// Takes a block back; `bytes` is what acquire was asked for.
  void release(void* block, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    classes_.find(size)->second.free.push_back(block);
    statistics_.in_use -= size;
    statistics_.cached += size;
  }

  /// Gives all cached blocks back to the system. Throws while a step is captured.
  void trim() {
    require(!device::is_capturing(), "pool", "memory cannot be freed while a step is captured");
    const std::lock_guard lock(mutex_);
    if (lender_ == nullptr) give_back();  // replays still write to what is borrowed
  }

  PoolStatistics statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

  /// How often all blocks together were overwritten: a captured step does so whenever it is
  /// replayed. It counts for the version of each tensor on them.
  std::uint64_t version() const { return version_; }
  void mark_written() { ++version_; }

  /// Eight classes between two powers of two: at most an eighth of a block is wasted.
  static std::size_t size_class(std::size_t bytes) {
    constexpr std::size_t smallest = 64;
    if (bytes <= smallest) return smallest;
    const std::size_t step = std::max(std::bit_floor(bytes - 1) / 8, smallest);
    return (bytes + step - 1) / step * step;
  }

 private:
  /// All blocks of one size.
  struct Blocks {
    std::vector<void*> free;
    std::size_t number = 0;  // with those in use
  };

  void* allocate(std::size_t size) {
    void* block = device::allocate(size);
    if (block == nullptr && !device::is_capturing()) {
      give_back();
      block = device::allocate(size);
    }
    if (block == nullptr) {
      const char* const op = detail::current_op;
      fail(op == nullptr ? "pool" : op, "out of memory: asked for ", size, " bytes, ",
           device::free_bytes(), " bytes free, ", statistics_.in_use, " in use");
    }
    return block;
  }

  // A block leaves the list only when it is gone: what throws half-way loses nothing.
  void give_back() {
    for (auto& [size, blocks] : classes_) {
      while (!blocks.free.empty()) {
        give_back(blocks.free.back(), size);
        blocks.free.pop_back();
        --blocks.number;
        statistics_.cached -= size;
      }
    }
    device::synchronize();  // blocks are free when the device has come to the end of its work
    device::trim();
  }
  void give_back(void* block, std::size_t size) {
    if (lender_ != nullptr)
      lender_->release(block, size);
    else
      device::deallocate(block);
  }

  Pool* const lender_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::size_t, Blocks> classes_;
  PoolStatistics statistics_;
  std::uint64_t version_ = 0;
};

/// A block of device memory with one owner count, and the number of writes to it: a tensor
/// remembers the version that it was made for.
struct Storage {
  explicit Storage(std::size_t size)
      : pool(Pool::current()), data(pool->acquire(size)), bytes(size) {}
  ~Storage() { pool->release(data, bytes); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::uint64_t version() const { return writes + pool->version(); }

  const std::shared_ptr<Pool> pool;
  void* const data;
  const std::size_t bytes;
  std::uint64_t writes = 0;  // to this block alone
};

namespace detail {

/// What a step touches while it is captured (core/captured.h).
struct Capture {
  const std::shared_ptr<Pool> pool = std::make_shared<Pool>(&Pool::instance());
  std::set<std::shared_ptr<Storage>> kept;     // read or written, but not from the pool
  std::set<std::shared_ptr<Storage>> written;  // by assign, not from the pool

  void note_read(const std::shared_ptr<Storage>& storage) {
    if (storage->pool != pool) kept.insert(storage);
  }
  void note_write(const std::shared_ptr<Storage>& storage) {
    if (storage->pool != pool) written.insert(storage);
    note_read(storage);
  }
  /// What the step writes was overwritten: tensors taken from it before are stale.
  void mark_written() const {
    pool->mark_written();
    for (const auto& storage : written) ++storage->writes;
  }
};

/// The capture that goes on in this thread.
inline thread_local Capture* capture = nullptr;

struct CaptureScope {
  explicit CaptureScope(Capture& begun) { capture = &begun; }
  ~CaptureScope() { capture = nullptr; }
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;
};

}  // namespace detail

inline std::shared_ptr<Pool> Pool::current() {
  if (detail::capture != nullptr) return detail::capture->pool;
  return {std::shared_ptr<Pool>(), &instance()};  // counts nothing
}

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
