// SPDX-License-Identifier: MIT
// Running what streams hold. A wait that is reached first runs the stream it waits for, up to the
// place it names and no further: so work that nobody waits for has not been done, and a program
// that forgot an event sees old data.
#include <algorithm>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {

State& state() {
  static State s;
  return s;
}

u64 draw(u64 bound) {
  static u64 x = options.seed * 0x9e3779b97f4a7c15 + 1;
  x = x * 6364136223846793005 + 1442695040888963407;
  return (x >> 33) % bound;
}

namespace {

/// Runs the first entry of a stream. What it waits for must have been reached.
void run_front(Stream& stream) {
  const Entry entry = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (entry.run) execute(entry.run);
  ++stream.finished;
}

/// What a stream waits for before it can go on; null: nothing.
const Point* obstacle(const Stream& stream) {
  const auto& waits = stream.queue.front().waits;
  const auto found = std::find_if_not(waits.begin(), waits.end(), std::mem_fn(&Point::reached));
  return found != waits.end() ? &*found : nullptr;
}

}  // namespace

void execute(const Work& work) {
  if (state().sticky == cudaSuccess) work();
}

std::shared_ptr<Stream> stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return state().legacy;
  if (handle == cudaStreamPerThread) unsupported("per-thread default streams");
  return state().stream_handles.get(handle);
}

void run_until(const Point& point) {
  // A stack, not recursion: two streams that wait for each other by turns can go deep.
  std::vector<Point> wanted{point};
  while (!wanted.empty()) {
    Stream& stream = *wanted.back().stream;
    if (wanted.back().reached())
      wanted.pop_back();
    else if (const Point* first = obstacle(stream))
      wanted.push_back(*first);
    else
      run_front(stream);
  }
}

void run_one(const Point& point) {
  const Point* next = &point;
  while (const Point* first = obstacle(*next->stream)) next = first;
  run_front(*next->stream);
}

void enqueue(const std::shared_ptr<Stream>& stream, Work work, const Point& first) {
  Entry entry{std::move(work), {}};
  const auto wait_for = [&](const Point& point) {
    if (!point.reached()) entry.waits.push_back(point);
  };
  if (first.stream) wait_for(first);
  if (stream == state().legacy) {
    for (const auto& other : state().streams)
      if (other != stream && other->blocking) wait_for({other, other->issued});
  } else if (stream->blocking) {
    wait_for({state().legacy, state().legacy->issued});
  }
  stream->queue.push_back(std::move(entry));
  ++stream->issued;
  if (!options.lazy) run_until({stream, stream->issued});
}

void submit(const std::shared_ptr<Stream>& stream, Operation operation) {
  if (stream->capture) return add_to_capture(*stream, std::move(operation));
  refuse_implicit_dependency(*stream);
  enqueue(stream, std::move(operation.run));
}

void run_stream(const std::shared_ptr<Stream>& stream) {
  if (stream == state().legacy)
    for (const auto& other : state().streams)
      if (other->blocking) run_until({other, other->issued});
  run_until({stream, stream->issued});
}

void run_all() {
  for (;;) {
    std::vector<std::shared_ptr<Stream>> pending;
    for (const auto& stream : state().streams)
      if (stream->finished < stream->issued) pending.push_back(stream);
    if (pending.empty()) return;
    // Newest first: most programs make the producer's stream before the consumer's.
    const auto& next = options.seed != 0 ? pending[draw(pending.size())] : pending.back();
    run_until({next, options.seed != 0 ? next->finished + 1 : next->issued});
  }
}

}  // namespace vgpu
