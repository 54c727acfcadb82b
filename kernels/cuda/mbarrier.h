// Barriers in shared memory on which the copy engine reports, and the fences around it (compute capability 9.0). For .cu files.
//
// An mbarrier counts arrivals of threads and bytes of bulk copies. Its phase ends when as many threads have arrived as init()
// said and all expected bytes are there; the next phase then begins by itself. A waiter names the phase by its parity: 0 for the
// first, 1 for the second, 0 again. Waiting for parity 1 on a fresh barrier returns at once, which is how a producer starts: all
// stages of its ring count as released.
//
//     full[stage]     count 1: the producer's arrive_and_expect(bytes), then the copy's bytes
//     empty[stage]    count = number of consumers: each arrives when it has used what it read from the stage
//
// Used, not only loaded: an arrival does not wait for the loads before it, whose values may then be those of a later copy (seen on an
// H100 under compute-sanitizer; bench/notes.md). What wgmma reads by itself is used when wgmma_wait says so.
#pragma once

#include <cstdint>

// Whether this compilation pass may use Hopper's own instructions (wgmma needs the target sm_90a, not only sm_90).
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define TESSERA_HOPPER 1
#else
#define TESSERA_HOPPER 0
#endif

namespace tessera::kernels::cuda {

// The address of shared memory as the instructions below take it.
__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

#if TESSERA_HOPPER

// One in shared memory; declared as uint64_t there.
using Mbarrier = uint64_t;

// By one thread; then fence_mbarrier_init() by the same thread and __syncthreads() before anybody uses it.
__device__ inline void mbarrier_init(Mbarrier* barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
__device__ inline void fence_mbarrier_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

__device__ inline void mbarrier_arrive(Mbarrier* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
// Arrives and says that the phase also needs `bytes` of bulk copies.
__device__ inline void mbarrier_arrive_and_expect(Mbarrier* barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
}
// Returns when the phase of this parity has ended. What was written before the arrivals is visible then.
__device__ inline void mbarrier_wait(Mbarrier* barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "waiting:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra ready;\n"
      "bra waiting;\n"
      "ready:\n"
      "}\n" ::"r"(shared_address(barrier)), "r"(parity)
      : "memory");
}

// Between ordinary stores to shared memory and reads of them by wgmma or a bulk copy: each writing thread calls it, then a
// barrier.
__device__ inline void fence_shared_for_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#endif  // TESSERA_HOPPER

// A barrier of `threads` threads of the block (whole warps), by number: 1 to 15; 0 is __syncthreads().
__device__ inline void named_barrier(int number, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(number), "r"(threads) : "memory");
}

// A position in a ring of stages: producer and consumers walk through it in step.
template <int stages> struct RingPosition {
  int stage = 0;
  uint32_t parity = 0;
  __device__ void next() {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};

}  // namespace tessera::kernels::cuda
