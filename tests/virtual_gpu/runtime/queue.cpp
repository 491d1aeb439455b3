// SPDX-License-Identifier: MIT
// Running what streams hold. A wait that is reached first runs the stream it waits for, up to the
// place it names and no further: so work that nobody waits for has not been done, and a program
// that forgot an event sees old data.
#include <algorithm>
#include <chrono>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {

State::State() : random(options.seed * 0x9e3779b97f4a7c15 + 1) {
  legacy = std::make_shared<Stream>();
  streams.push_back(legacy);
}

State& state() {
  static State s;
  return s;
}

u64 draw(u64 bound) {
  u64& x = state().random;
  x = x * 6364136223846793005 + 1442695040888963407;
  return (x >> 33) % bound;
}

namespace {

/// Runs the first entry of a stream. A wait must have come to its end.
void run_front(Stream& stream) {
  Entry entry = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (auto* operation = std::get_if<Operation>(&entry))
    execute(*operation);
  else if (auto* record = std::get_if<std::shared_ptr<Record>>(&entry))
    (*record)->time = static_cast<u64>(std::chrono::steady_clock::now().time_since_epoch() /
                                       std::chrono::nanoseconds(1));
  ++stream.finished;
}

/// What a stream waits for before it can go on; null: nothing.
const Point* obstacle(const Stream& stream) {
  const auto* wait = std::get_if<Point>(&stream.queue.front());
  return wait != nullptr && !wait->reached() ? wait : nullptr;
}

}  // namespace

std::shared_ptr<Stream> stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return state().legacy;
  if (handle == cudaStreamPerThread) unsupported("per-thread default streams");
  return state().stream_handles.get(handle);
}

cudaStream_t create_stream(unsigned flags, int priority) {
  State& s = state();
  std::erase_if(s.streams, [](const auto& stream) {
    return stream->destroyed && stream->finished == stream->issued;
  });
  auto stream = std::make_shared<Stream>();
  stream->flags = flags;
  stream->priority = priority;
  stream->id = ++s.last_stream_id;
  s.streams.push_back(stream);
  return s.stream_handles.add(stream);
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

void enqueue(const std::shared_ptr<Stream>& stream, Entry entry) {
  State& s = state();
  const auto wait_for = [&](const std::shared_ptr<Stream>& other) {
    if (other->finished == other->issued) return;
    ++stream->issued;
    stream->queue.push_back(Point{other, other->issued});
  };
  if (stream == s.legacy) {
    for (const auto& other : s.streams)
      if (other != stream && other->blocking()) wait_for(other);
  } else if (stream->blocking()) {
    wait_for(s.legacy);
  }
  ++stream->issued;
  stream->queue.push_back(std::move(entry));
  if (!options.lazy) run_until({stream, stream->issued});
}

void submit(const std::shared_ptr<Stream>& stream, Operation operation) {
  if (stream->capture) return add_to_capture(*stream, std::move(operation));
  refuse_implicit_dependency(*stream);
  enqueue(stream, std::move(operation));
}

void run_stream(const std::shared_ptr<Stream>& stream) {
  if (stream == state().legacy)
    for (const auto& other : state().streams)
      if (other->blocking()) run_until({other, other->issued});
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
