// SPDX-License-Identifier: MIT
// Stream capture: what is submitted to a captured stream becomes a node of a graph that depends on
// what came before it in the stream, and on what the stream has waited for. What cannot be captured
// ends the capture with an error, as the programming guide says.
#include <algorithm>

#include "runtime/state.h"

namespace vgpu {
namespace {

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

/// Invalidates all captures that forbid what is being tried, and refuses it if there are any.
template <class Forbids> void refuse_if(Forbids&& forbids) {
  cudaError_t error = cudaSuccess;
  for (const auto& stream : state().streams) {
    Capture* const capture = stream->capture.get();
    if (capture == nullptr || capture->origin != stream.get() || !forbids(*capture)) continue;
    error =
        capture->invalid ? cudaErrorStreamCaptureInvalidated : cudaErrorStreamCaptureUnsupported;
    capture->invalid = true;
  }
  expect(error == cudaSuccess, error);
}

[[noreturn]] void invalidate(Capture& capture, cudaError_t error) {
  capture.invalid = true;
  throw Failure{error};
}

void expect_valid(const Capture& capture) {
  expect(!capture.invalid, cudaErrorStreamCaptureInvalidated);
}

void join(const std::shared_ptr<Capture>& capture, Stream& stream) {
  stream.capture = capture;
  stream.tips.clear();
  capture->streams.push_back(&stream);
}

void leave_all(Capture& capture) {
  // A copy, since a stream holds the capture.
  for (Stream* stream : std::vector<Stream*>(std::move(capture.streams))) {
    stream->tips.clear();
    stream->capture.reset();
  }
}

/// Whether every branch of a capture has come back to the stream in which it began.
bool is_joined(const Capture& capture) {
  std::vector<bool> behind(capture.graph->size());
  std::vector<u32> left = capture.origin->tips;
  while (!left.empty()) {
    const u32 node = left.back();
    left.pop_back();
    if (behind[node]) continue;
    behind[node] = true;
    const auto& dependencies = (*capture.graph)[node].dependencies;
    left.insert(left.end(), dependencies.begin(), dependencies.end());
  }
  return std::all_of(capture.streams.begin(), capture.streams.end(), [&](const Stream* stream) {
    return std::all_of(stream->tips.begin(), stream->tips.end(),
                       [&](u32 tip) { return behind[tip]; });
  });
}

void begin(Stream& stream, cudaStreamCaptureMode mode) {
  expect(&stream != state().legacy.get(), cudaErrorStreamCaptureUnsupported);
  expect(!stream.capture, cudaErrorIllegalState);
  expect(mode >= cudaStreamCaptureModeGlobal && mode <= cudaStreamCaptureModeRelaxed);
  auto capture = std::make_shared<Capture>();
  capture->origin = &stream;
  capture->mode = mode;
  join(capture, stream);
}

cudaGraph_t end(Stream& stream) {
  const auto capture = stream.capture;
  expect(capture != nullptr, cudaErrorIllegalState);
  expect(capture->origin == &stream, cudaErrorStreamCaptureUnmatched);
  expect(
      capture->mode == cudaStreamCaptureModeRelaxed || capture->owner == std::this_thread::get_id(),
      cudaErrorStreamCaptureWrongThread);
  const bool joined = is_joined(*capture);
  leave_all(*capture);
  expect_valid(*capture);
  expect(joined, cudaErrorStreamCaptureUnjoined);
  return state().graphs.add(capture->graph);
}

cudaStreamCaptureStatus status_of(const Stream& stream) {
  refuse_implicit_dependency(stream, false);
  if (!stream.capture) return cudaStreamCaptureStatusNone;
  return stream.capture->invalid ? cudaStreamCaptureStatusInvalidated
                                 : cudaStreamCaptureStatusActive;
}

}  // namespace

void refuse_during_capture() {
  if (thread_mode == cudaStreamCaptureModeRelaxed) return;
  refuse_if([](const Capture& capture) {
    if (capture.owner == std::this_thread::get_id())
      return capture.mode != cudaStreamCaptureModeRelaxed;
    return capture.mode == cudaStreamCaptureModeGlobal &&
           thread_mode == cudaStreamCaptureModeGlobal;
  });
}

void refuse_if_anything_captures() {
  refuse_if([](const Capture&) { return true; });
}

void refuse_implicit_dependency(const Stream& stream, bool invalidates) {
  if (&stream != state().legacy.get()) return;
  bool depends = false;
  for (const auto& other : state().streams) {
    if (!other->capture || !other->blocking) continue;
    depends = true;
    if (invalidates) other->capture->invalid = true;
  }
  expect(!depends, cudaErrorStreamCaptureImplicit);
}

void refuse_if_capturing(const Stream& stream) {
  refuse_implicit_dependency(stream);
  if (!stream.capture) return;
  expect_valid(*stream.capture);
  invalidate(*stream.capture, cudaErrorStreamCaptureUnsupported);
}

void add_to_capture(Stream& stream, Operation operation) {
  expect_valid(*stream.capture);
  Graph& graph = *stream.capture->graph;
  graph.push_back({std::move(operation), std::move(stream.tips)});
  stream.tips = {static_cast<u32>(graph.size() - 1)};
}

void capture_record(Event& event, const Stream& stream) {
  expect_valid(*stream.capture);
  event.record.reset();
  event.capture = stream.capture;
  event.tips = stream.tips;
}

void capture_wait(Stream& stream, const Event& event) {
  if (stream.capture) expect_valid(*stream.capture);
  if (!event.capture) {
    // Work from before the capture would be part of it. An event that was never recorded is no
    // dependency.
    if (event.record) invalidate(*stream.capture, cudaErrorStreamCaptureIsolation);
    return;
  }
  expect(!event.capture->streams.empty(), cudaErrorCapturedEvent);
  expect_valid(*event.capture);
  if (&stream == state().legacy.get()) invalidate(*event.capture, cudaErrorStreamCaptureImplicit);
  if (!stream.capture) join(event.capture, stream);
  if (stream.capture != event.capture) {
    stream.capture->invalid = true;
    invalidate(*event.capture, cudaErrorStreamCaptureMerge);
  }
  for (const u32 tip : event.tips)
    if (std::find(stream.tips.begin(), stream.tips.end(), tip) == stream.tips.end())
      stream.tips.push_back(tip);
}

void end_captures_of(Stream& stream) {
  const auto capture = stream.capture;
  if (!capture) return;
  capture->invalid = true;
  if (capture->origin == &stream) return leave_all(*capture);
  std::erase(capture->streams, &stream);
  stream.capture.reset();
}

}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return call(__func__, [&] { begin(*stream_of(handle), mode); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  return call(__func__, [&] {
    at(graph) = nullptr;
    *graph = end(*stream_of(handle));
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return call(__func__, [&] { at(status) = status_of(*stream_of(handle)); });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return call(__func__, [&] { std::swap(at(mode), thread_mode); });
}

}  // extern "C"
