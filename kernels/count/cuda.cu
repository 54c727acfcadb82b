// Counting labels on CUDA.
//
//   counts       each warp has a histogram in shared memory, as far as they fit, which spares warps from queueing for one counter;
//                a block adds its sum to the output by integer atomics, whose order does not show. Larger histograms: in global
//                memory. A thread looks at every grid-th position, four at a time.
//   weighted     a block does a part of the labels for one bin: it adds the bin's weights in float64, in a fixed order; a thread adds
//                up the parts of a bin.
//   one_hot      a thread does one element.
// Memory traffic: the labels once (weighted: once a bin, mostly from the cache).
#include "kernels/count/count.h"
#include "kernels/cuda/axes.h"
#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int64_t kSharedCounters = 12 * 1024 - 64;  // of 4 bytes, below the 48 KiB that need no asking

// bin(position) gives the counter of a position, or -1.
template <class Bin>
__global__ void __launch_bounds__(kThreads)
    histogram_kernel(unsigned long long* counts, int64_t bins, int copies, int64_t positions, Bin bin) {
  extern __shared__ unsigned counters[];
  unsigned* mine = counters + threadIdx.x / kWarp % max(copies, 1) * bins;
  for (int64_t i = threadIdx.x; i < bins * copies; i += blockDim.x) counters[i] = 0;
  __syncthreads();
  constexpr int kLoads = 4;  // labels in flight
  const int64_t stride = thread_count();
  for (int64_t p = thread_position(); p < positions; p += kLoads * stride) {
    int64_t found[kLoads];
#pragma unroll
    for (int u = 0; u < kLoads; ++u) found[u] = p + u * stride < positions ? bin(p + u * stride) : -1;
#pragma unroll
    for (int u = 0; u < kLoads; ++u) {
      if (found[u] < 0) continue;
      if (copies > 0)
        atomicAdd(mine + found[u], 1u);
      else
        atomicAdd(counts + found[u], 1ull);
    }
  }
  if (copies == 0) return;
  __syncthreads();
  for (int64_t b = threadIdx.x; b < bins; b += blockDim.x) {
    unsigned long long sum = 0;
    for (int c = 0; c < copies; ++c) sum += counters[c * bins + b];
    if (sum > 0) atomicAdd(counts + b, sum);
  }
}

// out[b], for all bins; `out` is dense scratch memory or the output itself.
template <class Bin> void histogram(int64_t* out, int64_t bins, int64_t positions, const Bin& bin) {
  fill_bytes(out, 0, static_cast<size_t>(bins) * sizeof(int64_t));
  const int copies = static_cast<int>(std::min<int64_t>(kThreads / kWarp, bins == 0 ? 0 : kSharedCounters / bins));
  // A block counts at most 2^32 - 1 positions of one bin: there are far fewer for each block of a full grid.
  const dim3 grid(static_cast<unsigned>(std::min<int64_t>(div_up(positions, kThreads * 4), int64_t{multiprocessors()} * 8)));
  launch("histogram", histogram_kernel<Bin>, grid, kThreads, static_cast<size_t>(bins * copies) * 4,
         reinterpret_cast<unsigned long long*>(out), bins, copies, positions, bin);
}

struct LabelBin {
  const int64_t* labels;
  OffsetCalculator<1> offsets;
  __device__ int64_t operator()(int64_t p) const { return labels[offsets(p)[0]]; }
};

struct ConfusionBin {
  const int64_t *target, *prediction;
  OffsetCalculator<2> offsets;
  int64_t classes;
  __device__ int64_t operator()(int64_t p) const {
    const auto at = offsets(p);
    const int64_t row = target[at[0]], column = prediction[at[1]];
    const bool valid = row >= 0 && row < classes && column >= 0 && column < classes;
    return valid ? row * classes + column : -1;
  }
};

