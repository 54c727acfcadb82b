// Lines of up to 24 classes that lie side by side (channels-last without gaps): the kernel that runs an op over them. For .cu files.
//
// A warp takes 32 pixels at a time, one piece of memory of each input, and has a ring of such pieces in shared memory: the copies of the
// next ones (cp.async, 16 bytes) are on their way while a thread reads the classes of its pixel into registers and computes. What an
// op writes goes back into the ring and from there to global memory in packs of 16 bytes. Warps do not wait for each other.
// The classes of a pixel are read from shared memory in the widest unit that divides them; an odd number of 16-bit classes in words
// of 32 bits, which threads with an odd pixel take from the middle of one word to the middle of the next.
// Memory traffic: each input once, the output once.
#pragma once

#include "kernels/cuda/mma.h"
#include "kernels/cuda/occupancy.h"
#include "kernels/softmax/cuda_lines.h"

namespace tessera::kernels::cuda {

inline constexpr int kRowWarps = kThreads / kWarp;
// Pieces of a ring, one of which is computed on: about as many bytes on their way for each type.
template <class S> inline constexpr int kRowStages = sizeof(S) == 2 ? 4 : 2;

// The piece of 32 pixels of `classes` classes, between global and shared memory: a lane has every 32nd pack of 16 bytes. There are more than
// kLeast and at most kMax classes. Both sides are aligned to 16 bytes; `lane` is that of the calling thread.
template <class S, int kLeast, int kMax> struct Piece {
  static constexpr int kPacks = (kMax * static_cast<int>(sizeof(S)) + 15) / 16;  // of a lane, at most
  int lane, packs;                                                               // packs: of all lanes

  __device__ Piece(int my_lane, int classes) : lane(my_lane), packs(classes * static_cast<int>(kWarp * sizeof(S) / 16)) {}
  // Whether the lane has pack q.
  __device__ bool has(int q) const { return q < (kLeast + 1) * static_cast<int>(sizeof(S)) / 16 || q * kWarp + lane < packs; }

  __device__ void start_copy(S* to, const S* from) const {
#pragma unroll
    for (int q = 0; q < kPacks; ++q)
      if (has(q)) copy_async<16>(to + at(q), from + at(q), true);
  }
  __device__ void store(S* to, const S* from) const {
#pragma unroll
    for (int q = 0; q < kPacks; ++q)
      if (has(q)) store_pack(to + at(q), load_pack<kPackSize<S>>(from + at(q)));
  }
  // The last piece, of `count` elements.
  __device__ void copy_part(S* to, const S* from, int count) const {
#pragma unroll 1
    for (int i = lane; i < count; i += kWarp) to[i] = from[i];
  }

 private:
  __device__ int at(int q) const { return (q * kWarp + lane) * kPackSize<S>; }
};

// The classes of one pixel between shared memory and registers, kUnit at a time: what divides the classes. There are more than kLeast.
template <int kUnit, int kLeast, class S, class C, int kMax>
__device__ inline void load_row(C (&values)[kMax], const S* from, int classes, C padding) {
#pragma unroll
  for (int j = 0; j < kMax; j += kUnit) {
    const auto unit = convert_pack<C>(load_pack<kUnit>(from + (j < kLeast || j < classes ? j : 0)));
#pragma unroll
    for (int i = 0; i < kUnit; ++i) values[j + i] = j < kLeast || j < classes ? unit[i] : padding;
  }
}
template <int kUnit, int kLeast, class S, class C, int kMax>
__device__ inline void store_row(S* to, const C (&values)[kMax], int classes) {
#pragma unroll
  for (int j = 0; j < kMax; j += kUnit) {
    Pack<C, kUnit> unit;
#pragma unroll
    for (int i = 0; i < kUnit; ++i) unit[i] = values[j + i];
    if (j < kLeast || j < classes) store_pack(to + j, convert_pack<S>(unit));
  }
}

// The same for an odd number of 16-bit classes. Reads up to kMax + 2 elements from `from`.
template <int kLeast, class S, class C, int kMax>
__device__ inline void load_odd_row(C (&values)[kMax], const S* from, int classes, C padding) {
  const int odd = static_cast<int>(shared_address(from) / 2 % 2);
  const auto* const words = reinterpret_cast<const uint32_t*>(from - odd);
  uint32_t word = words[0];
#pragma unroll
  for (int j = 0; j < kMax; j += 2) {
    const uint32_t following = words[j / 2 + 1];
    const uint32_t bits = __funnelshift_r(word, following, 16 * odd);
    Pack<S, 2> pair;
    memcpy(static_cast<void*>(&pair), &bits, sizeof(bits));
    const auto two = convert_pack<C>(pair);
#pragma unroll
    for (int i = 0; i < 2; ++i) values[j + i] = j + i <= kLeast || j + i < classes ? two[i] : padding;
    word = following;
  }
}
template <int kLeast, class S, class C, int kMax>
__device__ inline void store_odd_row(S* to, const C (&values)[kMax], int classes) {
  const int odd = static_cast<int>(shared_address(to) / 2 % 2);
  uint32_t pairs[kMax / 2 + 1] = {};
#pragma unroll
  for (int j = 0; j < kMax; j += 2) {
    const auto pair = convert_pack<S>(Pack<C, 2>{values[j], values[j + 1]});
    memcpy(&pairs[j / 2], static_cast<const void*>(&pair), sizeof(uint32_t));
  }
  // An odd pixel's first class lies alone in the upper half of a word, an even pixel's last class in the lower half.
  auto* const words = reinterpret_cast<uint32_t*>(to + odd);
  uint32_t last = 0;
#pragma unroll
  for (int j = 0; j < kMax; j += 2) {
    if (j + 1 < kLeast || j + 1 < classes)
      words[j / 2] = __funnelshift_r(pairs[j / 2], pairs[j / 2 + 1], 16 * odd);
    else if (j < classes)
      last = pairs[j / 2];
  }
  S single;
  const auto bits = static_cast<uint16_t>(odd ? pairs[0] : last);
  memcpy(static_cast<void*>(&single), &bits, sizeof(bits));
  to[odd ? 0 : classes - 1] = single;
}

// Calls body.operator()<kUnit>() for the unit that is known at run time.
template <class S, class F> __device__ inline void in_units(int unit, F&& body) {
  constexpr int V = kPackSize<S>;
  if (unit == V)
    body.template operator()<V>();
  else if (unit == V / 2)
    body.template operator()<V / 2>();
  else if (V > 4 && unit == 2)
    body.template operator()<2>();
  else
    body.template operator()<1>();
}

// Rows of more than kLeast and at most kMax classes.
template <class S, int K, int kLeast, int kMax, class Op> __global__ void __launch_bounds__(kThreads, K == 2 ? 3 : 2)
    row_lines_kernel(ClassLines<K> lines, int unit, Op op) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int kStages = kRowStages<S>;
  extern __shared__ __align__(16) unsigned char row_memory[];
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, classes = lines.classes, piece_size = kWarp * classes;
  const Piece<S, kLeast, kMax> piece(lane, classes);
  S* const ring = reinterpret_cast<S*>(row_memory) + warp * kStages * (K - 1) * piece_size;
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  // The first pixels of the piece that is computed and of the next one to be copied.
  int64_t first = int64_t{blockIdx.x} * kThreads + warp * kWarp, copied = first;
  const auto start = [&](int stage) {
    const int64_t left = lines.pixels - copied;
#pragma unroll
    for (int k = 1; k < K; ++k) {
      S* const to = ring + (stage * (K - 1) + k - 1) * piece_size;
      const S* const from = static_cast<const S*>(lines.data[k]) + copied * classes;
      if (left >= kWarp)
        piece.start_copy(to, from);
      else if (left > 0)
        piece.copy_part(to, from, static_cast<int>(left) * classes);
    }
    commit_copies();
    copied += stride;
  };
  const auto load_extra = [&](int64_t pixel) { return pixel < lines.pixels ? op.load(pixel) : typename Op::Extra{}; };

