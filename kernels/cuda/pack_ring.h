// A thread's loads some turns of a loop ahead of their use, by asynchronous copies into shared memory. For .cu files.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/mma.h"

namespace tessera::kernels::cuda {

// The ring of one thread: places for kPacks packs P (of 4, 8 or 16 bytes) in each of kTurns turns. Only this thread fills and reads it,
// so there are no barriers, and what is on its way takes no registers. First kTurns times
//     start(i, from) ...; end_turn();
// then, for each turn of the loop,
//     wait(); ... = read(i); ...; start(i, from) ...; end_turn();
// A turn may start fewer copies than it has places, or none.
template <class P, int kPacks, int kTurns> class PackRing {
 public:
  static constexpr size_t kBytes = sizeof(P) * kPacks * kTurns * kThreads;  // of a block

  // shared: kBytes, aligned to 16 bytes.
  __device__ explicit PackRing(void* shared)
      : begin_(shared_address(shared) + static_cast<uint32_t>(threadIdx.x * sizeof(P))), turn_(begin_) {}

  __device__ void start(int pack, const void* from) const {
    if constexpr (sizeof(P) == 16)
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(place(pack)), "l"(from));
    else
      asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(place(pack)), "l"(from), "n"(sizeof(P)));
  }
  __device__ void end_turn() {
    commit_copies();
    turn_ += kTurnBytes;
    if (turn_ == begin_ + kTurns * kTurnBytes) turn_ = begin_;
  }
  // Until the copies of this turn, started kTurns turns ago, have ended.
  __device__ void wait() const { wait_copies<kTurns - 1>(); }
  __device__ P read(int pack) const {
    uint32_t words[sizeof(P) / 4];
    if constexpr (sizeof(P) == 16)
      asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                   : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                   : "r"(place(pack)));
    else if constexpr (sizeof(P) == 8)
      asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(words[0]), "=r"(words[1]) : "r"(place(pack)));
    else
      asm volatile("ld.shared.u32 %0, [%1];" : "=r"(words[0]) : "r"(place(pack)));
    P result;
    memcpy(static_cast<void*>(&result), words, sizeof(P));
    return result;
  }

 private:
  static constexpr uint32_t kTurnBytes = sizeof(P) * kPacks * kThreads;
  __device__ uint32_t place(int pack) const { return turn_ + pack * static_cast<uint32_t>(sizeof(P) * kThreads); }

  uint32_t begin_, turn_;
};

}  // namespace tessera::kernels::cuda
