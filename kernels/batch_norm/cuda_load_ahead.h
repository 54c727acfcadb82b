// A thread's walk over its packs (cuda_channels.h) with the loads ahead of their use. For .cu files.
#pragma once

#include "kernels/batch_norm/cuda_channels.h"
#include "kernels/cuda/pack_ring.h"

namespace tessera::kernels::cuda {

// Walks over the N last of the K operands of a walk; operand 0 is written where K > N. The thread's packs come through a ring in shared
// memory. Packs of less than 4 bytes, which no asynchronous copy takes, are loaded into registers, a few at a time.
template <class S, int V, int N, size_t K> class LoadAhead {
 public:
  static constexpr int kAhead = N == 1 ? 8 : 4;  // packs of an operand on their way
  static constexpr bool kCopies = sizeof(S) * V >= 4;
  using Ring = PackRing<Pack<S, V>, N, kAhead>;
  static constexpr size_t kRingBytes = kCopies ? Ring::kBytes : 0;

  // ring: kRingBytes of shared memory, aligned to 16 bytes. images: the operands' first elements.
  __device__ LoadAhead(void* ring, const ChannelWalk<K>& walk, const WalkThread& thread, const std::array<const S*, N>& images)
      : ring_(ring), walk_(walk), thread_(thread), dense_(walk.pixels.ndim == 1) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
      from_[n] = images[n] + thread.channel * walk.channel_steps[K - N + n];
      next_[n] = from_[n] + thread.first * walk.pixels.strides[K - N + n][0];
    }
  }

  // Starts the first loads; what the thread does before run() takes place beside them.
  __device__ void start() {
    if constexpr (kCopies) {
#pragma unroll 1
      for (int a = 0; a < kAhead; ++a) copy_turn();
    }
  }

  // body(packs, place) for each position: Pack<S, V> (&packs)[N] of the operands that are read, and the offset in operand 0.
  template <class F> __device__ void run(F&& body) {
    if constexpr (kCopies) {
      int64_t place = thread_.first * walk_.pixels.strides[0][0];
      for (int i = 0; i < thread_.count; ++i) {
        Pack<S, V> packs[N];
        ring_.wait();
#pragma unroll
        for (int n = 0; n < N; ++n) packs[n] = ring_.read(n);
        copy_turn();
        if (K > N && !dense_) place = walk_.at(thread_.position(i))[0];
        body(packs, place);
        place += thread_.step * walk_.pixels.strides[0][0];
      }
    } else {
      for (int i = 0; i < thread_.count; i += kAhead) {
        Pack<S, V> packs[kAhead][N];
#pragma unroll
        for (int a = 0; a < kAhead; ++a) {
          if (i + a >= thread_.count) break;
          const auto at = walk_.at(thread_.position(i + a));
#pragma unroll
          for (int n = 0; n < N; ++n) packs[a][n] = load_pack<V>(from_[n] + at[K - N + n]);
        }
#pragma unroll
        for (int a = 0; a < kAhead; ++a) {
          if (i + a >= thread_.count) break;
          body(packs[a], walk_.at(thread_.position(i + a))[0]);
        }
      }
    }
  }

 private:
  // Starts the copies of the next position, if there is one.
  __device__ void copy_turn() {
    if (copied_ < thread_.count) {
      if (!dense_) {
        const auto at = walk_.at(thread_.position(copied_));
#pragma unroll
        for (int n = 0; n < N; ++n) next_[n] = from_[n] + at[K - N + n];
      }
#pragma unroll
      for (int n = 0; n < N; ++n) {
        ring_.start(n, next_[n]);
        next_[n] += thread_.step * walk_.pixels.strides[K - N + n][0];
      }
      ++copied_;
    }
    ring_.end_turn();
  }

  Ring ring_;
  const ChannelWalk<K>& walk_;
  const WalkThread& thread_;
  const bool dense_;  // one stride leads from each position to the next
  const S *from_[N], *next_[N];
  int copied_ = 0;
};

}  // namespace tessera::kernels::cuda
