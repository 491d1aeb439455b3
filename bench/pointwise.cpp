// SPDX-License-Identifier: MIT
// How near do pointwise operations and sums come to the memory's bandwidth? Arrays larger than the
// caches, random data, best of several repeats, each beside a plain copy in the same round; with
// --python the same work in PyTorch follows in the same run.
//
//   bench/pointwise [--elements 67108864] [--repeats 7] [--python path/to/python]
#include <thrustgrad/thrustgrad.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

namespace tg = thrustgrad;
using tg::index_t;

struct Options {
  index_t elements = index_t{1} << 26;
  int repeats = 7;
  std::string python;
};

/// The fastest of several rounds, and of a plain copy of the same bytes in the same rounds.
struct Measurement {
  double seconds = 1e9, copy_seconds = 1e9;
};

template <class Work, class Copy>
Measurement measure(int repeats, const Work& work, const Copy& copy) {
  Measurement best;
  for (int round = 0; round <= repeats; ++round) {
    tg::device::Timer timer;
    work();
    const double seconds = timer.seconds();
    timer.start();
    copy();
    if (round == 0) continue;  // touches the memory for the first time
    best.seconds = std::min(best.seconds, seconds);
    best.copy_seconds = std::min(best.copy_seconds, timer.seconds());
  }
  return best;
}

void report(const char* op, const char* dtype, const char* pass, const Measurement& m, double bytes,
            double copy_bytes) {
  const double rate = bytes / m.seconds, copy_rate = copy_bytes / m.copy_seconds;
  std::printf("%-10s %-8s %-8s %8.2f ms %7.1f GB/s   copy %6.1f GB/s   %4.0f %%\n", op, dtype, pass,
              m.seconds * 1e3, rate * 1e-9, copy_rate * 1e-9, 100 * rate / copy_rate);
  std::fflush(stdout);
}

template <class T> void run(const char* dtype, const Options& options) {
  const index_t columns = 1024, rows = options.elements / columns;
  const auto x = tg::randn<T>(tg::Key{1}, {rows, columns}),
             g = tg::randn<T>(tg::Key{2}, {rows, columns});
  tg::Tensor<T> target = tg::empty<T>(x.shape);
  const double size = static_cast<double>(x.numel()) * sizeof(T);
  const auto copy = [&] {
    const index_t piece = index_t{1} << 16, n = x.numel();
    tg::device::for_each_task(
        (n + piece - 1) / piece, n, [&, to = target.mutable_data(), from = x.data()](index_t i) {
          std::memcpy(to + i * piece, from + i * piece,
                      static_cast<std::size_t>(std::min(piece, n - i * piece)) * sizeof(T));
        });
  };
  const auto both_passes = [&]<class F>(const char* op, const F& f) {
    report(op, dtype, "forward",
           measure(
               options.repeats, [&] { tg::map(f, x); }, copy),
           2 * size, 2 * size);
    const auto backward = [&] { tg::map(tg::detail::partials_fn<F, 1, 0>{f}, x, g); };
    report(op, dtype, "backward", measure(options.repeats, backward, copy), 3 * size, 2 * size);
  };
  both_passes("silu", tg::detail::silu_fn{});
  both_passes("gelu", tg::detail::gelu_fn{});
  both_passes("gelu_tanh", tg::detail::gelu_tanh_fn{});
  report("sum rows", dtype, "forward",
         measure(
             options.repeats, [&] { tg::sum(x, {1}); }, copy),
         size, 2 * size);
  report("sum cols", dtype, "forward",
         measure(
             options.repeats, [&] { tg::sum(x, {0}); }, copy),
         size, 2 * size);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--elements")
      options.elements = std::atoll(argv[i + 1]);
    else if (name == "--repeats")
      options.repeats = std::atoi(argv[i + 1]);
    else if (name == "--python")
      options.python = argv[i + 1];
    else
      tg::fail("bench/pointwise", "unknown option ", name);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  run<float>("float", options);
  run<tg::bf16>("bf16", options);
  if (options.python.empty()) return 0;
  const std::string here = __FILE__;
  std::printf("the same in PyTorch:\n");
  std::fflush(stdout);
  return std::system((options.python + " " + here.substr(0, here.rfind('/')) +
                      "/peers/pointwise.py --elements " + std::to_string(options.elements) +
                      " --table")
                         .c_str());
}
