// Convolutions on the tensor cores: which arguments they take, and what is brought into their layout first.
//
// The kernels read channels-last pixels that begin at multiples of 16 bytes, and write channels-last rows. An operand in another
// layout is copied: a network that keeps to channels-last with channels by eights copies nothing.
#include <algorithm>
#include <optional>

#include "kernels/conv2d/cuda_channels_last.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tensor_map.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

// Dimensions of size 1 get the strides of a tensor without gaps, `pixel` elements a pixel.
View with_plain_strides(View v, int64_t pixel) {
  if (v.sizes[1] == 1) v.strides[1] = 1;
  if (v.sizes[3] == 1) v.strides[3] = pixel;
  if (v.sizes[2] == 1) v.strides[2] = v.sizes[3] * v.strides[3];
  if (v.sizes[0] == 1) v.strides[0] = v.sizes[2] * v.strides[2];
  return v;
}

// Whether the copy engine can read its pixels.
bool is_readable(const View& in, int64_t unit) {
  bool readable = is_aligned(in.data) && in.strides[1] == 1;
  for (int d : {0, 2, 3}) readable = readable && in.strides[d] % unit == 0 && in.strides[d] > 0;
  return readable;
}

// Whether rows of pixels can be written: no gap between pixels.
bool is_writable(const View& out) { return out.strides[1] == 1 && out.strides[3] == out.sizes[1]; }

// The weights where they lie, if the kernels can read them there: channels of the input adjacent, rows of them at multiples of 16 bytes,
// taps at one distance from each other. So lie the weights of 1x1 kernels and channels-last weights, forward.
std::optional<WeightMatrix> matrix_in_place(const TapProduct& p, const View& weight, int64_t unit) {
  if (p.phases != TapProduct::Pair{1, 1} || p.lead != TapProduct::Pair{0, 0} || p.fold_channels != p.in_channels) return {};
  if (p.taps[0] > 1 && p.taps[1] > 1 && p.weight_strides[0] != p.taps[1] * p.weight_strides[1]) return {};
  const int64_t tap_stride = p.taps[1] > 1 ? p.weight_strides[1] : p.taps[0] > 1 ? p.weight_strides[0] : p.weight_stride_c;
  if (!is_aligned(weight.data) || p.weight_stride_k != 1 || p.weight_stride_c % unit != 0 || tap_stride % unit != 0) return {};
  return WeightMatrix{weight.data, tap_stride, p.weight_stride_c};
}

// The product on Hopper: pixels as the copy engine reads them. `highest`: float32 at its own precision.
bool run_hopper(TapProduct product, const View& out, const View& in, const View& weight, const View* bias, bool highest) {
  const int64_t unit = 16 / static_cast<int64_t>(element_size(in.dtype));
  std::optional<ChannelsLastScratch> dense, padded;
  View from = with_plain_strides(in, div_up(in.sizes[1], unit) * unit);
  if (from.strides[1] != 1) {
    dense.emplace(in, may_fold(product) ? 1 : unit);
    copy(dense->view(), in);
    from = dense->view();
  }
  align_blocks(product);
  fold_pixels(product, from);
  if (!is_readable(from, unit)) {
    padded.emplace(from, unit);
    copy(padded->view(), from);
    from = padded->view();
  }
  const std::optional<WeightMatrix> in_place = highest ? std::nullopt : matrix_in_place(product, weight, unit);
  const int64_t elements = in_place ? 0 : highest ? split_weight_elements(product) : packed_weight_elements(product, weight.dtype);
  const DeviceScratch<unsigned char> packed(elements * static_cast<int64_t>(element_size(weight.dtype)));
  const bool beside_copy = dense || padded;
  if (highest) return hopper_split_product(product, out, from, pack_split_weights(packed.data(), product, weight, beside_copy), bias);
  const WeightMatrix weights = in_place ? *in_place : pack_weights(packed.data(), product, weight, beside_copy);
  return hopper_product_by_tiles(product, out, from, weights, bias) ||
         hopper_product_by_pixels(product, out, from, weights, bias);
}

// Whether gathering element by element is less work than a copy with padded pixels, which would make the sum several times as
// long: the first layer, whose 3 channels become 8 of 32 in a step. Where pixels come in tiles the copy wins all the same.
bool is_better_gathered(const TapProduct& product, const View& in) {
  const int64_t unit = 16 / static_cast<int64_t>(element_size(in.dtype));
  return in.sizes[1] < unit && in.sizes[1] <= 4 && product.step != TapProduct::Pair{1, 1};
}

// Whether the tensor cores compute float32 at its own precision faster than the CUDA cores do.
bool is_worth_splitting(const TapProduct& product) {
  return device_is_hopper() && product.in_channels > 8 && std::max(product.step[0], product.step[1]) <= 2;
}

bool run(const TapProduct& product, const View& out, const View& in, const View& weight, const View* bias, bool highest) {
  if (highest && !is_worth_splitting(product)) return false;
  const bool narrow = product.positions() < 1 << 30 && product.columns() < 1 << 30 && product.out[1] * product.channels < 1 << 30;
  if (!narrow) return false;
  View to = with_plain_strides(out, out.sizes[1]);
  std::optional<ChannelsLastScratch> rows;
  if (!is_writable(to)) {
    rows.emplace(out);
    to = rows->view();
  }
  if (highest) {
    if (!run_hopper(product, to, in, weight, bias, highest)) return false;
  } else if (!first_layer_product(product, to, in, weight, bias) &&
             (!device_is_hopper() || is_better_gathered(product, in) || !run_hopper(product, to, in, weight, bias, highest))) {
    mma_product(product, to, in, weight, bias);
  }
  if (rows) copy(out, to);
  return true;
}

// Ten times the major plus the minor number: 90 for a Hopper GPU.
int compute_capability() {
  int major = 0, minor = 0;
  const int device = current_device();
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "device attribute");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "device attribute");
  return 10 * major + minor;
}

// The types and cases that the tensor cores take.
bool is_supported(const View& out, const View& in, const Conv2dParams& params) {
  const bool type = out.dtype == kBFloat16 || out.dtype == kFloat32;
  return type && params.groups == 1 && out.numel() > 0 && in.numel() > 0 && compute_capability() >= 80;
}

bool is_highest(const View& out, const Conv2dParams& params) {
  return out.dtype == kFloat32 && params.precision == Float32Precision::Highest;
}

}  // namespace

namespace tensor_core {

bool conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  if (!is_supported(out, input, params)) return false;
  return run(forward_product(out, input, weight, params), out, input, weight, bias, is_highest(out, params));
}

bool conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  if (!is_supported(grad_input, grad_out, params) || !has_input_grad_product(params)) return false;
  return run(input_grad_product(grad_input, grad_out, weight, params), grad_input, grad_out, weight, bias,
             is_highest(grad_input, params));
}

}  // namespace tensor_core
}  // namespace tessera::kernels::cuda
