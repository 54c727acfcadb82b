// Convolution's forward and input gradient on tensor cores: what the files cuda_tensor_core.cu, cuda_hopper*.cu and cuda_pack.cu
// offer one another and cuda.cu.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/tap_product.h"

namespace tessera::kernels::cuda {

// As the kernels of the same name, but they return false, with nothing done, for arguments that they do not take: float64, float16,
// float32 at `highest` precision, groups, or a device without the instructions.
namespace tensor_core {
bool conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params);
bool conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params);
}  // namespace tensor_core

// Weights as a product's matrix: [taps_y * taps_x][columns][in_channels], of which in_channels are adjacent.
struct WeightMatrix {
  const void* data;
  int64_t tap_stride, column_stride;  // in elements
};
// Elements that pack_weights writes; rows of in_channels are padded to 16 bytes.
int64_t packed_weight_elements(const TapProduct& product, ScalarType type);
// Copies the weights into `to` in this order; zeros for taps that a phase does not have.
WeightMatrix pack_weights(void* to, const TapProduct& product, const View& weight);

// The product by wgmma. `in` and `out` are channels-last (their pixels may lie apart, their pictures too), `in` with 16-byte aligned
// pixels. False where the device or the copy engine's fields cannot do it.
bool hopper_product(const TapProduct& product, const View& out, const View& in, const View& weight, const View* bias);

}  // namespace tessera::kernels::cuda
