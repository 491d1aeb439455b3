// SPDX-License-Identifier: MIT
// Graphs: instantiating, launching, updating, running them.
#include <algorithm>
#include <numeric>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

/// Runs all nodes in an order that their dependencies allow.
void run_nodes(const Graph& graph) {
  std::vector<u32> left(graph.size());
  std::iota(left.begin(), left.end(), 0);
  std::vector<bool> done(left.size());
  while (!left.empty()) {
    // The oldest node, or a random one; that may first need one of those that it depends on.
    auto next = left.begin();
    if (options.seed != 0) next += static_cast<std::ptrdiff_t>(draw(left.size()));
    for (bool waits = true; waits;) {
      const auto& behind = graph[*next].dependencies;
      const auto first =
          std::find_if(behind.begin(), behind.end(), [&](u32 i) { return !done[i]; });
      waits = first != behind.end();
      if (waits) next = std::lower_bound(left.begin(), left.end(), *first);
    }
    execute(graph[*next].operation.run);
    done[*next] = true;
    left.erase(next);
  }
}

/// Whether a graph can take the place of another: what an update must leave alone.
cudaGraphExecUpdateResult compare(const Graph& old, const Graph& fresh) {
  if (old.size() != fresh.size()) return cudaGraphExecUpdateErrorTopologyChanged;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (old[i].operation.kind != fresh[i].operation.kind)
      return cudaGraphExecUpdateErrorNodeTypeChanged;
    if (old[i].dependencies != fresh[i].dependencies)
      return cudaGraphExecUpdateErrorTopologyChanged;
    if (old[i].operation.kind == Operation::graph)
      unsupported("updates of graphs that launch graphs");
  }
  return cudaGraphExecUpdateSuccess;
}

}  // namespace
}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaGraphDestroy(cudaGraph_t handle) {
  return call(__func__, [&] { state().graphs.remove(handle); });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long flags) {
  return call(__func__, [&] {
    if (flags != 0) unsupported("flags of cudaGraphInstantiate: %llu", flags);
    at(executable) = nullptr;
    *executable = state().executable_graphs.add(state().graphs.get(graph));
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t handle) {
  return call(__func__, [&] { state().executable_graphs.remove(handle); });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t stream) {
  return call(__func__, [&] {
    const auto graph = state().executable_graphs.get(handle);
    submit(stream_of(stream), {Operation::graph, [graph] { run_nodes(*graph); }});
  });
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t handle, cudaGraph_t graph_handle,
                                cudaGraphExecUpdateResultInfo* info) {
  return call(__func__, [&] {
    auto& current = state().executable_graphs.get(handle);
    const auto& fresh = state().graphs.get(graph_handle);
    const auto result = compare(*current, *fresh);
    if (info != nullptr) *info = {result, nullptr, nullptr};
    expect(result == cudaGraphExecUpdateSuccess, cudaErrorGraphExecUpdateFailure);
    current = fresh;  // launches that wait in a queue keep theirs
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t handle, cudaGraphNode_t* nodes, size_t* count) {
  return call(__func__, [&] {
    if (nodes != nullptr) unsupported("handles of graph nodes");
    at(count) = state().graphs.get(handle)->size();
  });
}

}  // extern "C"
