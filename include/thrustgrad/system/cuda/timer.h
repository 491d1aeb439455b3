// SPDX-License-Identifier: MIT
// Time of the device's work between two points of the stream.
#pragma once
#include "thrustgrad/system/cuda/stream.h"

namespace thrustgrad::inline THRUSTGRAD_ABI::device {

namespace detail {

/// A point in the stream of work.
class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "creating an event"); }
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record() const { check(cudaEventRecord(event_, stream()), "recording an event"); }
  void wait() const { check(cudaEventSynchronize(event_), "earlier work"); }

  double seconds_since(const Event& begin) const {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "asking for a time");
    return milliseconds * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace detail

/// Seconds that the device works from construction, or from the last start().
class Timer {
 public:
  Timer() { start(); }
  void start() { begin_.record(); }

  /// It waits for the work so far.
  double seconds() const {
    end_.record();
    end_.wait();
    return end_.seconds_since(begin_);
  }

 private:
  detail::Event begin_, end_;
};

}  // namespace thrustgrad::inline THRUSTGRAD_ABI::device
