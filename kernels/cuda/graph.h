// CUDA graphs: the work that a stream is given, recorded instead of run, and replayed with one call. No CUDA header is needed to
// include this; absent.cpp stands in for it in a build without CUDA. core/cuda_graph.h is the user's face.
#pragma once

#include <cstdint>

#include "kernels/cuda/runtime.h"

struct CUgraphExec_st;

namespace tessera::kernels::cuda {

using GraphExec = CUgraphExec_st*;  // cudaGraphExec_t

// Whether this thread's current stream is being recorded.
bool is_capturing();
// DeviceError, naming the kernel table's entry that runs or else `op`, if so: for what cannot be recorded. That is what waits for
// the device, and what reads or writes host memory, pinned or not: a replay would use the same address again, whatever is there.
void require_no_capture(const char* op);

// Makes `stream`, which is not the default stream, record. Until end_capture this thread's memory comes from `pool`, and
// random numbers are drawn at `offset + *random_shift`, where `random_shift` is device memory that each replay reads.
void begin_capture(Stream stream, uint64_t pool, const uint64_t* random_shift);
// Ends the recording. nullptr if it was spoiled by an error, which the caller knows of.
GraphExec end_capture(Stream stream);
void launch_graph(GraphExec graph, Stream stream);
void destroy_graph(GraphExec graph);

// Memory of graphs, whose replays write to the same addresses each time: blocks of a pool go back to that pool alone, and to the
// driver only after it has been given up. Work that uses one pool must run in one order, as in one stream. memory.cpp has it.
uint64_t make_memory_pool();
void give_up_memory_pool(uint64_t pool);
void use_memory_pool(uint64_t pool);  // of this thread's allocations from now on; 0: the memory for all

// What kernels that draw random numbers add to their offset, if not null: see begin_capture.
const uint64_t* captured_random_shift();

}  // namespace tessera::kernels::cuda