__global__ void __launch_bounds__(kThreads)
    weighted_kernel(double* out, int64_t out_stride, const int64_t* labels, const void* weights, ScalarType weight_dtype,
                    int64_t positions, OffsetCalculator<2> offsets) {
  __shared__ double shared[kWarp];
  const int64_t bin = blockIdx.x, end = positions * (blockIdx.y + 1) / gridDim.y;
  double sum = 0;
  for (int64_t p = positions * blockIdx.y / gridDim.y + threadIdx.x; p < end; p += blockDim.x) {
    const auto at = offsets(p);
    if (labels[at[0]] == bin) sum += load_as<double>(weights, weight_dtype, at[1]);
  }
  sum = block_reduce(sum, shared);
  if (threadIdx.x == 0) out[bin * out_stride + blockIdx.y] = sum;
}

// out[bin] = the sum of the bin's parts, one after the other.
__global__ void __launch_bounds__(kThreads)
    sum_parts_kernel(double* out, int64_t out_stride, const double* parts, int64_t bins, int64_t count) {
  for (int64_t bin = thread_position(); bin < bins; bin += thread_count()) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += parts[bin * count + i];
    out[bin * out_stride] = sum;
  }
}

__global__ void __launch_bounds__(kThreads)
    one_hot_kernel(void* out, ScalarType dtype, const int64_t* labels, int64_t numel, int64_t classes, OffsetCalculator<2> offsets) {
  for (int64_t p = thread_position(); p < numel; p += thread_count()) {
    const auto at = offsets(p);
    store_as(out, dtype, at[0], int64_t{labels[at[1]] == p % classes});
  }
}

// Dense memory for the counts of a one- or two-dimensional output, copied to it if it has gaps.
template <class Bin> void count_into(const View& out, int64_t positions, const Bin& bin) {
  if (out.is_contiguous()) return histogram(out.as<int64_t>(), out.numel(), positions, bin);
  const DeviceScratch<int64_t> dense(out.numel());
  histogram(dense.data(), out.numel(), positions, bin);
  View from = out;
  from.data = dense.data();
  for (int64_t d = out.ndim - 1, stride = 1; d >= 0; stride *= out.sizes[d--]) from.strides[d] = stride;
  copy(out, from);
}

}  // namespace

void bincount(const View& out, const View& in, const View& weights) {
  if (weights.data == nullptr) return count_into(out, in.numel(), LabelBin{in.as<int64_t>(), row_major_offsets(in)});
  const int64_t bins = out.sizes[0];
  const int64_t parts = std::clamp<int64_t>(4096 / std::max<int64_t>(1, bins), 1, std::max<int64_t>(1, in.numel() / 4096));
  const DeviceScratch<double> sums(bins * parts);
  launch("bincount_weighted", weighted_kernel, dim3(static_cast<unsigned>(bins), static_cast<unsigned>(parts)), kThreads, 0,
         sums.data(), parts, in.as<int64_t>(), weights.data, weights.dtype, in.numel(), row_major_offsets(in, weights));
  launch("bincount_sum_parts", sum_parts_kernel, grid_for(bins), kThreads, 0, out.as<double>(), out.strides[0], sums.data(), bins,
         parts);
}

void confusion_matrix(const View& out, const View& target, const View& prediction) {
  const auto pixels = merged_axes<2>({&target, &prediction}, OtherDims(target, -1, /*row_major=*/true));
  count_into(out, target.numel(), ConfusionBin{target.as<int64_t>(), prediction.as<int64_t>(), pixels.offsets(), out.sizes[0]});
}

void one_hot(const View& out, const View& in) {
  View labels = out;  // repeated along the classes
  labels.strides = in.strides;
  labels.strides[out.ndim - 1] = 0;
  launch("one_hot", one_hot_kernel, grid_for(out.numel()), kThreads, 0, out.data, out.dtype, in.as<int64_t>(), out.numel(),
         out.sizes[out.ndim - 1], row_major_offsets(out, labels));
}

}  // namespace tessera::kernels::cuda
