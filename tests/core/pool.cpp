// SPDX-License-Identifier: MIT
// The caching pool: size classes, reuse, statistics, giving back, running out, and threads.
#include "thrustgrad/core/pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

namespace pool_test {

namespace tg = thrustgrad;

namespace {

/// Writes the same byte to a block of device memory.
void fill(void* block, std::size_t bytes, unsigned char value) {
  const std::vector<unsigned char> values(bytes, value);
  tg::device::copy(block, values.data(), bytes);
}

bool holds(const void* block, std::size_t bytes, unsigned char value) {
  std::vector<unsigned char> values(bytes);
  tg::device::copy(values.data(), block, bytes);
  return std::count(values.begin(), values.end(), value) == static_cast<std::ptrdiff_t>(bytes);
}

}  // namespace

TEST_CASE("blocks come in eight size classes between two powers of two") {
  using tg::Pool;
  CHECK(Pool::size_class(0) == 64);
  CHECK(Pool::size_class(1) == 64);
  CHECK(Pool::size_class(64) == 64);
  CHECK(Pool::size_class(65) == 128);
  CHECK(Pool::size_class(1024) == 1024);
  CHECK(Pool::size_class(1025) == 1024 + 128);
  CHECK(Pool::size_class(1 << 20) == 1 << 20);
  CHECK(Pool::size_class((1 << 20) + 1) == (1 << 20) + (1 << 17));
  CHECK(Pool::size_class((2 << 20) - 1) == 2 << 20);
}

TEST_CASE("a size class holds what was asked for, wastes little, and is its own class") {
  for (std::size_t bytes = 512; bytes < (1 << 18); bytes += 37) {
    const std::size_t size = tg::Pool::size_class(bytes);
    REQUIRE(size >= bytes);
    REQUIRE(size <= bytes + bytes / 8 + 64);
    REQUIRE(tg::Pool::size_class(size) == size);
    REQUIRE(size % 64 == 0);
  }
}

TEST_CASE("a returned block is handed out again for any size of its class") {
  tg::Pool pool;
  void* const first = pool.acquire(1100);
  pool.release(first, 1100);
  void* const second = pool.acquire(1150);
  CHECK(first == second);
  CHECK(pool.statistics().allocations == 1);
  pool.release(second, 1150);
  pool.trim();
}

TEST_CASE("the statistics count what is in use, its peak, and what is kept") {
  tg::Pool pool;
  void* const a = pool.acquire(1000);
  void* const b = pool.acquire(2000);
  const std::size_t both = tg::Pool::size_class(1000) + tg::Pool::size_class(2000);
  CHECK(pool.statistics().in_use == both);
  CHECK(pool.statistics().cached == 0);
  pool.release(a, 1000);
  CHECK(pool.statistics().in_use == tg::Pool::size_class(2000));
  CHECK(pool.statistics().cached == tg::Pool::size_class(1000));
  CHECK(pool.statistics().peak == both);
  pool.release(b, 2000);
  CHECK(pool.statistics().in_use == 0);
  CHECK(pool.statistics().peak == both);
  CHECK(pool.statistics().allocations == 2);
  pool.trim();
  CHECK(pool.statistics().cached == 0);
  CHECK(pool.statistics().allocations == 2);
}

TEST_CASE("trim gives back cached blocks and leaves those in use") {
  tg::Pool pool;
  void* const kept = pool.acquire(100);
  fill(kept, 100, 7);
  pool.release(pool.acquire(4096), 4096);
  pool.trim();
  CHECK(pool.statistics().in_use == tg::Pool::size_class(100));
  CHECK(holds(kept, 100, 7));
  pool.release(kept, 100);
  pool.trim();
}

TEST_CASE("blocks are aligned for every vector type") {
  tg::Pool pool;
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{100}, std::size_t{5000}, std::size_t{3} << 20}) {
    void* const block = pool.acquire(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(block) % 64 == 0);
    pool.release(block, bytes);
  }
  pool.trim();
}

TEST_CASE("running out of memory gives the cache back first, then throws with both sizes") {
  tg::Pool pool;
  void* const held = pool.acquire(64);
  pool.release(pool.acquire(4096), 4096);
  const std::size_t absurd = std::size_t{1} << 60;
  CHECK_THROWS_WITH_AS(
      pool.acquire(absurd),
      doctest::Contains("pool: out of memory: asked for 1152921504606846976 bytes, "), tg::Error);
  CHECK_THROWS_WITH_AS(pool.acquire(absurd), doctest::Contains(" bytes free, 64 in use"),
                       tg::Error);
  CHECK(pool.statistics().cached == 0);
  CHECK(pool.statistics().in_use == 64);
  CHECK(pool.statistics().allocations == 2);
  pool.release(held, 64);
  pool.trim();
}

TEST_CASE("a pool that borrows keeps its blocks until it ends") {
  tg::Pool lender;
  const std::size_t size = tg::Pool::size_class(1100);
  void* block = nullptr;
  {
    tg::Pool borrower(&lender);
    block = borrower.acquire(1100);
    borrower.release(block, 1100);
    CHECK(borrower.acquire(1150) == block);
    CHECK(lender.statistics().in_use == size);
    CHECK(lender.acquire(1100) != block);
    borrower.release(block, 1150);
    CHECK(lender.statistics().in_use == 2 * size);
  }
  CHECK(lender.statistics().in_use == size);
  CHECK(lender.statistics().cached == size);
  CHECK(lender.acquire(1100) == block);
}

TEST_CASE("threads share a pool without handing out a block twice") {
  tg::Pool pool;
  std::vector<int> intact(4, 1);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, &intact, t] {
      for (std::size_t i = 0; i < 2000; ++i) {
        const std::size_t bytes = 64 + i * 7 % 300;
        void* const block = pool.acquire(bytes);
        const auto mark = static_cast<unsigned char>(16 * t + i % 16);
        fill(block, bytes, mark);
        std::this_thread::yield();
        if (!holds(block, bytes, mark)) intact[t] = 0;
        pool.release(block, bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(intact == std::vector<int>(4, 1));
  CHECK(pool.statistics().in_use == 0);
  CHECK(pool.statistics().peak <= 4 * tg::Pool::size_class(363));
  pool.trim();
}

TEST_CASE("storage and scratch return their blocks when they end") {
  const std::size_t before = tg::Pool::instance().statistics().in_use;
  {
    const tg::Storage storage(1000);
    CHECK(storage.bytes == 1000);
    CHECK(storage.version() == 0);
    tg::Scratch scratch;
    CHECK(scratch(500) != scratch(500));
    CHECK(tg::Pool::instance().statistics().in_use ==
          before + tg::Pool::size_class(1000) + 2 * tg::Pool::size_class(500));
  }
  CHECK(tg::Pool::instance().statistics().in_use == before);
}

}  // namespace pool_test
