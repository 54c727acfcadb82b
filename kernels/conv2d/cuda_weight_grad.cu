#include "kernels/conv2d/cuda_weight_grad.h"

#include <numeric>

#include "kernels/conv2d/cuda_channels_last.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {
namespace {

// A warp's lanes have neighbouring columns of the parts; `sharers` warps of a block share the parts of 32 columns, and the first
// one adds their sums in order. Traffic: each part once, and the weights.
template <class T, int sharers>
__global__ void __launch_bounds__(kThreads) add_parts_kernel(const View grad_weight, const float* parts, int count,
                                                            const WeightGradProblem p) {
  wait_for_kernel_before();
  __shared__ float sums[kThreads / kWarp][kWarp];
  constexpr int kColumns = kThreads / sharers;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, share = warp % sharers;
  const int64_t matrix = int64_t{p.m} * p.n, all = matrix * p.groups;
  const int64_t i = int64_t{blockIdx.x} * kColumns + warp / sharers * kWarp + lane;
  float sum = 0;
  if (i < all) {
#pragma unroll 8
    for (int part = share; part < count; part += sharers) sum += parts[part * all + i];
  }
  if constexpr (sharers > 1) {
    sums[warp][lane] = sum;
    __syncthreads();
    if (share != 0) return;
    for (int other = 1; other < sharers; ++other) sum += sums[warp + other][lane];
  }
  if (i >= all) return;
  const uint32_t group = static_cast<uint32_t>(i / matrix), inside = static_cast<uint32_t>(i - group * matrix);
  const uint32_t m = inside / p.n, column = inside - m * p.n;
  const auto [tap, channel] = p.channels(column);
  const auto [ky, kx] = p.kernel_columns(tap);
  grad_weight.as<T>()[(int64_t{group} * p.m + m) * grad_weight.strides[0] + channel * grad_weight.strides[1] +
                      ky * grad_weight.strides[2] + kx * grad_weight.strides[3]] = convert_to<T>(sum);
}

bool is_small(int64_t value) { return value < (int64_t{1} << 30); }

}  // namespace

std::optional<WeightGradProblem> weight_grad_problem(const View& grad_weight, const View& input, const View& grad_out,
                                                     const Conv2dParams& params) {
  const int64_t pixels = grad_out.sizes[0] * grad_out.sizes[2] * grad_out.sizes[3];
  const int64_t m = grad_out.sizes[1] / params.groups, group_in = grad_weight.sizes[1];
  const int64_t n = group_in * grad_weight.sizes[2] * grad_weight.sizes[3], step = input.strides[3];
  const int64_t reach = (params.padding[0] + grad_weight.sizes[2] * params.dilation[0]) * input.strides[2] +
                        (params.padding[1] + grad_weight.sizes[3] * params.dilation[1]) * step;
  if (!has_adjacent_channels(input) || !has_adjacent_channels(grad_out) || !is_small(pixels) || !is_small(m * n) ||
      !is_small(input.strides[2] * input.sizes[2] + reach) || !is_small(grad_out.strides[2] * grad_out.sizes[2]))
    return std::nullopt;

  WeightGradProblem p;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  p.input = input.data, p.grad_out = grad_out.data;
  p.input_picture = input.strides[0], p.grad_picture = grad_out.strides[0];
  p.input_row = narrow(input.strides[2]), p.input_pixel = narrow(step);
  p.grad_row = narrow(grad_out.strides[2]), p.grad_pixel = narrow(grad_out.strides[3]);
  p.height = narrow(input.sizes[2]), p.row_elements = narrow(input.sizes[3] * step);
  p.stride_y = narrow(params.stride[0]), p.padding_y = narrow(params.padding[0]), p.dilation_y = narrow(params.dilation[0]);
  p.stride_x = narrow(params.stride[1] * step), p.padding_x = narrow(params.padding[1] * step);
  p.dilation_x = narrow(params.dilation[1] * step);
  p.pixels = narrow(pixels), p.m = narrow(m), p.n = narrow(n), p.groups = narrow(params.groups), p.group_in = narrow(group_in);
  p.picture_pixels = FastDivisor(grad_out.sizes[2] * grad_out.sizes[3]), p.row_pixels = FastDivisor(grad_out.sizes[3]);
  p.channels = FastDivisor(group_in), p.kernel_columns = FastDivisor(grad_weight.sizes[3]);

  // The largest power of two that divides all distances between accesses.
  const int64_t size = static_cast<int64_t>(element_size(input.dtype));
  const auto vector_of = [&](const void* data, std::initializer_list<int64_t> distances) {
    int64_t common = std::gcd<int64_t>(16, static_cast<int64_t>(reinterpret_cast<uintptr_t>(data) % 16)) / size;
    for (int64_t distance : distances) common = std::gcd(common, distance);
    return narrow(std::max<int64_t>(common, 1));
  };
  const bool runs = params.groups == 1 && params.dilation[1] == 1 && step == input.sizes[1];  // (kx, ic) are adjacent
  p.input_vector = runs ? vector_of(input.data, {p.stride_x, p.row_elements, p.input_row, p.input_picture})
                        : vector_of(input.data, {group_in, p.input_pixel, p.input_row, p.input_picture});
  p.run = narrow(group_in * grad_weight.sizes[3]);
  p.lead = runs ? (p.input_vector - p.padding_x % p.input_vector) % p.input_vector : 0;
  const int64_t padded_run = div_up(p.run + p.lead, p.input_vector) * p.input_vector;
  p.padded_run = FastDivisor(padded_run), p.columns = narrow(padded_run * grad_weight.sizes[2]);
  p.grad_vector = vector_of(grad_out.data, {m, p.grad_pixel, p.grad_row, p.grad_picture});
  return p;
}

void add_weight_grad_parts(const View& grad_weight, const float* parts, int count, const WeightGradProblem& problem) {
  dispatch_floating(grad_weight.dtype, [&]<class T>() {
    const int sharers = count >= 16 ? 8 : 1;
    const dim3 grid(static_cast<unsigned>(div_up(grad_weight.numel(), kThreads / sharers)));
    const auto kernel = sharers == 8 ? add_parts_kernel<T, 8> : add_parts_kernel<T, 1>;
    launch("add_weight_grad_parts", kernel, grid, kThreads, 0, grad_weight, parts, count, problem);
  });
}

}  // namespace tessera::kernels::cuda
