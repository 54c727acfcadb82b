// Convolution's forward and input gradient on tensor cores: what cuda_tensor_core.cu, which chooses, the kernels
// (cuda_hopper*.cu, cuda_mma.cu, cuda_first_layer.cu) and cuda_pack.cu offer one another and cuda.cu.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/tap_product.h"

namespace tessera::kernels::cuda {

// As the kernels of the same name, but they return false, with nothing done, for arguments that they do not take: float64,
// float16, groups, a device without the instructions, and float32 at `highest` precision but on compute capability 9.0, with more than
// 8 channels and strides of 1 and 2.
namespace tensor_core {
bool conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params);
bool conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params);
}  // namespace tensor_core

// Weights as a product's matrix: element (tap, column, k) at tap * tap_stride + column * column_stride + k.
struct WeightMatrix {
  const void* data;
  int64_t tap_stride, column_stride;
};
// Copies the weights into `to`, packed_weight_elements() of them, as [tap][column][k] with rows of k padded to 16 bytes; or with
// other strides. Taps that a phase does not have get zeros, the padding is not written. `beside_copy`: the kernel before
// only copies pixels, so packing need not wait for it (launch.h).
int64_t packed_weight_elements(const TapProduct& product, ScalarType type);
WeightMatrix pack_weights(void* to, const TapProduct& product, const View& weight, bool beside_copy = false);
WeightMatrix pack_weights(void* to, const TapProduct& product, const View& weight, int64_t tap_stride, int64_t column_stride);

// The same for a product at float32's precision (cuda_warpgroup_product.h): [nearest TF32 or rest][tap][column][k], twice `elements`, whole
// chunks of k in the order that the kernel wants.
int64_t split_weight_elements(const TapProduct& product);
WeightMatrix pack_split_weights(void* to, const TapProduct& product, const View& weight, bool beside_copy = false);

// The product by mma.sync on compute capability 8.0 and later; `in` may have any strides, `out` is channels-last without gaps in
// a row.
void mma_product(const TapProduct& product, const View& out, const View& in, const View& weight, const View* bias);

// The same for pictures of at most 4 channels in bfloat16, forward; false for others.
bool first_layer_product(const TapProduct& product, const View& out, const View& in, const View& weight, const View* bias);

// The product by wgmma on compute capability 9.0. `in` and `out` are channels-last (their pixels and pictures may lie apart),
// with pixels of `in` at multiples of 16 bytes. False where a kernel or the copy engine's fields cannot do it.
using HopperProduct = bool(const TapProduct& product, const View& out, const View& in, const WeightMatrix& weights,
                           const View* bias);
HopperProduct hopper_product_by_tiles;   // step 1 or 2: a tile of pixels comes once for all taps
HopperProduct hopper_split_product;      // the same at float32's precision, of split weights
HopperProduct hopper_product_by_pixels;  // any step: pixels are gathered for each tap

}  // namespace tessera::kernels::cuda
