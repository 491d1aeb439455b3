// SPDX-License-Identifier: MIT
// Counters: what each instruction asks of memory, and how often it runs. Shared memory is counted
// in wavefronts: it has 32 banks of 4 bytes, and distinct words of one bank need one wavefront
// each. Wider accesses are served in 2 or 4 parts, of 16 or 8 lanes.
#include <algorithm>
#include <string>

#include "checks/observe.h"
#include "checks/report.h"
#include "memory/device_memory.h"

namespace vgpu {

namespace {

constexpr const char* class_names[] = {
    "integer",   "f32",       "f64",       "half",      "convert",  "move",
    "ld.global", "st.global", "ld.shared", "st.shared", "local",    "param",
    "atomic",    "sync",      "control",   "mma",       "ldmatrix", "cp.async"};
static_assert(std::size(class_names) == static_cast<std::size_t>(Class::count));

std::vector<Function*> launched;  // kernels and the functions they call, in order of first launch

/// The distinct pieces of memory of `size` bytes that the lanes access.
std::vector<u64> pieces(Mask mask, const u64* addresses, u32 bytes, u32 size) {
  std::vector<u64> all;
  for_lanes(mask, [&](int i) {
    for (u64 k = addresses[i] / size; k <= (addresses[i] + bytes - 1) / size; ++k) all.push_back(k);
  });
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void count_shared(Counts& counts, Mask mask, const u64* addresses, u32 bytes) {
  const int together = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
  for (int first = 0; first < lanes; first += together) {
    const Mask part = mask & (all_lanes >> (lanes - together) << first);
    const std::vector<u64> words = pieces(part, addresses, bytes, 4);
    u64 in_bank[32] = {};
    for (const u64 word : words) ++in_bank[word % 32];
    counts.wavefronts += *std::max_element(in_bank, in_bank + 32);
    counts.ideal_wavefronts += (words.size() + 31) / 32;
  }
}

/// Each lane asks for the sectors it touches; lanes that touch the same one share it.
void count_global(Counts& counts, Mask mask, const u64* addresses, u32 bytes) {
  const u64 sectors = pieces(mask, addresses, bytes, 32).size();
  const u64 wanted = static_cast<u64>(std::popcount(mask)) * bytes;
  counts.sectors += sectors;
  counts.ideal_sectors += std::min(sectors, (wanted + 31) / 32);
}

Counts& counts_of(Warp& w, const Instruction& in) {
  Function& function = *w.frame->function;
  function.counts.resize(function.code.size());
  return function.counts[static_cast<std::size_t>(&in - function.code.data())];
}

void add_function(Function& function) {
  if (std::find(launched.begin(), launched.end(), &function) != launched.end()) return;
  launched.push_back(&function);
  for (Function* const callee : function.callees)
    if (callee) add_function(*callee);
}

using Column = std::pair<const char*, u64>;

/// Everything that the table and the JSON file show of a function.
std::vector<Column> columns_of(const Function& f) {
  std::vector<Column> columns{{"launches", f.launches},
                              {"blocks", f.blocks},
                              {"barriers", f.barriers},
                              {"microseconds", static_cast<u64>(f.seconds * 1e6)},
                              {"virtual_registers", f.virtual_registers},
                              {"register_slots", f.register_slots},
                              {"shared_bytes", f.shared_bytes}};
  constexpr std::pair<const char*, u64 Counts::*> sums[] = {
      {"instructions", &Counts::executed},
      {"sectors", &Counts::sectors},
      {"ideal_sectors", &Counts::ideal_sectors},
      {"wavefronts", &Counts::wavefronts},
      {"ideal_wavefronts", &Counts::ideal_wavefronts},
      {"mma_with_zeros", &Counts::zero_products}};
  for (const auto& [name, member] : sums) {
    columns.push_back({name, 0});
    for (const Counts& counts : f.counts) columns.back().second += counts.*member;
  }
  const std::size_t first_class = columns.size();
  for (const char* const name : class_names) columns.push_back({name, 0});
  for (std::size_t k = 0; k < f.counts.size(); ++k)
    columns[first_class + static_cast<std::size_t>(f.code[k].cls)].second += f.counts[k].executed;
  return columns;
}

/// What an instruction costs beyond the least possible: wavefronts or sectors.
u64 excess(const Counts& counts) {
  return counts.wavefronts - counts.ideal_wavefronts + counts.sectors - counts.ideal_sectors;
}

/// The instructions with the greatest excess.
std::vector<std::size_t> worst_of(const Function& function) {
  std::vector<std::size_t> worst;
  for (std::size_t k = 0; k < function.counts.size(); ++k)
    if (excess(function.counts[k]) != 0) worst.push_back(k);
  std::ranges::sort(worst, std::greater{},
                    [&](std::size_t k) { return excess(function.counts[k]); });
  worst.resize(std::min<std::size_t>(worst.size(), 3));
  return worst;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c == '\n' || c == '\t' ? ' ' : c;
  }
  return result + '"';
}

}  // namespace

void count_access(Warp& w, const Instruction& in, Mask mask, const u64* addresses, u32 bytes) {
  if (mask == 0 || in.space == Space::local) return;
  Counts& counts = counts_of(w, in);
  counts.lanes += static_cast<u64>(std::popcount(mask));
  const u64 address = addresses[first_lane(mask)];
  if (address - reinterpret_cast<u64>(w.block->shared) < w.block->shared_bytes)
    count_shared(counts, mask, addresses, bytes);
  else if (in_memory(address - distance))
    count_global(counts, mask, addresses, bytes);
}

void count_product(Warp& w, const Instruction& in, bool has_zero_operand) {
  counts_of(w, in).zero_products += has_zero_operand;
}

void count_launch(const Launch& launch) { add_function(*launch.kernel); }

void print_counters(std::FILE* to) {
  for (const Function* const function : launched) {
    std::fprintf(to, "%s\n   ", demangled(function->name).c_str());
    for (const auto& [name, value] : columns_of(*function))
      if (value != 0) std::fprintf(to, " %s %lu", name, value);
    std::fprintf(to, "\n");
    for (const std::size_t k : worst_of(*function))
      std::fprintf(to, "      %lu more than needed: %s\n", excess(function->counts[k]),
                   place_of(*function, function->code[k]).c_str());
  }
}

void write_counters_json(std::FILE* to) {
  const char* kernel_comma = "";
  std::fprintf(to, "{\"kernels\": [");
  for (const Function* const function : launched) {
    std::fprintf(to, "%s\n  {\"name\": %s", kernel_comma,
                 quoted(demangled(function->name)).c_str());
    for (const auto& [name, value] : columns_of(*function))
      std::fprintf(to, ", \"%s\": %lu", name, value);
    std::fprintf(to, ",\n   \"worst\": [");
    const char* comma = "";
    for (const std::size_t k : worst_of(*function)) {
      std::fprintf(to, "%s\n    {\"excess\": %lu, \"place\": %s}", comma,
                   excess(function->counts[k]),
                   quoted(place_of(*function, function->code[k])).c_str());
      comma = ",";
    }
    std::fprintf(to, "]}");
    kernel_comma = ",";
  }
  std::fprintf(to, "\n]}\n");
}

}  // namespace vgpu
