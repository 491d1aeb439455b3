// SPDX-License-Identifier: MIT
// Random programs over several streams, with an event wherever one is needed and nowhere else: run
// directly and as captured graphs, they must compute what they would in order.
#include <array>
#include <vector>

#include "require.h"

__global__ void combine(unsigned* to, const unsigned* from, unsigned constant) {
  *to = *to * 3 + *from + constant;
}

constexpr int buffers = 6, streams = 5, operations = 40;

struct Random {
  unsigned long long state;
  unsigned operator()(unsigned bound) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<unsigned>(state >> 33) % bound;
  }
};

/// Stream 0 is the default stream, 1 and 2 synchronise with it, 3 and 4 do not.
struct Machine {
  std::array<cudaStream_t, streams> stream{};
  unsigned* data = nullptr;
  Machine() {
    for (int i = 1; i < streams; ++i)
      GOOD(
          cudaStreamCreateWithFlags(&stream[i], i < 3 ? cudaStreamDefault : cudaStreamNonBlocking));
    GOOD(cudaMalloc(&data, buffers * sizeof(unsigned)));
  }
  ~Machine() {
    for (int i = 1; i < streams; ++i) GOOD(cudaStreamDestroy(stream[i]));
    GOOD(cudaFree(data));
  }
};

bool ordered_by_default(int a, int b) { return (a == 0 && b < 3) || (b == 0 && a < 3); }

/// The last operation on a buffer in each stream: an event behind it, null if there was none.
struct Uses {
  std::array<cudaEvent_t, streams> write{}, read{};
};

class Program {
 public:
  Program(Machine& machine, Random& random, bool captured)
      : machine_(machine), random_(random), captured_(captured), first_(captured ? 1 : 0) {}

  ~Program() {
    for (const cudaEvent_t event : events_) GOOD(cudaEventDestroy(event));
  }

  void run(std::array<unsigned, buffers>& expected) {
    for (int i = 0; i < operations; ++i) step(expected);
  }

  /// Makes a stream wait for everything.
  void join(int stream) {
    for (Uses& use : uses_) wait_for_all(stream, use);
  }
  /// Makes all streams wait for an event.
  void fork(int stream) {
    const cudaEvent_t event = record(stream);
    for (int other = first_; other < streams; ++other)
      if (other != stream) GOOD(cudaStreamWaitEvent(machine_.stream[other], event));
  }

 private:
  cudaEvent_t record(int stream) {
    cudaEvent_t event = nullptr;
    GOOD(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    events_.push_back(event);
    GOOD(cudaEventRecord(event, machine_.stream[stream]));
    return event;
  }

  void wait(int stream, const std::array<cudaEvent_t, streams>& marks) {
    for (int other = 0; other < streams; ++other)
      if (marks[other] != nullptr && other != stream && !ordered_by_default(stream, other))
        GOOD(cudaStreamWaitEvent(machine_.stream[stream], marks[other]));
  }
  void wait_for_all(int stream, const Uses& use) {
    wait(stream, use.write);
    wait(stream, use.read);
  }

  void step(std::array<unsigned, buffers>& expected) {
    const int stream = first_ + static_cast<int>(random_(streams - first_));
    const unsigned to = random_(buffers), from = (to + 1 + random_(buffers - 1)) % buffers;
    const cudaStream_t handle = machine_.stream[stream];
    unsigned* const target = machine_.data + to;
    wait_for_all(stream, uses_[to]);
    const unsigned kind = random_(4);
    if (kind != 0) wait(stream, uses_[from].write);
    if (kind == 0) {
      const unsigned byte = random_(256);
      GOOD(cudaMemsetAsync(target, static_cast<int>(byte), sizeof(unsigned), handle));
      expected[to] = byte * 0x01010101u;
    } else if (kind == 1) {
      GOOD(cudaMemcpyAsync(target, machine_.data + from, sizeof(unsigned), cudaMemcpyDeviceToDevice,
                           handle));
      expected[to] = expected[from];
    } else {
      const unsigned constant = random_(1000);
      combine<<<1, 1, 0, handle>>>(target, machine_.data + from, constant);
      GOOD(cudaGetLastError());
      expected[to] = expected[to] * 3 + expected[from] + constant;
    }
    const cudaEvent_t done = record(stream);
    uses_[to] = {};
    uses_[to].write[stream] = done;
    if (kind != 0) uses_[from].read[stream] = done;
  }

  Machine& machine_;
  Random& random_;
  bool captured_;
  int first_;
  std::array<Uses, buffers> uses_{};
  std::vector<cudaEvent_t> events_;
};

void compare(const Machine& machine, const std::array<unsigned, buffers>& expected,
             cudaStream_t stream, unsigned seed) {
  std::array<unsigned, buffers> got{};
  GOOD(cudaMemcpyAsync(got.data(), machine.data, sizeof got, cudaMemcpyDeviceToHost, stream));
  GOOD(cudaStreamSynchronize(stream));
  for (int i = 0; i < buffers; ++i)
    if (got[i] != expected[i]) {
      std::printf("program %u: buffer %d is %u, not %u\n", seed, i, got[i], expected[i]);
      std::exit(1);
    }
}

int main() {
  Machine machine;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    Random random{seed * 77};
    std::array<unsigned, buffers> expected{};
    GOOD(cudaMemset(machine.data, 0, sizeof expected));
    GOOD(cudaDeviceSynchronize());
    const int last = static_cast<int>(random(streams));
    {
      Program program(machine, random, false);
      program.run(expected);
      program.join(last);
    }
    compare(machine, expected, machine.stream[last], seed);
    GOOD(cudaDeviceSynchronize());

    const int origin = 1 + static_cast<int>(random(streams - 1));
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    GOOD(cudaStreamBeginCapture(machine.stream[origin], cudaStreamCaptureModeGlobal));
    {
      Program program(machine, random, true);
      program.fork(origin);
      program.run(expected);
      program.join(origin);
    }
    GOOD(cudaStreamEndCapture(machine.stream[origin], &graph));
    GOOD(cudaGraphInstantiate(&exec, graph, 0));
    GOOD(cudaGraphLaunch(exec, machine.stream[origin]));
    compare(machine, expected, machine.stream[origin], seed);
    GOOD(cudaGraphExecDestroy(exec));
    GOOD(cudaGraphDestroy(graph));
  }
  std::printf("random_programs: good\n");
}
