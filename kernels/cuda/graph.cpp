#include "kernels/cuda/graph.h"

#include "kernels/cuda/check.h"
#include "kernels/cuda/memory.h"

namespace tessera::kernels::cuda {
namespace {

thread_local bool capturing = false;
thread_local const uint64_t* random_shift_of_capture = nullptr;

}  // namespace

bool is_capturing() { return capturing; }
const uint64_t* captured_random_shift() { return random_shift_of_capture; }

void begin_capture(Stream stream, uint64_t pool, const uint64_t* random_shift) {
  // Relaxed: the allocator may ask the driver for memory, and other threads do as they like. What must not happen, waiting for the
  // stream itself, is an error in every mode.
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "recording a graph");
  capturing = true;
  random_shift_of_capture = random_shift;
  use_memory_pool(pool);
}

GraphExec end_capture(Stream stream) {
  use_memory_pool(0);
  capturing = false;
  random_shift_of_capture = nullptr;
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(stream, &graph) != cudaSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  GraphExec result = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&result, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "making a graph");
  return result;
}

void launch_graph(GraphExec graph, Stream stream) { check(cudaGraphLaunch(graph, stream), "replaying a graph"); }
void destroy_graph(GraphExec graph) { cudaGraphExecDestroy(graph); }

}  // namespace tessera::kernels::cuda
