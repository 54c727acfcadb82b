// Counting labels on CUDA.
//
//   counts       each warp has a histogram in shared memory, as far as they fit, which spares warps from queueing for one counter;
//                a block adds its sum to the output by integer atomics, whose order does not show. Larger histograms: in global
//                memory. A thread looks at every grid-th position, or pair of positions in 16 bytes; the next ones are on their
//                way while it counts.
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

// Positions whose labels a thread has in flight while it counts as many, and blocks that a multiprocessor shall hold.
constexpr int kLabels = 8, kHistogramBlocks = 3;

// bin.load<N>(position) reads the labels of N adjacent positions; bin(labels, i) gives the counter of the i-th, or -1. `packs` are
// groups of N positions.
template <class Bin, int N> __global__ void __launch_bounds__(kThreads, kHistogramBlocks)
    histogram_kernel(unsigned long long* counts, int64_t bins, int copies, int64_t packs, Bin bin) {
  wait_for_kernel_before();
  using Labels = decltype(bin.template load<N>(0));
  constexpr int kLoads = kLabels / N;
  extern __shared__ unsigned counters[];
  unsigned* const mine = counters + threadIdx.x / kWarp % max(copies, 1) * bins;
  const int64_t stride = thread_count();
  const auto load = [&](Labels(&labels)[kLoads], int64_t p) {
#pragma unroll
    for (int u = 0; u < kLoads; ++u)
      if (p + u * stride < packs) labels[u] = bin.template load<N>(p + u * stride);
  };
  Labels next[kLoads];
  load(next, thread_position());
  for (int64_t i = threadIdx.x; i < bins * copies; i += kThreads) counters[i] = 0;
  __syncthreads();
  for (int64_t p = thread_position(); p < packs; p += kLoads * stride) {
    Labels now[kLoads];
#pragma unroll
    for (int u = 0; u < kLoads; ++u) now[u] = next[u];
    load(next, p + kLoads * stride);
#pragma unroll
    for (int u = 0; u < kLoads; ++u) {
      if (p + u * stride >= packs) break;
#pragma unroll
      for (int i = 0; i < N; ++i) {
        const int64_t found = bin(now[u], i);
        if (found < 0) continue;
        if (copies > 0)
          atomicAdd(mine + found, 1u);
        else
          atomicAdd(counts + found, 1ull);
      }
    }
  }
  if (copies == 0) return;
  __syncthreads();
  for (int64_t b = threadIdx.x; b < bins; b += kThreads) {
    unsigned long long sum = 0;
    for (int c = 0; c < copies; ++c) sum += counters[c * bins + b];
    if (sum > 0) atomicAdd(counts + b, sum);
  }
}

// out[b], for all bins; `out` is dense scratch memory or the output itself.
template <class Bin> void histogram(int64_t* out, int64_t bins, int64_t positions, const Bin& bin) {
  fill_bytes(out, 0, static_cast<size_t>(bins) * sizeof(int64_t));
  const int copies = static_cast<int>(std::min<int64_t>(kThreads / kWarp, bins == 0 ? 0 : kSharedCounters / bins));
  const auto run = [&]<int N>() {
    // A block counts at most 2^32 - 1 positions of one bin: there are far fewer for each block of a full grid.
    const int64_t most = int64_t{multiprocessors()} * kHistogramBlocks;
    const dim3 grid(static_cast<unsigned>(std::min(div_up(positions, kThreads * kLabels), most)));
    launch("histogram", histogram_kernel<Bin, N>, grid, kThreads, static_cast<size_t>(bins * copies) * 4,
           reinterpret_cast<unsigned long long*>(out), bins, copies, positions / N, bin);
  };
  if (positions % 2 == 0 && bin.pairs_fit())
    run.template operator()<2>();
  else
    run.template operator()<1>();
}

// N labels at the position of a pack of N; packs of 2 are adjacent in memory.
template <int N> __device__ inline Pack<int64_t, N> load_labels(const int64_t* labels, int64_t pack, int64_t offset) {
  if constexpr (N == 1)
    return {labels[offset]};
  else
    return load_pack<N>(labels + pack * N);
}

