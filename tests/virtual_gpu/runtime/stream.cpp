// SPDX-License-Identifier: MIT
// The calls about streams and events.
#include <chrono>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

void create_stream(cudaStream_t* handle, unsigned flags) {
  expect(handle != nullptr && (flags & ~unsigned{cudaStreamNonBlocking}) == 0);
  State& s = state();
  std::erase_if(s.streams, [](const auto& stream) {
    return stream->destroyed && stream->finished == stream->issued;
  });
  auto stream = std::make_shared<Stream>();
  stream->blocking = (flags & cudaStreamNonBlocking) == 0;
  stream->id = ++s.last_stream_id;
  s.streams.push_back(stream);
  *handle = s.stream_handles.add(stream);
}

void create_event(cudaEvent_t* handle, unsigned flags) {
  constexpr unsigned known = cudaEventBlockingSync | cudaEventDisableTiming;
  if ((flags & cudaEventInterprocess) != 0) unsupported("events shared between processes");
  expect(handle != nullptr && (flags & ~known) == 0);
  auto event = std::make_shared<Event>();
  event->timed = (flags & cudaEventDisableTiming) == 0;
  *handle = state().events.add(std::move(event));
}

u64 now() {
  return static_cast<u64>(std::chrono::steady_clock::now().time_since_epoch() /
                          std::chrono::nanoseconds(1));
}

void record(Event& event, const std::shared_ptr<Stream>& stream) {
  if (stream->capture) return capture_record(event, *stream);
  refuse_implicit_dependency(*stream);
  event.capture.reset();
  event.tips.clear();
  const auto record = event.record = std::make_shared<Record>();
  record->point = {stream, stream->issued + 1};
  enqueue(stream, [record] { record->time = now(); });
}

void wait(const std::shared_ptr<Stream>& stream, const Event& event) {
  if (stream->capture || event.capture) return capture_wait(*stream, event);
  refuse_implicit_dependency(*stream);
  if (event.record && !event.record->point.reached()) enqueue(stream, {}, event.record->point);
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
  expect(begin.record && end.record && begin.timed && end.timed, cudaErrorInvalidResourceHandle);
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
  return call(__func__, [&] { create_stream(handle, cudaStreamDefault); });
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned flags) {
  return call(__func__, [&] { create_stream(handle, flags); });
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

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return call(__func__, [&] {
    if (flags != cudaEventWaitDefault) unsupported("external event waits");
    wait(stream_of(stream), *state().events.get(event));
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return call(__func__, [&] {
    expect(function != nullptr);
    submit(stream_of(stream), {Operation::host_function, [=] { function(data); }});
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* handle) {
  return call(__func__, [&] { create_event(handle, cudaEventDefault); });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned flags) {
  return call(__func__, [&] { create_event(handle, flags); });
}

cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  return call(__func__, [&] { state().events.remove(handle); });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call(__func__, [&] { record(*state().events.get(event), stream_of(stream)); });
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
