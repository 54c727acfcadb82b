// The gradient of bilinear upsampling in channels-last, where a block can hold the outputs of a few input columns. For .cu files.
//
// The map is separable, and the block takes the height first, so that each output gradient is read once and converted once:
//   - a block has 8 packs of channels, up to 32 columns of the input with the up to 64 columns of the output that add to them, and a strip
//     of input rows. A thread has 2 output columns and goes down the output rows, which it copies ahead into a ring of its own in shared
//     memory (cp.async). It adds each row to the two input rows between which it lies, held in registers.
//   - when an input row is complete, the threads leave it in shared memory, and a thread sums along the width for one input column.
// Memory traffic: each side once; neighbouring strips and columns share two rows and columns.
#pragma once

#include "kernels/cuda/pack_ring.h"
#include "kernels/interpolate/cuda_linear_axis.h"

namespace tessera::kernels::cuda {

struct UpsampleTile {
  static constexpr int kLanes = 8;                    // packs of channels
  static constexpr int kColumns = kThreads / kLanes;  // input columns at most
  static constexpr int kEach = 2;                     // output columns a thread
  static constexpr int kRowsAhead = 4, kBlocks = 3;   // rows on their way; blocks that a multiprocessor shall hold
  int columns, strip;                                 // of the input, as it is cut
};

// Input columns whose outputs fit a tile for sure; 0 if the map is not for this kernel.
template <class C> int upsample_columns(const LinearAxis<C>& axis) {
  const C step = axis.step;
  if (!(step > 0 && step <= 1) || axis.out * step > axis.in + C(0.5)) return 0;
  // What adds to n columns has one of n + 1 indices: at most (n + 1) / step + 1 outputs, and 0.5 / step that are clamped to index 0.
  const auto most = static_cast<int>((UpsampleTile::kColumns * UpsampleTile::kEach - 1) * step - C(1.5));
  const int columns = std::min(most, UpsampleTile::kColumns);
  return columns < 4 ? 0 : static_cast<int>(div_up(axis.in, div_up(axis.in, columns)));
}

template <class S, int V> using UpsampleRing = PackRing<Pack<S, V>, UpsampleTile::kEach, UpsampleTile::kRowsAhead>;
template <class S, int V> constexpr size_t upsample_bytes() {
  return UpsampleRing<S, V>::kBytes + 2 * UpsampleTile::kEach * kThreads * sizeof(Pack<compute_t<S>, V>);
}

// blockIdx.x: tile of input columns and group of channel packs; y: strip; z: picture.
template <class S, int V> __global__ void __launch_bounds__(kThreads, UpsampleTile::kBlocks)
    upsample_backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, int packs, UpsampleTile tile,
                             Bilinear<compute_t<S>> map) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int kLanes = UpsampleTile::kLanes, kColumns = UpsampleTile::kColumns, kEach = UpsampleTile::kEach,
                kOutputs = kEach * kColumns, kQuads = V / 4;
  static_assert(sizeof(Pack<S, V>) == 16 && sizeof(C) == 4);
  extern __shared__ __align__(16) unsigned char block_memory[];
  UpsampleRing<S, V> ring(block_memory);
  auto* const sums = reinterpret_cast<Pack<C, 4>*>(block_memory + ring.kBytes);  // [2][quad][column][lane]

  const int groups = (packs + kLanes - 1) / kLanes, lane = threadIdx.x % kLanes, column = threadIdx.x / kLanes;
  const int group = blockIdx.x % groups, c = group * kLanes + lane, x0 = blockIdx.x / groups * tile.columns;
  const int columns = min(tile.columns, grad_in.width - x0);
  const int o0 = map.w.first_output(x0 - 1), outputs = map.w.first_output(x0 + columns) - o0;
  const int begin = blockIdx.y * tile.strip, end = min(grad_in.height, begin + tile.strip);
  const int oh_first = map.h.first_output(begin - 1), oh_end = map.h.first_output(end);
  const S* from[kEach];
  bool reads[kEach];
#pragma unroll
  for (int e = 0; e < kEach; ++e) {
    from[e] = grad_out.at(blockIdx.z, c, oh_first, o0 + column + e * kColumns);
    reads[e] = c < packs && column + e * kColumns < outputs;
  }
  int copied = oh_first;
  const auto copy_row = [&] {
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      if (reads[e] && copied < oh_end) ring.start(e, from[e]);
      from[e] += grad_out.h_step;
    }
    ring.end_turn();
    ++copied;
  };
