// CUDA graphs: a sequence of device work that is recorded once and then replayed with one call, which costs the host microseconds
// however many kernels it holds.
//
//     step();                                              // once as usual: optimizer state, workspaces
//     cuda::CUDAGraph graph;
//     graph.capture([&] { step(); });                      // records; nothing runs
//     for (...) {
//       images.copy_(batch.images, /*non_blocking=*/true); // the same memory each time
//       optimizer.advance();                               // the host's share of optimizer.step()
//       graph.replay();
//     }
//
// A replay runs the same kernels on the same addresses. So the work must not wait for the device nor copy from or to the host
// (DeviceError, naming the op) nor depend on numbers that the host changes; its inputs are tensors made before, its results tensors
// made inside, which keep their memory while they live. What was allocated and freed inside stays the graph's own. What goes on from
// one replay to the next (weights, running statistics, optimizer states) must be made before: the memory of a tensor made inside may
// have served earlier parts of the work, which write to it in each replay. Random numbers go on from replay to replay as they would
// without a graph (the default generator's alone). Results are bit for bit those of the work itself.
#pragma once

#include <functional>
#include <memory>

#include "core/cuda.h"

namespace tessera::cuda {

// The memory that graphs allocate from. Graphs that share it must not be replayed at the same time.
using MemoryPool = std::shared_ptr<const uint64_t>;

class CUDAGraph {
 public:
  explicit CUDAGraph(MemoryPool pool = nullptr);  // nullptr: memory of its own
  ~CUDAGraph();
  CUDAGraph(const CUDAGraph&) = delete;
  CUDAGraph& operator=(const CUDAGraph&) = delete;

  // Calls work(), recording on a stream of its own what it queues. Throws what work() throws, and DeviceError where it did what
  // cannot be recorded.
  void capture(const std::function<void()>& work);
  // Queues the recorded work on the current stream. ValueError if nothing was recorded or the default generator has another seed.
  void replay() const;
  const MemoryPool& pool() const { return pool_; }

 private:
  struct Recording;
  MemoryPool pool_;
  std::unique_ptr<Recording> recording_;
};

// DeviceError, naming `op`, while this thread records a graph: for what replays would not do again.
void require_no_capture(const char* op);

}  // namespace tessera::cuda
