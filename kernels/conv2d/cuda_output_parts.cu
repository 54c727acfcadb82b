// Adds the parts of a convolution's output. A thread adds four neighbouring elements of a row, or one where rows do not begin at
// multiples of 16 bytes. Traffic: each part once, the output once.
#include "kernels/conv2d/cuda_output_parts.h"
#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {
namespace {

struct AddPlan {
  int count;
  int64_t elements;  // of the output
  FastDivisor row_elements, height;
  int channels;
  int64_t stride_n, stride_y, bias_stride;  // of the output and the bias
};

template <class T, int V> __global__ void __launch_bounds__(kThreads)
    add_output_parts_kernel(T* out, const float* parts, const T* bias, AddPlan plan) {
  wait_for_kernel_before();
  for (int64_t i = thread_position() * V; i < plan.elements; i += thread_count() * V) {
    Pack<float, V> sum = load_pack<V>(parts + i);
#pragma unroll 4
    for (int part = 1; part < plan.count; ++part) {
      const auto more = load_pack<V>(parts + part * plan.elements + i);
#pragma unroll
      for (int v = 0; v < V; ++v) sum[v] += more[v];
    }
    const QuotientRemainder row = plan.row_elements(static_cast<uint32_t>(i)), picture = plan.height(row.quotient);
    if (bias != nullptr)
#pragma unroll
      for (int v = 0; v < V; ++v)
        sum[v] += convert_to<float>(bias[(static_cast<int>(row.remainder) + v) % plan.channels * plan.bias_stride]);
    store_pack(out + picture.quotient * plan.stride_n + picture.remainder * plan.stride_y + row.remainder, convert_pack<T>(sum));
  }
}

// What the parts' outputs are like: float32, and `count` times as many pictures.
View like_parts(View out, int count) {
  out.dtype = kFloat32, out.sizes[0] *= count;
  return out;
}

}  // namespace

OutputParts::OutputParts(const View& out, int count) : count_(count), scratch_(like_parts(out, count)) {}

void OutputParts::add(const View& out, const View* bias) const {
  const int64_t elements = out.numel(), row = out.sizes[3] * out.sizes[1];
  const int64_t stride_y = out.sizes[2] == 1 ? row : out.strides[2], stride_n = out.sizes[0] == 1 ? 0 : out.strides[0];
  const AddPlan plan{count_,   elements, FastDivisor(row),           FastDivisor(out.sizes[2]), static_cast<int>(out.sizes[1]),
                     stride_n, stride_y, bias ? bias->strides[0] : 0};
  const auto run = [&]<class T>() {
    const T* const bias_data = bias ? bias->as<T>() : nullptr;
    const bool packs = is_aligned(out.data) && (row | stride_y | stride_n) % 4 == 0;
    const auto kernel = packs ? add_output_parts_kernel<T, 4> : add_output_parts_kernel<T, 1>;
    launch("conv2d_add_parts", kernel, grid_for(packs ? elements / 4 : elements), kThreads, 0, out.as<T>(), view().as<float>(),
           bias_data, plan);
  };
  if (out.dtype == kFloat32)
    run.operator()<float>();
  else
    run.operator()<BFloat16>();
}

}  // namespace tessera::kernels::cuda