#pragma unroll 1
  for (int a = 0; a < UpsampleTile::kRowsAhead; ++a) copy_row();

  // What this thread sums along the width: input column x0 + column, from its first output on.
  const bool writes = column < columns && c < packs;
  const int x = x0 + column, w_first = writes ? map.w.first_output(x - 1) : 0;
  const int taps = writes ? map.w.first_output(x + 1) - w_first : 0;
  C held[kHeldTaps];
#pragma unroll
  for (int i = 0; i < kHeldTaps; ++i) held[i] = i < taps ? map.w.weight(w_first + i, x) : C(0);
  S* to = grad_in.at(blockIdx.z, c, begin, x);

  Pack<C, V> upper[kEach] = {}, lower[kEach] = {};
  int current = begin, half = 0;  // the row whose sums are `upper`; which half of the shared sums comes next
  const auto leave_row = [&] {
    auto* const row = sums + half * kQuads * kOutputs * kLanes;
    half ^= 1;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
#pragma unroll
      for (int q = 0; q < kQuads; ++q)
        store_pack(&row[(q * kOutputs + column + e * kColumns) * kLanes + lane][0],
                   Pack<C, 4>{upper[e][4 * q], upper[e][4 * q + 1], upper[e][4 * q + 2], upper[e][4 * q + 3]});
      upper[e] = lower[e];
      lower[e] = {};
    }
    __syncthreads();  // the one barrier a row: the other half is written next
    Pack<C, V> sum{};
    const auto add = [&](C factor, int i) {
#pragma unroll
      for (int q = 0; q < kQuads; ++q) {
        const auto part = load_pack<4>(&row[(q * kOutputs + w_first - o0 + i) * kLanes + lane][0]);
#pragma unroll
        for (int v = 0; v < 4; ++v) sum[4 * q + v] += factor * part[v];
      }
    };
#pragma unroll
    for (int i = 0; i < kHeldTaps; ++i)
      if (i < taps) add(held[i], i);
#pragma unroll 1
    for (int i = kHeldTaps; i < taps; ++i) add(map.w.weight(w_first + i, x), i);
    if (writes) store_pack(to, convert_pack<S>(sum));
    to += grad_in.h_step;
    ++current;
  };

  for (int oh = oh_first;; ++oh) {
    const LinearSource<C, int> row = oh < oh_end ? map.h(oh) : LinearSource<C, int>{end, end, C(0)};
    while (row.index > current) leave_row();
    if (oh >= oh_end) break;
    const C to_upper = row.index < current ? row.lambda : row.neighbour == row.index ? C(1) : 1 - row.lambda;
    Pack<C, V> g[kEach];
    ring.wait();
#pragma unroll
    for (int e = 0; e < kEach; ++e) g[e] = convert_pack<C>(ring.read(e));
    copy_row();
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      add_scaled(upper[e], to_upper, g[e]);
      if (row.neighbour > current) add_scaled(lower[e], row.lambda, g[e]);
    }
  }
}

template <class S, int V>
void run_upsample_backward(const View& grad_input, const View& grad_out, int columns, const Bilinear<compute_t<S>>& map) {
  const int64_t packs = grad_input.sizes[1] / V, height = grad_input.sizes[2];
  const int64_t across = div_up(grad_input.sizes[3], columns) * div_up(packs, UpsampleTile::kLanes);
  // Long strips share less, but the device must be full twice over.
  const int64_t full = int64_t{multiprocessors()} * UpsampleTile::kBlocks * 2;
  const int64_t strip = std::clamp<int64_t>(height * across * grad_input.sizes[0] / full, 2, 16);
  const dim3 grid(static_cast<unsigned>(across), static_cast<unsigned>(div_up(height, strip)),
                  static_cast<unsigned>(grad_input.sizes[0]));
  launch("bilinear2d_backward_upsample", upsample_backward_kernel<S, V>, grid, kThreads, upsample_bytes<S, V>(),
         Image<S, V>(grad_input), Image<const S, V>(grad_out), static_cast<int>(packs),
         UpsampleTile{columns, static_cast<int>(strip)}, map);
}

}  // namespace tessera::kernels::cuda
