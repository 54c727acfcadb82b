// Normalisation of rows on CUDA.
//
// Many rows: a warp has a row, or a block if the row is longer than 1024 packs of 16 bytes. It reads the row twice (gradient: both
// operands twice), the second time mostly from the caches: first for the sums, around the row's first element so that a large mean costs
// no digits, then to write. Few long rows would leave most of the device idle: they are the channels of an image [1, R, 1, L], and
// batch normalisation's kernels cut them into chunks.
// Memory traffic: each operand once from memory where the row fits into the caches, else the inputs twice.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"
#include "kernels/row_norm/row_norm.h"

namespace tessera::kernels::cuda {
namespace {

// The sum over the threads of a row: a warp or the whole block.
template <int kTeam> __device__ inline double team_sum(double value) {
  __shared__ double shared[kWarp];
  if constexpr (kTeam == kWarp)
    return warp_reduce(value);
  else
    return block_reduce(value, shared);
}

template <class S, int V, int kTeam> __global__ void __launch_bounds__(kThreads)
    forward_kernel(S* xhat, compute_t<S>* mean, compute_t<S>* invstd, const S* in, int64_t rows, int64_t length, double eps) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  const int lane = static_cast<int>(threadIdx.x) % kTeam;
  for (int64_t r = thread_position() / kTeam; r < rows; r += thread_count() / kTeam) {
    const S* const x = in + r * length;
    const C shift = convert_to<C>(x[0]);
    C sum = 0, squares = 0;
#pragma unroll 4
    for (int64_t l = lane * V; l < length; l += kTeam * V) {
      const auto values = convert_pack<C>(load_pack<V>(x + l));
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const C d = values[v] - shift;
        sum += d;
        squares += d * d;
      }
    }
    const double count = static_cast<double>(length), s = team_sum<kTeam>(sum), q = team_sum<kTeam>(squares), offset = s / count;
    const double variance = (q - s * offset) / count;
    const C center = static_cast<C>(static_cast<double>(shift) + offset);
    const C scale = static_cast<C>(1 / sqrt((variance < 0 ? 0 : variance) + eps));
    if (lane == 0) mean[r] = center, invstd[r] = scale;
#pragma unroll 4
    for (int64_t l = lane * V; l < length; l += kTeam * V) {
      auto values = convert_pack<C>(load_pack<V>(x + l));
#pragma unroll
      for (int v = 0; v < V; ++v) values[v] = (values[v] - center) * scale;
      store_pack(xhat + r * length + l, convert_pack<S>(values));
    }
  }
}

template <class S, int V, int kTeam> __global__ void __launch_bounds__(kThreads)
    backward_kernel(S* grad_in, const S* grad_xhat, const S* xhat, const compute_t<S>* invstd, int64_t rows, int64_t length) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  const int lane = static_cast<int>(threadIdx.x) % kTeam;
  for (int64_t r = thread_position() / kTeam; r < rows; r += thread_count() / kTeam) {
    const S *const g = grad_xhat + r * length, *const y = xhat + r * length;
    C sum = 0, products = 0;
#pragma unroll 4
    for (int64_t l = lane * V; l < length; l += kTeam * V) {
      const auto dy = convert_pack<C>(load_pack<V>(g + l)), normal = convert_pack<C>(load_pack<V>(y + l));
#pragma unroll
      for (int v = 0; v < V; ++v) {
        sum += dy[v];
        products += dy[v] * normal[v];
      }
    }
    const double count = static_cast<double>(length);
    const C constant = static_cast<C>(team_sum<kTeam>(sum) / count), slope = static_cast<C>(team_sum<kTeam>(products) / count);
    const C scale = invstd[r];
#pragma unroll 4
    for (int64_t l = lane * V; l < length; l += kTeam * V) {
      auto dy = convert_pack<C>(load_pack<V>(g + l));
      const auto normal = convert_pack<C>(load_pack<V>(y + l));
#pragma unroll
      for (int v = 0; v < V; ++v) dy[v] = (dy[v] - constant - normal[v] * slope) * scale;
      store_pack(grad_in + r * length + l, convert_pack<S>(dy));
    }
  }
}

