// Softmax and log-softmax by cuDNN, which reads a tensor as [N, C, H, W] and works along C.
#include "kernels/softmax/cudnn.h"

#include "kernels/cuda/cudnn_library.h"
#include "kernels/cuda/cudnn_operand.h"

namespace tessera::kernels::cudnn {
namespace {

class Lines {
 public:
  // Lines along `dim` of a packed view: C is their length, N counts what lies outside of them in memory, H what lies inside.
  Lines(const View& view, bool channels_last, int dim) {
    int64_t inner = 1;
    for (int d = dim + 1; d < view.ndim && !channels_last; ++d) inner *= view.sizes[d];
    const int64_t length = view.sizes[dim], outer = view.numel() / (length * inner);
    check(library().create_tensor(&descriptor_), "making a descriptor");
    const auto n = [](int64_t value) { return static_cast<int>(value); };
    check(library().set_tensor_4d(descriptor_, data_type(view.dtype), n(outer), n(length), n(inner), 1, n(length * inner), n(inner), 1, 1),
          "describing a softmax");
  }
  ~Lines() { library().destroy_tensor(descriptor_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  cudnnTensorDescriptor_t get() const { return descriptor_; }

 private:
  cudnnTensorDescriptor_t descriptor_ = nullptr;
};

// Alpha and beta, which are float64 for float64 and float32 for all others.
struct Scales {
  double one_double = 1, zero_double = 0;
  float one_float = 1, zero_float = 0;
  bool wide;
  explicit Scales(ScalarType type) : wide(type == kFloat64) {}
  const void* one() const { return wide ? static_cast<const void*>(&one_double) : &one_float; }
  const void* zero() const { return wide ? static_cast<const void*>(&zero_double) : &zero_float; }
};

bool reads_channels_last(const View& view, int dim) { return dim == 1 && view.is_channels_last(); }

void forward(const View& out, const View& in, int dim, cudnnSoftmaxAlgorithm_t algorithm) {
  if (out.numel() == 0) return;
  const bool channels_last = reads_channels_last(in, dim);
  const Operand x(in, channels_last, in.dtype, Operand::Role::Input), y(out, channels_last, in.dtype, Operand::Role::Output);
  const Lines lines(x.view(), channels_last, dim);
  const Scales scales(in.dtype);
  check(library().softmax_forward(handle(), algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, scales.one(), lines.get(), x.view().data,
                                  scales.zero(), lines.get(), y.view().data),
        "softmax");
  y.store();
}

void backward(const View& grad_in, const View& grad_out, const View& out, int dim, cudnnSoftmaxAlgorithm_t algorithm) {
  if (out.numel() == 0) return;
  const bool channels_last = reads_channels_last(out, dim);
  const Operand y(out, channels_last, out.dtype, Operand::Role::Input), dy(grad_out, channels_last, out.dtype, Operand::Role::Input);
  const Operand dx(grad_in, channels_last, out.dtype, Operand::Role::Output);
  const Lines lines(y.view(), channels_last, dim);
  const Scales scales(out.dtype);
  check(library().softmax_backward(handle(), algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, scales.one(), lines.get(), y.view().data,
                                   lines.get(), dy.view().data, scales.zero(), lines.get(), dx.view().data),
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
