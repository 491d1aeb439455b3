// SPDX-License-Identifier: MIT
// What device code finds wrong with its data, a position outside its axis. A kernel cannot throw,
// and to ask it would be to wait: it notes the first fault in memory that the host reads too,
// leaves the element out, and the next wait throws.
#pragma once
#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

struct FaultRecord {
  unsigned claimed;  // 1 from the first fault on
  const char* op;
  index_t position, size;
};

inline FaultRecord& fault_record() {
  static FaultRecord& record = *[] {
    void* pinned = nullptr;
    check(cudaHostAlloc(&pinned, sizeof(FaultRecord), cudaHostAllocDefault), "allocating memory");
    return new (pinned) FaultRecord{};
  }();
  return record;
}

}  // namespace detail

/// How a functor reports faults; op, a literal, is the operation to name.
class FaultSink {
 public:
  explicit FaultSink(const char* op) : record_(&detail::fault_record()), op_(op) {}

  /// Whether a position lies in an axis of the given size; if not, that is noted.
  __host__ __device__ bool accepts(index_t position, index_t size) const {
    if (position >= 0 && position < size) return true;
#ifdef __CUDA_ARCH__
    if (atomicExch(&record_->claimed, 1u) == 0) {
      record_->op = op_;
      record_->position = position;
      record_->size = size;
    }
#endif
    return false;
  }

 private:
  detail::FaultRecord* record_;
  const char* op_;
};

/// Waits for all work so far. Throws if some of it failed, or noted a fault: its results are not to
/// be used.
inline void synchronize() {
  check(cudaStreamSynchronize(stream()), "earlier work");
  detail::FaultRecord& record = detail::fault_record();
  if (record.claimed == 0) [[likely]]
    return;
  const detail::FaultRecord fault = record;
  record = {};
  fail(fault.op, "position ", fault.position, " does not lie in an axis of size ", fault.size);
}

/// Behind a loop that may note a fault: the next wait throws, or this if each operation waits.
inline void check_faults() {
  if (waits_for_kernels()) synchronize();
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
