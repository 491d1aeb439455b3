// SPDX-License-Identifier: MIT
// The calls about streams and events.
#include <algorithm>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

constexpr int lowest_priority = 0, highest_priority = -5;

void create_checked(cudaStream_t* handle, unsigned flags, int priority) {
  expect(handle != nullptr && (flags & ~unsigned{cudaStreamNonBlocking}) == 0);
  *handle = create_stream(flags, std::clamp(priority, highest_priority, lowest_priority));
}

void create_event(cudaEvent_t* handle, unsigned flags) {
  constexpr unsigned known = cudaEventBlockingSync | cudaEventDisableTiming;
  if ((flags & cudaEventInterprocess) != 0) unsupported("events shared between processes");
  expect(handle != nullptr && (flags & ~known) == 0);
  auto event = std::make_shared<Event>();
  event->flags = flags;
  *handle = state().events.add(std::move(event));
}

void record(cudaEvent_t event_handle, cudaStream_t handle, unsigned flags) {
  if (flags != cudaEventRecordDefault) unsupported("external event records");
  const auto stream = stream_of(handle);
  const auto event = state().events.get(event_handle);
  if (stream->capture) return capture_record(*event, *stream);
  refuse_implicit_dependency(*stream);
  event->capture.reset();
  event->tips.clear();
  event->record = std::make_shared<Record>();
  enqueue(stream, event->record);
  // A place in the queue, unless it has run already: waits that came before it have numbers too.
  event->record->point = {stream, stream->issued};
}

void wait(cudaStream_t handle, cudaEvent_t event_handle, unsigned flags) {
  if (flags != cudaEventWaitDefault) unsupported("external event waits");
  const auto stream = stream_of(handle);
  const auto event = state().events.get(event_handle);
  if (stream->capture || event->capture) return capture_wait(*stream, *event);
  refuse_implicit_dependency(*stream);
  if (event->record && !event->record->point.reached()) enqueue(stream, event->record->point);
}

/// An event that the program may wait for.
std::shared_ptr<Event> event_of(cudaEvent_t handle) {
  auto event = state().events.get(handle);
  expect(!event->capture, cudaErrorCapturedEvent);
  refuse_during_capture();
  return event;
}

float elapsed(const Event& begin, const Event& end) {
  expect(!begin.capture && !end.capture, cudaErrorCapturedEvent);
  const bool timed = ((begin.flags | end.flags) & cudaEventDisableTiming) == 0;
  expect(begin.record && end.record && timed, cudaErrorInvalidResourceHandle);
  expect(begin.record->point.reached() && end.record->point.reached(), cudaErrorNotReady);
  const auto difference = static_cast<i64>(end.record->time - begin.record->time);
  return static_cast<float>(static_cast<double>(difference) * 1e-6);
}

/// For a query: done, or else a little further.
void poll(const Point& point) {
  if (point.reached()) return expect_no_failed_kernel();
  run_one(point);
  throw Failure{cudaErrorNotReady};
}

void finish_wait() {
  trim_pool();
  expect_no_failed_kernel();
}

}  // namespace
}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* handle) {
  return call(__func__, create_checked, handle, cudaStreamDefault, 0);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned flags) {
  return call(__func__, create_checked, handle, flags, 0);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* handle, unsigned flags, int priority) {
  return call(__func__, create_checked, handle, flags, priority);
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  return call(__func__, [&] {
    const auto stream = state().stream_handles.get(handle);
    end_captures_of(*stream);
    stream->destroyed = true;  // what it holds is still done, when somebody waits for it
    state().stream_handles.remove(handle);
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return call(__func__, [&] {
    const auto stream = stream_of(handle);
    refuse_if_capturing(*stream);
    run_stream(stream);
    finish_wait();
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call(__func__, [] {
    refuse_if_anything_captures();
    run_all();
    finish_wait();
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return call(__func__, [&] {
    const auto stream = stream_of(handle);
    refuse_if_capturing(*stream);
    poll({stream, stream->issued});
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
  return call(__func__, wait, handle, event, flags);
}

cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned* flags) {
  return call(__func__, [&] { at(flags) = stream_of(handle)->flags; });
}

cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  return call(__func__, [&] { at(priority) = stream_of(handle)->priority; });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return call(__func__, [&] {
    if (least != nullptr) *least = lowest_priority;
    if (greatest != nullptr) *greatest = highest_priority;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return call(__func__, [&] {
    expect(function != nullptr);
    submit(stream_of(stream), HostOperation{function, data});
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* handle) {
  return call(__func__, create_event, handle, cudaEventDefault);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned flags) {
  return call(__func__, create_event, handle, flags);
}

cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  return call(__func__, [&] { state().events.remove(handle); });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call(__func__, record, event, stream, cudaEventRecordDefault);
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return call(__func__, record, event, stream, flags);
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return call(__func__, [&] {
    if (const auto event = event_of(handle); event->record) poll(event->record->point);
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return call(__func__, [&] {
    const auto event = event_of(handle);
    if (event->record) run_until(event->record->point);
    finish_wait();
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return call(__func__, [&] {
    at(milliseconds) = elapsed(*state().events.get(begin), *state().events.get(end));
  });
}

}  // extern "C"
