// Tensor-core convolutions: which arguments they take, and what is brought into their layout first.
//
// The kernels read channels-last pixels that begin at multiples of 16 bytes, and write channels-last rows. An operand in another
// layout is copied: a network that keeps to channels-last with channels by eights copies nothing.
#include <optional>

#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tensor_map.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

// The view's elements in channels-last order in memory of their own, pixels padded to `unit` elements.
class ChannelsLastCopy {
 public:
  ChannelsLastCopy(const View& like, int64_t unit)
      : view_(like), pitch_(div_up(like.sizes[1], unit) * unit),
        memory_(like.sizes[0] * like.sizes[2] * like.sizes[3] * pitch_ * static_cast<int64_t>(element_size(like.dtype))) {
    view_.data = memory_.data();
    view_.strides[1] = 1, view_.strides[3] = pitch_, view_.strides[2] = like.sizes[3] * pitch_;
    view_.strides[0] = like.sizes[2] * view_.strides[2];
  }
  const View& view() const { return view_; }

 private:
  View view_;
  int64_t pitch_;
  DeviceScratch<unsigned char> memory_;
};

// Whether the copy engine can read its pixels.
bool is_readable(const View& in, int64_t unit) {
  bool readable = is_aligned(in.data) && (in.sizes[1] == 1 || in.strides[1] == 1);
  for (int d : {0, 2, 3}) readable = readable && in.strides[d] % unit == 0 && in.strides[d] > 0;
  return readable;
}

// Whether rows of pixels can be written: no gap between pixels.
bool is_writable(const View& out) {
  return (out.sizes[1] == 1 || out.strides[1] == 1) && (out.sizes[3] == 1 || out.strides[3] == out.sizes[1]);
}

bool run(const TapProduct& product, const View& out, const View& in, const View& weight, const View* bias) {
  const int64_t unit = 16 / static_cast<int64_t>(element_size(in.dtype));
  std::optional<ChannelsLastCopy> in_copy, out_copy;
  if (!is_readable(in, unit)) {
    in_copy.emplace(in, unit);
    copy(in_copy->view(), in);
  }
  if (!is_writable(out)) out_copy.emplace(out, 1);
  if (!hopper_product(product, out_copy ? out_copy->view() : out, in_copy ? in_copy->view() : in, weight, bias)) return false;
  if (out_copy) copy(out, out_copy->view());
  return true;
}

// The types and cases that the tensor cores take.
bool is_supported(const View& out, const View& in, const Conv2dParams& params) {
  const bool type = out.dtype == kBFloat16 || (out.dtype == kFloat32 && params.precision != Float32Precision::Highest);
  return type && params.groups == 1 && out.numel() > 0 && in.numel() > 0 && device_is_hopper();
}

}  // namespace

namespace tensor_core {

bool conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  if (!is_supported(out, input, params)) return false;
  return run(forward_product(out, input, weight, params), out, input, weight, bias);
}

bool conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  if (!is_supported(grad_input, grad_out, params) || !has_input_grad_product(params)) return false;
  return run(input_grad_product(grad_input, grad_out, weight, params), grad_input, grad_out, weight, bias);
}

}  // namespace tensor_core
}  // namespace tessera::kernels::cuda
