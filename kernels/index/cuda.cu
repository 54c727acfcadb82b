// Reading and adding by index along one dimension, on CUDA.
//
//   gather, index_select      a thread does one element of the output; elements are moved as bytes.
//   index_copy                first the last position that names each target is found, by integer maxima, whose order does not show;
//                             then a thread moves one element of the source if its position is that one.
//   scatter_add, index_add    a line is all elements along `dim` with the other indices fixed. Two ways, of which the cheaper is
//                             taken; both add in rising order of the position, in float64 (integers in int64), without atomics:
//     by lines    a thread does one line: it adds the sources one by one to sums in scratch memory. Fast for many lines.
//     by targets  a thread does one element of the output and looks through all indices of its line. Fast for short lines.
#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/index/index.h"

namespace tessera::kernels::cuda {
namespace {

template <class T> using sum_t = std::conditional_t<is_floating_v<T>, double, int64_t>;

// Runs body with an unsigned type of the element's size.
template <class F> void dispatch_bytes(ScalarType type, F&& body) {
  switch (element_size(type)) {
    case 8: return body.template operator()<uint64_t>();
    case 4: return body.template operator()<uint32_t>();
    case 2: return body.template operator()<uint16_t>();
    default: return body.template operator()<uint8_t>();
  }
}

// `offsets`: of out, index and in, the last with stride 0 along the indexed dimension, where `stride` is in's.
template <class Unit>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(Unit* out, const int64_t* index, const Unit* in, int64_t numel, OffsetCalculator<3> offsets, int64_t stride) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < numel; p += thread_count()) {
    const auto at = offsets(p);
    out[at[0]] = in[at[2] + index[at[1]] * stride];
  }
}

__global__ void __launch_bounds__(kThreads)
    last_position_kernel(long long* last, const int64_t* index, int64_t count, int64_t stride) {
  wait_for_kernel_before();
  for (int64_t k = thread_position(); k < count; k += thread_count())
    atomicMax(last + index[k * stride], static_cast<long long>(k));
}

// `offsets`: of src, of out with stride 0 along the indexed dimension, and the position along it.
template <class Unit>
__global__ void __launch_bounds__(kThreads)
    index_copy_kernel(Unit* out, const int64_t* index, const Unit* src, const long long* last, int64_t numel,
                      OffsetCalculator<3> offsets, int64_t out_stride, int64_t index_stride) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < numel; p += thread_count()) {
    const auto at = offsets(p);
    const int64_t target = index[at[2] * index_stride];
    if (last[target] == at[2]) out[at[1] + target * out_stride] = src[at[0]];
  }
}

// The same index for every line: stride 0 in the other dimensions.
View broadcast_index(const View& shape, const View& index, int dim) {
  View result = shape;
  result.data = index.data;
  result.dtype = index.dtype;
  result.strides.fill(0);
  result.strides[dim] = index.strides[0];
  return result;
}

template <class T, class Sum>
__global__ void __launch_bounds__(kThreads)
    add_by_lines_kernel(T* out, const int64_t* index, const T* src, Sum* sums, int64_t lines, OffsetCalculator<3> offsets,
                        int64_t out_size, int64_t count, int64_t out_stride, int64_t index_stride, int64_t src_stride) {
  wait_for_kernel_before();
  for (int64_t line = thread_position(); line < lines; line += thread_count()) {
    const auto at = offsets(line);
    Sum* sum = sums + line;  // the lines of a warp lie side by side
    for (int64_t i = 0; i < out_size; ++i) sum[i * lines] = static_cast<Sum>(out[at[0] + i * out_stride]);
    for (int64_t i = 0; i < count; ++i)
      sum[index[at[1] + i * index_stride] * lines] += static_cast<Sum>(src[at[2] + i * src_stride]);
    for (int64_t i = 0; i < out_size; ++i) out[at[0] + i * out_stride] = convert_to<T>(sum[i * lines]);
  }
}

