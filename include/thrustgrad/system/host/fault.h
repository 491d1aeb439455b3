// SPDX-License-Identifier: MIT
// What a loop finds wrong with its data, a position outside its axis. A body must not throw: it
// notes the first fault and leaves the element out, and who started the loop throws behind it.
#pragma once
#include <atomic>

#include "thrustgrad/config.h"
#include "thrustgrad/error.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

struct FaultRecord {
  std::atomic<bool> claimed = false;
  const char* op;
  index_t position, size;
};

inline FaultRecord fault_record;

}  // namespace detail

/// How a functor reports faults; op, a literal, is the operation to name.
class FaultSink {
 public:
  explicit FaultSink(const char* op) : op_(op) {}

  /// Whether a position lies in an axis of the given size; if not, that is noted.
  bool accepts(index_t position, index_t size) const {
    if (position >= 0 && position < size) [[likely]]
      return true;
    if (!detail::fault_record.claimed.exchange(true)) {
      detail::fault_record.op = op_;
      detail::fault_record.position = position;
      detail::fault_record.size = size;
    }
    return false;
  }

 private:
  const char* op_;
};

/// Behind a loop that may note a fault: throws if it did. Its results are not to be used.
inline void check_faults() {
  const detail::FaultRecord& fault = detail::fault_record;
  if (!fault.claimed) [[likely]]
    return;
  detail::fault_record.claimed = false;
  fail(fault.op, "position ", fault.position, " does not lie in an axis of size ", fault.size);
}

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
