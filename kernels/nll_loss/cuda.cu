// Negative log-likelihood on CUDA.
//
//   forward   a thread takes one pixel at a time and reads its one log-probability
//   backward  writes the whole gradient, mostly zeros. NCHW: a thread has a pack of adjacent pixels and writes it for each class.
//             Channels-last without gaps: a block clears a piece of memory, then sets the classes at the targets. Otherwise: a
//             thread has a pixel and goes through its classes.
// Memory traffic: forward the targets, the sectors of 32 bytes that the target classes lie in, the losses; backward the targets, the
// gradient of the losses, and one write of the gradient.
#include "kernels/nll_loss/cuda_tally.h"
#include "kernels/nll_loss/nll_loss.h"
#include "kernels/softmax/pixel_blocks.h"

namespace tessera::kernels::cuda {
namespace {

template <class S> __global__ void __launch_bounds__(kThreads)
    forward_kernel(const S* in, int64_t class_step, int64_t pixels, OffsetCalculator<2> places, Targets<compute_t<S>> targets,
                   compute_t<S>* loss, Tally* tallies) {
  wait_for_kernel_before();
  using T = compute_t<S>;
  constexpr int kUnroll = 4;
  Tally tally{0, kNoPixel};
  const int64_t stride = thread_count();
  for (int64_t pixel = thread_position(); pixel < pixels; pixel += kUnroll * stride) {
    int64_t t[kUnroll];
    S x[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) t[u] = pixel + u * stride < pixels ? targets[pixel + u * stride] : targets.ignore_index;
    std::array<int64_t, 2> at[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      if (pixel + u * stride >= pixels) break;
      at[u] = places(pixel + u * stride);
      x[u] = targets.counts(t[u]) ? in[at[u][0] + t[u] * class_step] : S{};
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      if (pixel + u * stride >= pixels) break;
      loss[at[u][1]] = targets.counts(t[u]) ? -targets.weight_of(t[u]) * convert_to<T>(x[u]) : T(0);
      targets.tally(tally, t[u], pixel + u * stride);
    }
  }
  tally = block_tally(tally);
  if (threadIdx.x == 0) tallies[blockIdx.x] = tally;
}

template <class T> struct LossGradient {
  const T* data;
  OffsetCalculator<1> offsets;
  explicit LossGradient(const View& grad_loss) : data(grad_loss.as<T>()), offsets(Targets<T>::merged_row_major(grad_loss)) {}
  __device__ T operator[](int64_t pixel) const { return data[offsets(pixel)[0]]; }
};

// The gradient of a pixel at its target class.
template <class T>
__device__ inline T gradient_at_target(const Targets<T>& targets, const LossGradient<T>& g, int64_t pixel, int64_t t) {
  return targets.counts(t) ? -targets.weight_of(t) * g[pixel] : T(0);
}

// kPixels adjacent pixels a thread, or one of any strides; `places` counts packs of pixels.
template <class S, int kPixels> __global__ void __launch_bounds__(kThreads)
    backward_planes_kernel(S* grad, int64_t class_step, int64_t packs, OffsetCalculator<1> places, Targets<compute_t<S>> targets,
                           LossGradient<compute_t<S>> g) {
  wait_for_kernel_before();
  using T = compute_t<S>;
  for (int64_t p = thread_position(); p < packs; p += thread_count()) {
    int64_t t[kPixels];
    T value[kPixels];
#pragma unroll
    for (int v = 0; v < kPixels; ++v) t[v] = targets[p * kPixels + v];
#pragma unroll
    for (int v = 0; v < kPixels; ++v) value[v] = gradient_at_target(targets, g, p * kPixels + v, t[v]);
    S* to = grad + places(p)[0];
#pragma unroll 4
    for (int64_t c = 0; c < targets.classes; ++c) {
      Pack<S, kPixels> out;
#pragma unroll
      for (int v = 0; v < kPixels; ++v) out[v] = convert_to<S>(t[v] == c ? value[v] : T(0));
      store_pack(to + c * class_step, out);
    }
  }
}

// A block clears the classes of 256 pixels, one piece of memory, in packs; then a thread writes what its pixel has at its target, which
// the level-2 cache merges with the zeros.
template <class S> __global__ void __launch_bounds__(kThreads)
    backward_rows_kernel(S* grad, int64_t pixels, Targets<compute_t<S>> targets, LossGradient<compute_t<S>> g) {
  wait_for_kernel_before();
  using T = compute_t<S>;
  constexpr int V = kPackSize<S>;
  const int classes = static_cast<int>(targets.classes);
  for (int64_t begin = int64_t{blockIdx.x} * kThreads; begin < pixels; begin += int64_t{gridDim.x} * kThreads) {
    const int count = static_cast<int>(min(int64_t{kThreads}, pixels - begin)), elements = count * classes;
    const bool active = static_cast<int>(threadIdx.x) < count;
    const int64_t pixel = begin + threadIdx.x, t = active ? targets[pixel] : targets.ignore_index;
    S* const piece = grad + begin * classes;
    for (int q = threadIdx.x; q < elements / V; q += kThreads) store_pack(piece + q * V, Pack<S, V>{});
    for (int i = elements / V * V + threadIdx.x; i < elements; i += kThreads) piece[i] = S{};
    __syncthreads();
    if (targets.counts(t)) piece[threadIdx.x * classes + t] = convert_to<S>(gradient_at_target(targets, g, pixel, t));
  }
}

}  // namespace

void nll_loss_forward(const View& loss, const View& total_weight, const View& first_invalid, const View& input,
                      const View& target, const View& weight, const NllLossParams& params) {
  const View pixels = without_dim(input, 1);
  const auto axes = merged_axes<2>({&pixels, &loss}, OtherDims(pixels, -1, /*row_major=*/true));
  const int64_t blocks = std::clamp<int64_t>(div_up(axes.numel(), kThreads * 4), 1, int64_t{multiprocessors()} * 8);
  const DeviceScratch<Tally> tallies(blocks);
  dispatch_floating(input.dtype, [&]<class S>() {
    const Targets<compute_t<S>> targets(target, weight, input.sizes[1], params.ignore_index);
    launch("nll_loss", forward_kernel<S>, dim3(static_cast<unsigned>(blocks)), kThreads, 0, input.as<S>(), input.strides[1],
           axes.numel(), axes.offsets(), targets, loss.as<compute_t<S>>(), tallies.data());
    finish_tallies(total_weight, first_invalid, tallies.data(), blocks, targets, /*fused=*/false);
  });
}

void nll_loss_backward(const View& grad_input, const View& grad_loss, const View& target, const View& weight,
                       const NllLossParams& params) {
  if (grad_input.numel() == 0) return;
  const View pixels = without_dim(grad_input, 1);
  const auto axes = merged_axes<1>({&pixels}, OtherDims(pixels, -1, /*row_major=*/true));
  const int64_t class_step = grad_input.strides[1];
  dispatch_floating(grad_input.dtype, [&]<class S>() {
    using T = compute_t<S>;
    constexpr int V = kPackSize<S>;
    const Targets<T> targets(target, weight, grad_input.sizes[1], params.ignore_index);
    const LossGradient<T> g(grad_loss);
    S* const grad = grad_input.as<S>();
    if (grad_input.is_channels_last() && is_aligned(grad))
      return launch("nll_loss_backward_rows", backward_rows_kernel<S>, grid_for(axes.numel()), kThreads, 0, grad, axes.numel(),
                    targets, g);
    const bool packs = axes.strides[0][0] == 1 && axes.sizes[0] % V == 0 && axes.outer_strides_are_multiples(0, V) &&
                       class_step % V == 0 && is_aligned(grad);
    if (packs)
      return launch("nll_loss_backward_planes", backward_planes_kernel<S, V>, grid_for(axes.numel() / V), kThreads, 0, grad,
                    class_step, axes.numel() / V, axes.offsets().in_packs(V), targets, g);
    launch("nll_loss_backward", backward_planes_kernel<S, 1>, grid_for(axes.numel()), kThreads, 0, grad, class_step, axes.numel(),
           axes.offsets(), targets, g);
  });
}

}  // namespace tessera::kernels::cuda