template <class T, class Sum>
__global__ void __launch_bounds__(kThreads)
    add_by_targets_kernel(T* out, const int64_t* index, const T* src, int64_t lines, OffsetCalculator<3> offsets, int64_t out_size,
                          int64_t count, int64_t out_stride, int64_t index_stride, int64_t src_stride) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < lines * out_size; p += thread_count()) {
    const int64_t target = p % out_size;
    const auto at = offsets(p / out_size);
    T& element = out[at[0] + target * out_stride];
    Sum sum = static_cast<Sum>(element);
    for (int64_t i = 0; i < count; ++i)
      if (index[at[1] + i * index_stride] == target) sum += static_cast<Sum>(src[at[2] + i * src_stride]);
    element = convert_to<T>(sum);
  }
}

}  // namespace

void gather(const View& out, const View& in, const View& index, int dim) {
  View without_dim = in;
  without_dim.strides[dim] = 0;
  dispatch_bytes(in.dtype, [&]<class Unit>() {
    launch("gather", gather_kernel<Unit>, grid_for(out.numel()), kThreads, 0, out.as<Unit>(), index.as<int64_t>(), in.as<Unit>(),
           out.numel(), row_major_offsets(out, index, without_dim), in.strides[dim]);
  });
}

void index_select(const View& out, const View& in, const View& index, int dim) {
  gather(out, in, broadcast_index(out, index, dim), dim);
}

void index_copy(const View& out, const View& index, const View& src, int dim) {
  View lines = out, position = src;
  lines.strides[dim] = 0;
  position.strides.fill(0);
  position.strides[dim] = 1;
  const int64_t count = index.sizes[0];
  const DeviceScratch<long long> last(out.sizes[dim]);
  fill_bytes(last.data(), 0xFF, static_cast<size_t>(out.sizes[dim]) * sizeof(long long));  // -1: none
  launch("last_position", last_position_kernel, grid_for(count), kThreads, 0, last.data(), index.as<int64_t>(), count,
         index.strides[0]);
  dispatch_bytes(out.dtype, [&]<class Unit>() {
    launch("index_copy", index_copy_kernel<Unit>, grid_for(src.numel()), kThreads, 0, out.as<Unit>(), index.as<int64_t>(),
           src.as<Unit>(), last.data(), src.numel(), row_major_offsets(src, lines, position), out.strides[dim], index.strides[0]);
  });
}

void scatter_add_acc(const View& out, const View& index, const View& src, int dim) {
  if (index.numel() == 0) return;
  View lines_of_out = out;  // one position a line
  lines_of_out.sizes = index.sizes;
  lines_of_out.sizes[dim] = 1;
  const int64_t lines = lines_of_out.numel(), size = out.sizes[dim], count = index.sizes[dim];
  const auto offsets = row_major_offsets(lines_of_out, index, src);
  // Steps one after the other of a full device (2^18 threads): lines in rounds of threads, or targets likewise.
  const int64_t threads = int64_t{1} << 18;
  const int64_t by_lines = div_up(lines, threads) * (count + 2 * size) * 8, by_targets = div_up(lines * size, threads) * count;
  dispatch_all(out.dtype, [&]<class T>() {
    using Sum = sum_t<T>;
    if (by_targets <= by_lines) {
      launch("add_by_targets", add_by_targets_kernel<T, Sum>, grid_for(lines * size), kThreads, 0, out.as<T>(),
             index.as<int64_t>(), src.as<T>(), lines, offsets, size, count, out.strides[dim], index.strides[dim],
             src.strides[dim]);
    } else {
      const DeviceScratch<Sum> sums(lines * size);
      launch("add_by_lines", add_by_lines_kernel<T, Sum>, grid_for(lines), kThreads, 0, out.as<T>(), index.as<int64_t>(),
             src.as<T>(), sums.data(), lines, offsets, size, count, out.strides[dim], index.strides[dim], src.strides[dim]);
    }
  });
}

void index_add_acc(const View& out, const View& index, const View& src, int dim) {
  scatter_add_acc(out, broadcast_index(src, index, dim), src, dim);
}

}  // namespace tessera::kernels::cuda