// Few rows, each long enough for several blocks.
bool rows_are_channels(const View& matrix) { return matrix.sizes[1] >= 8192 && matrix.sizes[0] < int64_t{multiprocessors()} * 8; }

View as_image(const View& matrix) {
  View image = matrix;
  image.ndim = 4;
  image.sizes = {1, matrix.sizes[0], 1, matrix.sizes[1]};
  image.strides = {matrix.numel(), matrix.sizes[1], matrix.sizes[1], 1};
  return image;
}

// Calls body.operator()<S, V, kTeam>(grid).
template <class F> void dispatch_rows(const View& matrix, std::initializer_list<const View*> others, F&& body) {
  const int64_t rows = matrix.sizes[0], length = matrix.sizes[1];
  dispatch_floating(matrix.dtype, [&]<class S>() {
    const auto with_packs = [&]<int V>() {
      const auto grid = [&](int team) { return grid_for(rows * team); };
      if (length / V <= 1024)
        body.template operator()<S, V, kWarp>(grid(kWarp));
      else
        body.template operator()<S, V, kThreads>(grid(kThreads));
    };
    if constexpr (sizeof(S) < 8) {
      bool packs = length % kPackSize<S> == 0 && is_aligned(matrix.data);
      for (const View* other : others) packs = packs && is_aligned(other->data);
      if (packs) return with_packs.template operator()<kPackSize<S>>();
    }
    with_packs.template operator()<1>();
  });
}

}  // namespace

void row_norm_forward(const View& xhat, const View& mean, const View& invstd, const View& input, double eps) {
  if (input.numel() == 0) return;
  if (rows_are_channels(input)) {
    const DeviceScratch<double> memory(input.sizes[0]);
    View var = mean;
    var.dtype = kFloat64;
    var.data = memory.data();
    var.strides[0] = 1;
    batch_norm_statistics(mean, var, as_image(input));
    batch_norm_update(invstd, View{}, View{}, mean, var, 0, 1, eps);
    return batch_norm_forward(as_image(xhat), as_image(input), BatchNormChannels{mean, invstd, View{}, View{}});
  }
  dispatch_rows(input, {&xhat}, [&]<class S, int V, int kTeam>(dim3 grid) {
    using C = compute_t<S>;
    launch("row_norm", forward_kernel<S, V, kTeam>, grid, kThreads, 0, xhat.as<S>(), mean.as<C>(), invstd.as<C>(), input.as<S>(),
           input.sizes[0], input.sizes[1], eps);
  });
}

void row_norm_backward(const View& grad_input, const View& grad_xhat, const View& xhat, const View& invstd) {
  if (xhat.numel() == 0) return;
  if (rows_are_channels(xhat)) {
    // Batch normalisation of rows that have mean 0 and deviation 1 already, scaled by invstd.
    const int64_t rows = xhat.sizes[0];
    const DeviceScratch<double> memory(2 * rows);
    View sums = invstd;
    sums.dtype = kFloat64;
    sums.strides[0] = 1;
    View products = sums;
    sums.data = memory.data();
    products.data = memory.data() + rows;
    const BatchNormChannels channels{View{}, View{}, invstd, View{}};
    batch_norm_backward_reduce(sums, products, as_image(grad_xhat), as_image(xhat), channels);
    return batch_norm_backward(as_image(grad_input), as_image(grad_xhat), as_image(xhat), channels, sums, products,
                               /*training=*/true);
  }
  dispatch_rows(xhat, {&grad_input, &grad_xhat}, [&]<class S, int V, int kTeam>(dim3 grid) {
    launch("row_norm_backward", backward_kernel<S, V, kTeam>, grid, kThreads, 0, grad_input.as<S>(), grad_xhat.as<S>(),
           xhat.as<S>(), invstd.as<compute_t<S>>(), xhat.sizes[0], xhat.sizes[1]);
  });
}

}  // namespace tessera::kernels::cuda