struct LabelBin {
  const int64_t* labels;
  OffsetCalculator<1> offsets;
  bool adjacent;
  explicit LabelBin(const View& view)
      : labels(view.as<int64_t>()), offsets(row_major_offsets(view)), adjacent(view.is_contiguous()) {}
  bool pairs_fit() const { return adjacent && is_aligned(labels); }
  template <int N> __device__ Pack<int64_t, N> load(int64_t p) const {
    return load_labels<N>(labels, p, N == 1 ? offsets(p)[0] : 0);
  }
  template <int N> __device__ int64_t operator()(const Pack<int64_t, N>& found, int i) const { return found[i]; }
};

struct ConfusionBin {
  const int64_t *target, *prediction;
  OffsetCalculator<2> offsets;
  bool adjacent;
  int64_t classes;
  ConfusionBin(const View& targets, const View& predictions, int64_t class_count)
      : target(targets.as<int64_t>()),
        prediction(predictions.as<int64_t>()),
        offsets(merged_axes<2>({&targets, &predictions}, OtherDims(targets, -1, /*row_major=*/true)).offsets()),
        adjacent(targets.is_contiguous() && predictions.is_contiguous()),
        classes(class_count) {}
  bool pairs_fit() const { return adjacent && is_aligned(target) && is_aligned(prediction); }

  template <int N> struct Labels { Pack<int64_t, N> rows, columns; };
  template <int N> __device__ Labels<N> load(int64_t p) const {
    std::array<int64_t, 2> at{};
    if constexpr (N == 1) at = offsets(p);
    return {load_labels<N>(target, p, at[0]), load_labels<N>(prediction, p, at[1])};
  }
  template <int N> __device__ int64_t operator()(const Labels<N>& labels, int i) const {
    const auto row = static_cast<uint64_t>(labels.rows[i]), column = static_cast<uint64_t>(labels.columns[i]);
    const auto count = static_cast<uint64_t>(classes);  // a negative label is beyond it too
    return row < count && column < count ? static_cast<int64_t>(row * count + column) : -1;
  }
};

__global__ void __launch_bounds__(kThreads)
    weighted_kernel(double* out, int64_t out_stride, const int64_t* labels, const void* weights, ScalarType weight_dtype,
                    int64_t positions, OffsetCalculator<2> offsets) {
  wait_for_kernel_before();
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
  wait_for_kernel_before();
  for (int64_t bin = thread_position(); bin < bins; bin += thread_count()) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += parts[bin * count + i];
    out[bin * out_stride] = sum;
  }
}

__global__ void __launch_bounds__(kThreads)
    one_hot_kernel(void* out, ScalarType dtype, const int64_t* labels, int64_t numel, int64_t classes, OffsetCalculator<2> offsets) {
  wait_for_kernel_before();
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
  if (weights.data == nullptr) return count_into(out, in.numel(), LabelBin(in));
  const int64_t bins = out.sizes[0];
  const int64_t parts = std::clamp<int64_t>(4096 / std::max<int64_t>(1, bins), 1, std::max<int64_t>(1, in.numel() / 4096));
  const DeviceScratch<double> sums(bins * parts);
  launch("bincount_weighted", weighted_kernel, dim3(static_cast<unsigned>(bins), static_cast<unsigned>(parts)), kThreads, 0,
         sums.data(), parts, in.as<int64_t>(), weights.data, weights.dtype, in.numel(), row_major_offsets(in, weights));
  launch("bincount_sum_parts", sum_parts_kernel, grid_for(bins), kThreads, 0, out.as<double>(), out.strides[0], sums.data(), bins,
         parts);
}

void confusion_matrix(const View& out, const View& target, const View& prediction) {
  count_into(out, target.numel(), ConfusionBin(target, prediction, out.sizes[0]));
}

void one_hot(const View& out, const View& in) {
  View labels = out;  // repeated along the classes
  labels.strides = in.strides;
  labels.strides[out.ndim - 1] = 0;
  launch("one_hot", one_hot_kernel, grid_for(out.numel()), kThreads, 0, out.data, out.dtype, in.as<int64_t>(), out.numel(),
         out.sizes[out.ndim - 1], row_major_offsets(out, labels));
}

}  // namespace tessera::kernels::cuda
