// The entry points of the convolution on CUDA devices: which way the arguments go.
#include "kernels/conv2d/cuda_paths.h"
#include "kernels/conv2d/cuda_tensor_core.h"

namespace tessera::kernels::cuda {

void conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  if (out.numel() == 0) return;
  if (tensor_core::conv2d_forward(out, input, weight, bias, params)) return;
  if (cuda_cores::conv2d_forward(out, input, weight, bias, params)) return;
  plain::conv2d_forward(out, input, weight, bias, params);
}

void conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  if (grad_input.numel() == 0) return;
  if (tensor_core::conv2d_input_grad(grad_input, grad_out, weight, bias, params)) return;
  if (cuda_cores::conv2d_input_grad(grad_input, grad_out, weight, bias, params)) return;
  plain::conv2d_input_grad(grad_input, grad_out, weight, bias, params);
}

void conv2d_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  if (grad_weight.numel() == 0) return;
  if (tiled_weight_grad(grad_weight, input, grad_out, params)) return;
  plain::conv2d_weight_grad(grad_weight, input, grad_out, params);
}

}  // namespace tessera::kernels::cuda
