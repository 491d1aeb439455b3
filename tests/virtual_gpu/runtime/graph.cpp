// SPDX-License-Identifier: MIT
// Graphs: instantiating, launching, updating, running them.
#include <algorithm>
#include <numeric>

#include "machine/options.h"
#include "runtime/state.h"

namespace vgpu {
namespace {

void instantiate(cudaGraphExec_t* handle, cudaGraph_t graph, unsigned long long flags) {
  at(handle) = nullptr;
  if ((flags & cudaGraphInstantiateFlagDeviceLaunch) != 0)
    unsupported("graphs that are launched from the device");
  constexpr unsigned long long known = cudaGraphInstantiateFlagAutoFreeOnLaunch |
                                       cudaGraphInstantiateFlagUpload |
                                       cudaGraphInstantiateFlagUseNodePriority;
  expect((flags & ~known) == 0);
  *handle = state().graph_execs.add(
      std::make_shared<GraphExec>(GraphExec{state().graphs.get(graph), flags}));
}

/// Memory that an earlier launch allocated must have been freed, unless the launch is to do so.
void take_memory(const GraphExec& exec) {
  const bool frees_itself = (exec.flags & cudaGraphInstantiateFlagAutoFreeOnLaunch) != 0;
  for (const u64 address : exec.graph->memory)
    expect(frees_itself || memory_blocks().at(address).free);
  for (const Node& node : exec.graph->nodes) {
    if (const auto* memory = std::get_if<AllocateOperation>(&node.operation))
      memory_blocks().at(memory->address).free = false;
    if (const auto* memory = std::get_if<FreeOperation>(&node.operation))
      memory_blocks().at(memory->address).free = true;
  }
}

void launch(cudaGraphExec_t handle, cudaStream_t stream_handle) {
  const auto exec = state().graph_execs.get(handle);
  const auto stream = stream_of(stream_handle);
  if (!stream->capture) take_memory(*exec);
  submit(stream, exec->graph);
}

/// Whether a graph can take the place of another: what an update must leave alone.
cudaGraphExecUpdateResult compare(const Graph& old, const Graph& fresh) {
  if (old.nodes.size() != fresh.nodes.size()) return cudaGraphExecUpdateErrorTopologyChanged;
  for (std::size_t i = 0; i < old.nodes.size(); ++i) {
    const Operation &was = old.nodes[i].operation, &is = fresh.nodes[i].operation;
    if (was.index() != is.index()) return cudaGraphExecUpdateErrorNodeTypeChanged;
    if (old.nodes[i].dependencies != fresh.nodes[i].dependencies)
      return cudaGraphExecUpdateErrorTopologyChanged;
    if (const auto* memory = std::get_if<AllocateOperation>(&was))
      if (memory->address != std::get<AllocateOperation>(is).address)
        return cudaGraphExecUpdateErrorNotSupported;
    // Whether all blocks must run at once is an attribute, and these cannot be updated.
    if (const auto* kernel = std::get_if<Launch>(&was))
      if (kernel->cooperative != std::get<Launch>(is).cooperative)
        return cudaGraphExecUpdateErrorAttributesChanged;
    if (const auto* graph = std::get_if<std::shared_ptr<const Graph>>(&was))
      if (const auto result = compare(**graph, *std::get<std::shared_ptr<const Graph>>(is)))
        return result;
  }
  return cudaGraphExecUpdateSuccess;
}

}  // namespace

void execute(const Graph& graph) {
  std::vector<u32> left(graph.nodes.size());
  std::iota(left.begin(), left.end(), 0);
  std::vector<bool> done(left.size());
  while (!left.empty()) {
    // The oldest node, or a random one; that may first need one of those that it depends on.
    auto next = left.begin();
    if (options.seed != 0) next += static_cast<std::ptrdiff_t>(draw(left.size()));
    for (bool waits = true; waits;) {
      const auto& behind = graph.nodes[*next].dependencies;
      const auto first =
          std::find_if(behind.begin(), behind.end(), [&](u32 i) { return !done[i]; });
      waits = first != behind.end();
      if (waits) next = std::lower_bound(left.begin(), left.end(), *first);
    }
    Operation operation = graph.nodes[*next].operation;  // a copy: the machine writes into a launch
    execute(operation);
    done[*next] = true;
    left.erase(next);
  }
}

}  // namespace vgpu

using namespace vgpu;

extern "C" {

cudaError_t cudaGraphDestroy(cudaGraph_t handle) {
  return call(__func__, [&] { state().graphs.remove(handle); });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags) {
  return call(__func__, instantiate, exec, graph, flags);
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long flags) {
  return call(__func__, instantiate, exec, graph, flags);
}

cudaError_t cudaGraphInstantiateWithParams(cudaGraphExec_t* exec, cudaGraph_t graph,
                                           cudaGraphInstantiateParams* parameters) {
  return call(__func__, [&] {
    at(parameters).errNode_out = nullptr;
    parameters->result_out = cudaGraphInstantiateError;
    instantiate(exec, graph, parameters->flags);
    parameters->result_out = cudaGraphInstantiateSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t handle) {
  return call(__func__, [&] { state().graph_execs.remove(handle); });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t stream) {
  return call(__func__, launch, handle, stream);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t handle, cudaStream_t stream) {
  return call(__func__, [&] {
    state().graph_execs.get(handle);
    stream_of(stream);
  });
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t handle, cudaGraph_t graph_handle,
                                cudaGraphExecUpdateResultInfo* info) {
  return call(__func__, [&] {
    const auto exec = state().graph_execs.get(handle);
    const auto graph = state().graphs.get(graph_handle);
    const auto result = compare(*exec->graph, *graph);
    if (info != nullptr) *info = {result, nullptr, nullptr};
    expect(result == cudaGraphExecUpdateSuccess, cudaErrorGraphExecUpdateFailure);
    exec->graph = graph;  // launches that wait in a queue keep theirs
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t handle, cudaGraphNode_t* nodes, size_t* count) {
  return call(__func__, [&] {
    if (nodes != nullptr) unsupported("handles of graph nodes");
    at(count) = state().graphs.get(handle)->nodes.size();
  });
}

}  // extern "C"