  typename Op::State state = Op::begin();
#pragma unroll 1
  for (int s = 0; s < kStages - 1; ++s) start(s);
  typename Op::Extra next = load_extra(first + lane);
  for (int stage = 0; first < lines.pixels; first += stride, stage = stage + 1 == kStages ? 0 : stage + 1) {
    start(stage == 0 ? kStages - 1 : stage - 1);
    const typename Op::Extra extra = next;
    next = load_extra(first + stride + lane);
    wait_copies<kStages - 1>();
    __syncwarp();
    S* const held = ring + stage * (K - 1) * piece_size;
    const bool has_pixel = first + lane < lines.pixels;
    HeldLine<S, K - 1, kMax> line;
    S* const mine = held + lane * classes;
    if (has_pixel) {
      line.classes = classes;
      line.source = mine;
      line.step = 1;
#pragma unroll
      for (int k = 1; k < K; ++k)
        in_units<S>(unit, [&]<int kUnit>() {
          if constexpr (kUnit == 1 && sizeof(S) == 2)
            load_odd_row<kLeast>(line.values[k - 1], mine + (k - 1) * piece_size, classes, padding<Op, C>());
          else
            load_row<kUnit, kLeast>(line.values[k - 1], mine + (k - 1) * piece_size, classes, padding<Op, C>());
        });
      op(line, extra, first + lane, state);
    }
    if constexpr (Op::kWrites) {
      __syncwarp();  // a neighbour's odd row shares a word with this one: it is read before this one is written
      if (has_pixel) {
        in_units<S>(unit, [&]<int kUnit>() {
          if constexpr (kUnit == 1 && sizeof(S) == 2)
            store_odd_row<kLeast>(mine, line.values[0], classes);
          else
            store_row<kUnit, kLeast>(mine, line.values[0], classes);
        });
        if (line.set_class >= 0) mine[line.set_class] = convert_to<S>(line.set_value);
      }
    }
    __syncwarp();
    if constexpr (Op::kWrites) {
      S* const to = static_cast<S*>(lines.data[0]) + first * classes;
      if (const int64_t left = lines.pixels - first; left >= kWarp)
        piece.store(to, held);
      else
        piece.copy_part(to, held, static_cast<int>(left) * classes);
      __syncwarp();
    }
  }
  op.finish(state);
}

// Returns the number of blocks: as many as run at a time.
template <class S, int K, class Op> int64_t run_row_lines(const char* name, const ClassLines<K>& lines, const Op& op) {
  const int classes = lines.classes;
  int unit = kPackSize<S>;
  while (classes % unit != 0) unit /= 2;
  const auto run = [&]<int kLeast, int kMax>() {
    const auto kernel = row_lines_kernel<S, K, kLeast, kMax, Op>;
    const int pieces = kRowWarps * kRowStages<S> * (K - 1);
    const size_t shared = static_cast<size_t>(pieces * kWarp * classes + kMax + 2) * sizeof(S);
    const int64_t blocks =
        std::min(line_blocks(lines.pixels), int64_t{multiprocessors()} * resident_blocks(kernel, kThreads, shared));
    launch(name, kernel, dim3(static_cast<unsigned>(blocks)), kThreads, shared, lines, unit, op);
    return blocks;
  };
  if (classes <= 8) return run.template operator()<0, 8>();
  if (classes <= 12) return run.template operator()<8, 12>();
  if (classes <= 16) return run.template operator()<12, 16>();
  return run.template operator()<16, kMostHeldClasses>();
}

}  // namespace tessera::kernels::cuda
