#include "kernels/pool/cudnn.h"

#include "kernels/cuda/cudnn_operand.h"
#include "kernels/cuda/cudnn_tensor.h"
#include "kernels/error.h"

namespace tessera::kernels::cudnn {
namespace {

class Pooling {
 public:
  // Between images of the sizes `input` and `output`.
  Pooling(cudnnPoolingMode_t mode, const Pool2dParams& p, const View& input, const View& output) {
    for (int axis : {0, 1}) {
      const int64_t size = (input.sizes[2 + axis] + 2 * p.padding[axis] - p.kernel[axis]) / p.stride[axis] + 1;
      if (p.dilation[axis] != 1 || p.divisor_override != 0 || output.sizes[2 + axis] != size)
        throw DeviceError("cudnn: its pooling has no dilation, divisor_override or ceil_mode. Use Tessera's own (set_kernels).");
    }
    check(library().create_pooling(&descriptor_), "making a descriptor");
    const auto n = [](int64_t value) { return static_cast<int>(value); };
    check(library().set_pooling_2d(descriptor_, mode, CUDNN_PROPAGATE_NAN, n(p.kernel[0]), n(p.kernel[1]), n(p.padding[0]),
                                   n(p.padding[1]), n(p.stride[0]), n(p.stride[1])),
          "describing a pooling");
  }
  ~Pooling() { library().destroy_pooling(descriptor_); }
  Pooling(const Pooling&) = delete;
  Pooling& operator=(const Pooling&) = delete;
  cudnnPoolingDescriptor_t get() const { return descriptor_; }

 private:
  cudnnPoolingDescriptor_t descriptor_ = nullptr;
};

cudnnPoolingMode_t average_mode(const Pool2dParams& p) {
  return p.count_include_pad ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
}

void forward(const View& out, const View& input, const Pool2dParams& params, cudnnPoolingMode_t mode) {
  if (out.numel() == 0) return;
  const Pooling pooling(mode, params, input, out);
  const bool channels_last = input.is_channels_last();
  const Operand x(input, channels_last, input.dtype, Operand::Role::Input), y(out, channels_last, input.dtype, Operand::Role::Output);
  const Factors factors(input.dtype);
  check(library().pooling_forward(handle(), pooling.get(), factors.one(), TensorDescriptor(x.view()).get(), x.view().data,
                                  factors.zero(), TensorDescriptor(y.view()).get(), y.view().data),
        "pooling");
  y.store();
}

}  // namespace

void max_pool2d_values(const View& out, const View& input, const Pool2dParams& params) {
  forward(out, input, params, CUDNN_POOLING_MAX_DETERMINISTIC);
}

void avg_pool2d_forward(const View& out, const View& input, const Pool2dParams& params) {
  forward(out, input, params, average_mode(params));
}

void avg_pool2d_backward(const View& grad_input, const View& grad_out, const Pool2dParams& params) {
  if (grad_input.numel() == 0) return;
  const Pooling pooling(average_mode(params), params, grad_input, grad_out);
  const bool channels_last = grad_out.is_channels_last();
  const Operand dy(grad_out, channels_last, grad_out.dtype, Operand::Role::Input);
  const Operand dx(grad_input, channels_last, grad_out.dtype, Operand::Role::Output);
  const TensorDescriptor small(dy.view()), large(dx.view());
  const Factors factors(grad_out.dtype);
  // Output and input of the forward pass are to be given, although an average's gradient asks for neither: any memory of their size.
  check(library().pooling_backward(handle(), pooling.get(), factors.one(), small.get(), dy.view().data, small.get(), dy.view().data,
                                   large.get(), dx.view().data, factors.zero(), large.get(), dx.view().data),
        "pooling's gradient");
  dx.store();
}

}  // namespace tessera::kernels::cudnn
