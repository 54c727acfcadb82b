// Running sums on CUDA. Sums run in float64, of integers in int64.
//
//   many lines, or lines that are not adjacent in memory   a thread does one line from end to end: the lines of a warp lie side by
//                                                          side, so its accesses are adjacent
//   few long lines                                         a block does one line in pieces of 1024: a thread sums 4 adjacent
//                                                          elements, the threads' sums are scanned in shared memory, and the
//                                                          piece's total is carried on
// Memory traffic: each side once.
#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/reduce/reduce.h"

namespace tessera::kernels::cuda {
namespace {

struct Line {
  int64_t size, in_stride, out_stride;
  bool reverse;
  __device__ int64_t at(int64_t k) const { return reverse ? size - 1 - k : k; }
};

template <class T, class Sum>
__global__ void __launch_bounds__(kThreads)
    cumsum_lines_kernel(void* out, ScalarType out_dtype, const T* in, int64_t lines, OffsetCalculator<2> offsets, Line line) {
  wait_for_kernel_before();
  for (int64_t l = thread_position(); l < lines; l += thread_count()) {
    const auto start = offsets(l);
    Sum sum = 0;
    for (int64_t k = 0; k < line.size; ++k) {
      const int64_t i = line.at(k);
      sum += convert_to<Sum>(in[start[1] + i * line.in_stride]);
      store_as(out, out_dtype, start[0] + i * line.out_stride, sum);
    }
  }
}

template <class T, class Sum>
__global__ void __launch_bounds__(kThreads)
    cumsum_block_kernel(void* out, ScalarType out_dtype, const T* in, OffsetCalculator<2> offsets, Line line) {
  wait_for_kernel_before();
  constexpr int kEach = 4;
  __shared__ Sum sums[kThreads];
  const auto start = offsets(blockIdx.x);
  const int t = threadIdx.x;
  Sum carry = 0;
  for (int64_t piece = 0; piece < line.size; piece += kThreads * kEach) {
    Sum mine[kEach];
    Sum sum = 0;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      const int64_t k = piece + t * kEach + e;
      if (k < line.size) sum += convert_to<Sum>(in[start[1] + line.at(k) * line.in_stride]);
      mine[e] = sum;
    }
    sums[t] = sum;
    __syncthreads();
    for (int distance = 1; distance < kThreads; distance *= 2) {  // Hillis and Steele
      const Sum before = t >= distance ? sums[t - distance] : Sum(0);
      __syncthreads();
      sums[t] += before;
      __syncthreads();
    }
    const Sum base = carry + (t > 0 ? sums[t - 1] : Sum(0));
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      const int64_t k = piece + t * kEach + e;
      if (k < line.size) store_as(out, out_dtype, start[0] + line.at(k) * line.out_stride, base + mine[e]);
    }
    carry += sums[kThreads - 1];
    __syncthreads();
  }
}

}  // namespace

void cumsum(const View& out, const View& in, int dim, bool reverse) {
  View lines_of_out = out;  // one position a line
  lines_of_out.sizes[dim] = 1;
  const int64_t lines = in.sizes[dim] == 0 ? 0 : lines_of_out.numel();
  const auto offsets = row_major_offsets(lines_of_out, in);
  const Line line{in.sizes[dim], in.strides[dim], out.strides[dim], reverse};
  const bool by_blocks = line.size >= 64 && (lines < 1024 || line.in_stride == 1);
  dispatch_all(in.dtype, [&]<class T>() {
    using Sum = std::conditional_t<is_floating_v<T>, double, int64_t>;
    if (by_blocks)
      launch("cumsum_block", cumsum_block_kernel<T, Sum>, dim3(static_cast<unsigned>(lines)), kThreads, 0, out.data, out.dtype,
             in.as<T>(), offsets, line);
    else
      launch("cumsum_lines", cumsum_lines_kernel<T, Sum>, grid_for(lines), kThreads, 0, out.data, out.dtype, in.as<T>(), lines,
             offsets, line);
  });
}

}  // namespace tessera::kernels::cuda
