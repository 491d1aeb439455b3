// SPDX-License-Identifier: MIT
// Runs the blocks of a launch. Usually one block runs to its end after the other. With a seed
// several are resident at once, started in random order. A block that does not end for long may be
// waiting for one that has not begun: then one more becomes resident.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "checks/observe.h"
#include "checks/report.h"
#include "machine/fragments.h"
#include "memory/device_memory.h"

namespace vgpu {

namespace {

constexpr u64 patience = 2'000'000;       // warp instructions without the end of a block
constexpr std::size_t most_resident = 8;  // that a seed starts together

/// Lanes wait for others that have exited or wait elsewhere.
void report_deadlock(Block& block) {
  for (Warp& w : block.warps) {
    if (w.live == 0 || w.others.empty()) continue;
    const Fragment f = w.others.front();
    enter(w, f.frame);
    w.pc = f.waiting == Waiting::for_lanes ? f.pc + 1 : f.pc;
    report(w, w.current(), first_lane(f.lanes), "deadlock", true,
           "lanes %08x of warp %d (live %08x) wait for threads that never come", f.lanes, w.id,
           w.live);
    break;
  }
  block.launch->failed = true;
}

/// Hands out the blocks of a launch.
class BlockQueue {
 public:
  explicit BlockQueue(const Launch& launch) : size_(launch.grid.count()) {
    if (options.seed == 0 || launch.cooperative) return;
    // Not a free permutation: neighbours change places, as on a device with several units.
    Progress random{options.seed * 77 + 5, 0, {}};
    order_.resize(size_);
    std::iota(order_.begin(), order_.end(), u64{0});
    for (u64 i = 0; i + 1 < size_; ++i)
      std::swap(order_[i], order_[i + random.draw(std::min<u64>(2 * most_resident, size_ - i))]);
  }
  u64 size() const { return size_; }
  /// The next block's index; null: none is left.
  std::optional<u64> take() {
    const u64 i = next_++;
    if (i >= size_) return std::nullopt;
    return order_.empty() ? i : order_[i];
  }

 private:
  std::atomic<u64> next_{0};
  u64 size_;
  std::vector<u64> order_;
};

/// Runs blocks of the queue side by side, so many at first.
void run_blocks(Launch& launch, BlockQueue& queue, Progress& progress, std::size_t at_first) {
  // Kept from one launch to the next for their memory.
  static thread_local std::vector<std::unique_ptr<Block>> unused;
  // Another launch may have stood at this one's address: see set_up.
  for (auto& block : unused) block->launch = nullptr;
  std::vector<std::unique_ptr<Block>> resident;
  const auto start = [&] {
    const auto index = queue.take();
    if (!index) return false;
    if (unused.empty()) unused.push_back(std::make_unique<Block>());
    set_up(*resident.emplace_back(std::move(unused.back())), launch, *index);
    unused.pop_back();
    return true;
  };
  while (resident.size() < at_first && start()) {
  }
  u64 last_end = progress.instructions;
  std::size_t stuck = 0, turn = 0;
  while (!resident.empty() && !launch.failed) {
    turn = options.seed != 0 ? progress.draw(resident.size()) : (turn + 1) % resident.size();
    auto& block = resident[turn];
    if (take_turns(*block, progress))
      stuck = 0;
    else if (++stuck > resident.size())
      return report_deadlock(*block);
    if (block->done()) {
      if (options.check) observe_block_end(*block);
      unused.push_back(std::move(block));
      resident.erase(resident.begin() + static_cast<std::ptrdiff_t>(turn));
      last_end = progress.instructions;
      start();
    } else if (progress.instructions - last_end > patience && start()) {
      last_end = progress.instructions;
    }
  }
}

void add_counts(const Progress& progress) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (const auto& [function, executed] : progress.executed) {
    function->counts.resize(function->code.size());
    for (std::size_t i = 0; i < executed.size(); ++i) function->counts[i].executed += executed[i];
  }
}

/// What cooperative groups find through %envreg: the size of the structure and the barrier's word.
u64 grid_workspace() {
  static const u64 address = allocate(64, true);
  std::memset(host_address(address), 0, 64);
  *host_address<u32>(address) = 8;
  return address;
}

void trace(const Launch& launch, double seconds) {
  std::fprintf(stderr,
               "vgpu: %s grid %u,%u,%u block %u,%u,%u shared %u: %lu warp instructions, %.3f ms\n",
               demangled(launch.kernel->name).c_str(), launch.grid.x, launch.grid.y, launch.grid.z,
               launch.block.x, launch.block.y, launch.block.z, launch.dynamic_shared,
               launch.instructions, seconds * 1e3);
}

}  // namespace

void run(Launch& launch) {
  install_fault_handler();
  parse(*launch.kernel);
  const auto start = std::chrono::steady_clock::now();
  if (launch.cooperative) launch.grid_workspace = grid_workspace();
  if (options.check) observe_launch(launch);

  BlockQueue queue(launch);
  const int threads = launch.cooperative || queue.size() == 1 ? 1 : options.threads;
  const auto work = [&](int thread) {
    Progress progress{options.seed * 77 + static_cast<u64>(thread) + 1, 0, {}};
    std::size_t at_first = 1;
    if (launch.cooperative)
      at_first = queue.size();
    else if (options.seed != 0)
      at_first = 1 + progress.draw(most_resident);
    run_blocks(launch, queue, progress, at_first);
    add_counts(progress);
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();

  if (options.check) observe_launch_end(launch);
  Function& kernel = *launch.kernel;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  ++kernel.launches;
  kernel.blocks += queue.size();
  kernel.seconds += elapsed.count();
  if (options.count) count_launch(launch);
  if (options.trace) trace(launch, elapsed.count());
}

}  // namespace vgpu
