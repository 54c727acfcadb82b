// Sums over all pixels of a dense channels-last tensor: the gradient of a bias. For .cu files.
//
// The tensor is read as one run of 16-byte packs. A block's threads take neighbouring packs, and from one round to the next a
// block moves on by a multiple of the channels: so each place of a thread's pack stays with one channel, whatever their number,
// and the thread adds up its eight (four) places in registers. The block then adds the places of each channel in order; a second
// kernel adds the blocks. Traffic: the input once.
#pragma once

#include <numeric>

#include "kernels/reduce/cuda_reduce.h"

namespace tessera::kernels::cuda {

template <class In>
__global__ void __launch_bounds__(kThreads)
    sum_channels_kernel(const In* in, int64_t packs, int channels, int threads, double* partial) {
  wait_for_kernel_before();
  constexpr int V = kPackSize<In>, kUnroll = 4;
  __shared__ double places[kThreads * V];
  const int64_t step = int64_t{gridDim.x} * threads;
  double sums[V] = {};
  if (threadIdx.x < threads) {
    const auto add = [&](const Pack<In, V>& pack) {
      const Pack<float, V> values = convert_pack<float>(pack);
#pragma unroll
      for (int v = 0; v < V; ++v) sums[v] += static_cast<double>(values[v]);
    };
    int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x;
    for (; at + (kUnroll - 1) * step < packs; at += kUnroll * step) {
      Pack<In, V> read[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) read[u] = load_pack<V>(in + (at + u * step) * V);
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) add(read[u]);
    }
    for (; at < packs; at += step) add(load_pack<V>(in + at * V));
#pragma unroll
    for (int v = 0; v < V; ++v) places[threadIdx.x * V + v] = sums[v];
  }
  __syncthreads();
  for (int c = threadIdx.x; c < channels; c += kThreads) {
    double sum = 0;
    for (int place = c; place < threads * V; place += channels) sum += places[place];
    partial[int64_t{blockIdx.x} * channels + c] = sum;
  }
}

// False, with nothing done, unless all but one dimension of a large tensor are summed and the other one, of adjacent elements,
// lies innermost without gaps. `op` is a sum in float64; store(sum, channel) as in cuda_reduce.h.
template <class In, class Op, class Store>
bool sum_channels(const View& in, const ReduceShape& shape, const Op& op, const Store& store) {
  constexpr int V = kPackSize<In>;
  const int64_t channels = shape.lane.size, elements = channels * shape.count, period = channels / std::gcd<int64_t>(channels, V);
  const bool dense = shape.outputs == channels && shape.lane.in == 1 && shape.run.in == channels && shape.run.size == shape.count;
  if (in.dtype != scalar_type_v<In> || !dense || elements < 1 << 14 || elements % V != 0 || period > kThreads ||
      !is_aligned(in.data))
    return false;
  const int threads = static_cast<int>(kThreads / period * period);
  const int64_t packs = elements / V, blocks = std::min<int64_t>(div_up(packs, 4 * threads), int64_t{multiprocessors()} * 4);
  const DeviceScratch<double> partial(blocks * channels);
  launch("sum_channels", sum_channels_kernel<In>, dim3(static_cast<unsigned>(blocks)), kThreads, 0, in.as<In>(), packs,
         static_cast<int>(channels), threads, partial.data());
  launch("reduce_combine", combine_kernel<Op, Store>, dim3(static_cast<unsigned>(channels)), kThreads, 0, partial.data(), channels,
         static_cast<int>(blocks), op, store);
  return true;
}

}  // namespace tessera::kernels::cuda
