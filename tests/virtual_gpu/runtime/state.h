// SPDX-License-Identifier: MIT
// What the runtime knows of a program: streams with what they are told to do, events, captures,
// graphs. One lock guards it all; runtime/call.h takes it.
//
// A stream is a queue of entries that are numbered from 1. `issued` is the number of the last one
// put in, `finished` of the last one that has run. Other streams and events name a Point in it.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "machine/warp.h"
#include "ptx/program.h"
#include "runtime/call.h"

namespace vgpu {

using Work = std::function<void()>;

/// Something that can be captured, and run more than once.
struct Operation {
  enum Kind : u8 { kernel, cooperative_kernel, copy, fill, host_function, graph } kind;
  Work run;
};

struct Node {
  Operation operation;
  std::vector<u32> dependencies;  // indices of nodes
};

/// What a capture has recorded: each node behind those that it depends on. It never changes
/// afterwards, so everything made from it shares it.
using Graph = std::vector<Node>;

/// Handles given to the program: numbers that are never used again and that cannot be read through,
/// so a stale or wrong one is always found out.
template <class Object, class Handle> class Handles {
 public:
  explicit Handles(u64 kind) : last_(kind << 56) {}
  Handle add(std::shared_ptr<Object> object) {
    const auto handle = reinterpret_cast<Handle>(last_ += 16);
    live_[handle] = std::move(object);
    return handle;
  }
  std::shared_ptr<Object>& get(Handle handle) {
    const auto found = live_.find(handle);
    expect(found != live_.end(), cudaErrorInvalidResourceHandle);
    return found->second;
  }
  void remove(Handle handle) { expect(live_.erase(handle) != 0, cudaErrorInvalidResourceHandle); }

 private:
  std::unordered_map<Handle, std::shared_ptr<Object>> live_;
  u64 last_;
};

struct Stream;

/// A place in a stream's queue: reached when the entry with this number has run.
struct Point {
  std::shared_ptr<Stream> stream;
  u64 position = 0;
  bool reached() const;
};

struct Entry {
  Work run;                  // may be empty
  std::vector<Point> waits;  // what comes before it in other streams
};

/// A stream capture, from begin to end.
struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Stream* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id owner = std::this_thread::get_id();
  bool invalid = false;
  std::vector<Stream*> streams;  // that have joined; none: it has ended
};

struct Stream {
  u64 id = 0;
  bool blocking = true;  // ordered by the default stream
  std::deque<Entry> queue;
  u64 issued = 0, finished = 0;
  bool destroyed = false;  // lives until its queue is empty
  std::shared_ptr<Capture> capture;
  std::vector<u32> tips;  // nodes that the next captured one depends on
};

inline bool Point::reached() const { return stream->finished >= position; }

/// One cudaEventRecord. The event may be recorded again while somebody still waits for this one.
struct Record {
  Point point;
  u64 time = 0;  // nanoseconds, when it was reached
};

struct Event {
  bool timed = true;
  std::shared_ptr<Record> record;    // the latest, if it was outside a capture
  std::shared_ptr<Capture> capture;  // else the capture
  std::vector<u32> tips;
};

struct State {
  std::shared_ptr<Stream> legacy = std::make_shared<Stream>();  // the default stream
  std::vector<std::shared_ptr<Stream>> streams{legacy};         // all of them, oldest first
  Handles<Stream, cudaStream_t> stream_handles{0x51};
  Handles<Event, cudaEvent_t> events{0x52};
  Handles<const Graph, cudaGraph_t> graphs{0x53};
  Handles<const Graph, cudaGraphExec_t> executable_graphs{0x54};
  u64 last_stream_id = 0;
  std::atomic<cudaError_t> sticky = cudaSuccess;  // what a failed kernel has left
  u64 launches = 0;
  bool ending = false;  // the program is over, only the queues are being emptied
};

State& state();
inline void expect_no_failed_kernel() { expect(state().sticky == cudaSuccess, state().sticky); }

/// A number below `bound`, from Options::seed.
u64 draw(u64 bound);

// ---- queue.cpp

/// The stream that a handle means.
std::shared_ptr<Stream> stream_of(cudaStream_t);
/// Puts an operation into a stream, or into the graph if the stream is captured.
void submit(const std::shared_ptr<Stream>&, Operation);
/// Puts an entry behind `first`, if that is given, and behind what the default stream's rules make
/// it wait for. Runs it unless Options::lazy is set.
void enqueue(const std::shared_ptr<Stream>&, Work, const Point& first = {});
/// Runs work to its end. After a kernel has failed nothing is executed any more.
void execute(const Work&);
/// Runs a stream up to an entry, and what that depends on.
void run_until(const Point&);
/// Runs a stream as cudaStreamSynchronize does.
void run_stream(const std::shared_ptr<Stream>&);
/// Makes a little progress, for programs that poll.
void run_one(const Point&);
void run_all();

// ---- capture.cpp

// Each refuses what captures forbid, and invalidates these.
/// Calls that would be unsafe during a capture.
void refuse_during_capture();
void refuse_if_anything_captures();
/// Work in the default stream, which would have to wait for streams being captured.
void refuse_implicit_dependency(const Stream&, bool invalidates = true);
/// Waiting for a stream that is being captured.
void refuse_if_capturing(const Stream&);

void add_to_capture(Stream&, Operation);
void capture_record(Event&, const Stream&);
void capture_wait(Stream&, const Event&);
void end_captures_of(Stream&);

// ---- memory.cpp

/// Allocations that the program has not freed.
std::size_t live_allocations();
/// What the pool holds beyond its threshold is given back when the program synchronises.
void trim_pool();

// ---- registration.cpp

/// A variable, by the address of its shadow in the host program.
const Symbol& symbol_of(const void* host);

}  // namespace vgpu
