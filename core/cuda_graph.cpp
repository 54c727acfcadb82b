#include "core/cuda_graph.h"

#include "core/autocast.h"
#include "core/ops/creation.h"
#include "core/random.h"
#include "kernels/cuda/graph.h"
#include "kernels/cuda/memory.h"

namespace tessera::cuda {

namespace runtime = kernels::cuda;

struct CUDAGraph::Recording {
  std::unique_ptr<CUgraphExec_st, void (*)(runtime::GraphExec)> graph;
  Tensor random_shift;  // one uint64 on the device: by how much the draws have moved on since the recording
  uint64_t seed, offset, draws;
};

namespace {

MemoryPool make_pool() {
  runtime::require_device(0);
  return {new uint64_t(runtime::make_memory_pool()), [](const uint64_t* pool) {
            runtime::give_up_memory_pool(*pool);
            delete pool;
          }};
}

}  // namespace

CUDAGraph::CUDAGraph(MemoryPool pool) : pool_(pool != nullptr ? std::move(pool) : make_pool()) {}
CUDAGraph::~CUDAGraph() = default;

void CUDAGraph::capture(const std::function<void()>& work) {
  Generator& generator = default_generator();
  recording_.reset();
  const Tensor shift = zeros({1}, TensorOptions(kInt64).device(Device(kCUDA, runtime::current_device())));
  const uint64_t seed = generator.seed(), offset = generator.offset();
  const Stream stream;
  stream.wait(current_stream());
  autocast::clear_cache();  // what was converted before does not follow the weights from replay to replay
  runtime::GraphExec graph = nullptr;
  {
    const StreamGuard guard(stream);
    runtime::begin_capture(stream.get(), *pool_, static_cast<const uint64_t*>(shift.data_ptr()));
    try {
      work();
    } catch (...) {
      if (const runtime::GraphExec partial = runtime::end_capture(stream.get())) runtime::destroy_graph(partial);
      autocast::clear_cache();
      generator.set_state(seed, offset);
      throw;
    }
    graph = runtime::end_capture(stream.get());
  }
  autocast::clear_cache();  // its copies lie in the graph's memory, which holds nothing yet
  const uint64_t draws = generator.offset() - offset;
  generator.set_state(seed, offset);  // nothing has been drawn yet
  check<DeviceError>(graph != nullptr,
                     "cuda: the recording of a graph failed. Its work must stay on the current stream and must not wait for the "
                     "device.");
  recording_.reset(new Recording{{graph, runtime::destroy_graph}, shift, seed, offset, draws});
}

void CUDAGraph::replay() const {
  check<ValueError>(recording_ != nullptr, "CUDAGraph: nothing was captured. Call capture() before replay().");
  Generator& generator = default_generator();
  const runtime::DeviceGuard device(recording_->random_shift.device().index());
  if (recording_->draws > 0) {
    check<ValueError>(generator.seed() == recording_->seed,
                      "CUDAGraph: captured with random numbers of seed {}, the generator has seed {} now. Capture again.",
                      recording_->seed, generator.seed());
    const uint64_t moved = generator.offset() - recording_->offset;
    runtime::copy_bytes(recording_->random_shift.data_ptr(), &moved, sizeof(moved));  // staged before it returns
    generator.set_state(recording_->seed, generator.offset() + recording_->draws);
  }
  runtime::launch_graph(recording_->graph.get(), runtime::current_stream());
}

void require_no_capture(const char* op) { runtime::require_no_capture(op); }

}  // namespace tessera::cuda
