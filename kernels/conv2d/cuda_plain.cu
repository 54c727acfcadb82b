// Convolution on CUDA devices as its formula says it, for every dtype and any strides.
//
// Forward and input gradient: a thread computes one output element by itself, neighbouring threads have neighbouring elements of
// the output's memory (columns, or channels in channels-last). Weight gradient: a block computes one weight, its threads share
// the pixels and meet in a reduction of fixed order. Nothing is kept in shared memory: caches do what they can, so this is
// arithmetic at a few percent of the device's peak, for float64, odd layouts, and to hold the fast kernels against.
#include "kernels/conv2d/cuda_paths.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"

namespace tessera::kernels::cuda::plain {
namespace {

template <class T> __device__ T& at(const View& v, int64_t i, int64_t j, int64_t k, int64_t l) {
  return v.as<T>()[i * v.strides[0] + j * v.strides[1] + k * v.strides[2] + l * v.strides[3]];
}
template <class T> __device__ compute_t<T> load(const View& v, int64_t i, int64_t j, int64_t k, int64_t l) {
  return convert_to<compute_t<T>>(at<T>(v, i, j, k, l));
}
template <class T> __device__ compute_t<T> bias_at(const View& bias, int64_t channel) {
  return bias.data == nullptr ? compute_t<T>(0) : convert_to<compute_t<T>>(bias.as<T>()[channel * bias.strides[0]]);
}

struct Position {
  int64_t n, c, y, x;
};
// Of the p-th element of [N, C, H, W], counted with columns fastest, or with channels fastest if they are adjacent in memory.
__device__ Position position_in(const View& v, int64_t p) {
  Position at;
  const bool channels_last = v.strides[1] == 1;
  if (channels_last) at.c = p % v.sizes[1], p /= v.sizes[1];
  at.x = p % v.sizes[3], p /= v.sizes[3];
  at.y = p % v.sizes[2], p /= v.sizes[2];
  if (!channels_last) at.c = p % v.sizes[1], p /= v.sizes[1];
  at.n = p;
  return at;
}

// Whether a tap of the kernel at output position `o` reads inside an input of `size`, and where.
__device__ bool input_position(int64_t o, int64_t k, int d, int64_t size, const Conv2dParams& params, int64_t& position) {
  position = o * params.stride[d] - params.padding[d] + k * params.dilation[d];
  return position >= 0 && position < size;
}
// Whether some output position reads input position `i` through tap `k`, and which.
__device__ bool output_position(int64_t i, int64_t k, int d, int64_t size, const Conv2dParams& params, int64_t& position) {
  const int64_t scaled = i + params.padding[d] - k * params.dilation[d];
  position = scaled / params.stride[d];
  return scaled >= 0 && position * params.stride[d] == scaled && position < size;
}

template <class T>
__global__ void forward_kernel(const View out, const View input, const View weight, const View bias, const Conv2dParams params) {
  wait_for_kernel_before();
  const int64_t group_in = weight.sizes[1], group_out = out.sizes[1] / params.groups, count = out.numel();
  for (int64_t p = thread_position(); p < count; p += thread_count()) {
    const Position o = position_in(out, p);
    const int64_t first_channel = o.c / group_out * group_in;
    compute_t<T> sum = bias_at<T>(bias, o.c);
    for (int64_t ky = 0; ky < weight.sizes[2]; ++ky)
      for (int64_t kx = 0; kx < weight.sizes[3]; ++kx) {
        int64_t y, x;
        if (!input_position(o.y, ky, 0, input.sizes[2], params, y) || !input_position(o.x, kx, 1, input.sizes[3], params, x))
          continue;
        for (int64_t ic = 0; ic < group_in; ++ic)
          sum += load<T>(input, o.n, first_channel + ic, y, x) * load<T>(weight, o.c, ic, ky, kx);
      }
    at<T>(out, o.n, o.c, o.y, o.x) = convert_to<T>(sum);
  }
}

template <class T>
__global__ void input_grad_kernel(const View grad_input, const View grad_out, const View weight, const View bias,
                                  const Conv2dParams params) {
  wait_for_kernel_before();
  const int64_t group_in = weight.sizes[1], group_out = grad_out.sizes[1] / params.groups, count = grad_input.numel();
  for (int64_t p = thread_position(); p < count; p += thread_count()) {
    const Position i = position_in(grad_input, p);
    const int64_t group = i.c / group_in, first_channel = group * group_out;
    compute_t<T> sum = bias_at<T>(bias, i.c);
    for (int64_t ky = 0; ky < weight.sizes[2]; ++ky)
      for (int64_t kx = 0; kx < weight.sizes[3]; ++kx) {
        int64_t y, x;
        if (!output_position(i.y, ky, 0, grad_out.sizes[2], params, y) ||
            !output_position(i.x, kx, 1, grad_out.sizes[3], params, x))
          continue;
        for (int64_t oc = first_channel; oc < first_channel + group_out; ++oc)
          sum += load<T>(grad_out, i.n, oc, y, x) * load<T>(weight, oc, i.c - group * group_in, ky, kx);
      }
    at<T>(grad_input, i.n, i.c, i.y, i.x) = convert_to<T>(sum);
  }
}

template <class To, class T>
__global__ void weight_grad_kernel(const View grad_weight, const View input, const View grad_out, const Conv2dParams params) {
  wait_for_kernel_before();
  __shared__ compute_t<T> partial[kWarp];
  const int64_t group_in = grad_weight.sizes[1], group_out = grad_out.sizes[1] / params.groups, count = grad_weight.numel();
  const int64_t columns = grad_out.sizes[3], rows = grad_out.sizes[2], pixels = grad_out.sizes[0] * rows * columns;
  for (int64_t p = blockIdx.x; p < count; p += gridDim.x) {
    const Position w = position_in(grad_weight, p);  // n: output channel, c: input channel of the group, y, x: the tap
    const int64_t channel = w.n / group_out * group_in + w.c;
    compute_t<T> sum = 0;
    for (int64_t pixel = threadIdx.x; pixel < pixels; pixel += blockDim.x) {
      const int64_t ox = pixel % columns, oy = pixel / columns % rows, n = pixel / columns / rows;
      int64_t y, x;
      if (!input_position(oy, w.y, 0, input.sizes[2], params, y) || !input_position(ox, w.x, 1, input.sizes[3], params, x))
        continue;
      sum += load<T>(grad_out, n, w.n, oy, ox) * load<T>(input, n, channel, y, x);
    }
    sum = block_reduce(sum, partial);
    if (threadIdx.x == 0) at<To>(grad_weight, w.n, w.c, w.y, w.x) = convert_to<To>(sum);
  }
}

}  // namespace

void conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  dispatch_floating(out.dtype, [&]<class T>() {
    launch("conv2d_forward_plain", forward_kernel<T>, grid_for(out.numel()), kThreads, 0, out, input, weight,
           bias ? *bias : View{}, params);
  });
}

void conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  dispatch_floating(grad_input.dtype, [&]<class T>() {
    launch("conv2d_input_grad_plain", input_grad_kernel<T>, grid_for(grad_input.numel()), kThreads, 0, grad_input, grad_out,
           weight, bias ? *bias : View{}, params);
  });
}

void conv2d_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  const dim3 grid(static_cast<unsigned>(std::min<int64_t>(grad_weight.numel(), int64_t{1} << 20)));
  dispatch_floating(input.dtype, [&]<class T>() {
    const auto kernel = grad_weight.dtype == input.dtype ? weight_grad_kernel<T, T> : weight_grad_kernel<compute_t<T>, T>;
    launch("conv2d_weight_grad_plain", kernel, grid, kThreads, 0, grad_weight, input, grad_out, params);
  });
}

}  // namespace tessera::kernels::cuda::plain
