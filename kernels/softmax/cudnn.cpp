// Softmax and log-softmax by cuDNN, which reads a tensor as [N, C, H, W] and works along C.
#include "kernels/softmax/cudnn.h"

#include "kernels/cuda/cudnn_operand.h"
#include "kernels/cuda/cudnn_tensor.h"

namespace tessera::kernels::cudnn {
namespace {

bool reads_channels_last(const View& view, int dim) { return dim == 1 && view.is_channels_last(); }

// Lines along `dim` of a packed view: C is their length, N counts what lies outside of them in memory, H what lies inside.
TensorDescriptor lines(const View& view, bool channels_last, int dim) {
  int64_t inner = 1;
  for (int d = dim + 1; d < view.ndim && !channels_last; ++d) inner *= view.sizes[d];
  const int64_t length = view.sizes[dim], outer = view.numel() / (length * inner);
  return {view.dtype, {outer, length, inner, 1}, {length * inner, inner, 1, 1}};
}

void forward(const View& out, const View& in, int dim, cudnnSoftmaxAlgorithm_t algorithm) {
  if (out.numel() == 0) return;
  const bool channels_last = reads_channels_last(in, dim);
  const Operand x(in, channels_last, in.dtype, Operand::Role::Input), y(out, channels_last, in.dtype, Operand::Role::Output);
  const TensorDescriptor shape = lines(x.view(), channels_last, dim);
  const Factors factors(in.dtype);
  check(library().softmax_forward(handle(), algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, factors.one(), shape.get(), x.view().data,
                                  factors.zero(), shape.get(), y.view().data),
        "softmax");
  y.store();
}

void backward(const View& grad_in, const View& grad_out, const View& out, int dim, cudnnSoftmaxAlgorithm_t algorithm) {
  if (out.numel() == 0) return;
  const bool channels_last = reads_channels_last(out, dim);
  const Operand y(out, channels_last, out.dtype, Operand::Role::Input), dy(grad_out, channels_last, out.dtype, Operand::Role::Input);
  const Operand dx(grad_in, channels_last, out.dtype, Operand::Role::Output);
  const TensorDescriptor shape = lines(y.view(), channels_last, dim);
  const Factors factors(out.dtype);
  check(library().softmax_backward(handle(), algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, factors.one(), shape.get(), y.view().data,
                                   shape.get(), dy.view().data, factors.zero(), shape.get(), dx.view().data),
        "softmax's gradient");
  dx.store();
}

}  // namespace

void softmax_forward(const View& out, const View& in, int dim) { forward(out, in, dim, CUDNN_SOFTMAX_ACCURATE); }
void log_softmax_forward(const View& out, const View& in, int dim) { forward(out, in, dim, CUDNN_SOFTMAX_LOG); }
void softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  backward(grad_in, grad_out, out, dim, CUDNN_SOFTMAX_ACCURATE);
}
void log_softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  backward(grad_in, grad_out, out, dim, CUDNN_SOFTMAX_LOG);
}

}  // namespace tessera::kernels::cudnn
