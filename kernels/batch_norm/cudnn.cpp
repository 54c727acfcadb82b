#include "kernels/batch_norm/cudnn.h"

#include <optional>

#include "kernels/cuda/cudnn_operand.h"
#include "kernels/cuda/cudnn_tensor.h"

namespace tessera::kernels::cudnn {
namespace {

// Its fastest way, which is as deterministic as the others: partial sums meet in integers.
constexpr cudnnBatchNormMode_t kMode = CUDNN_BATCHNORM_SPATIAL_PERSISTENT;
constexpr cudnnBatchNormOps_t kOps = CUDNN_BATCHNORM_OPS_BN;

// A channel's numbers [C] in the type of the statistics: their own memory where they have that type, else a copy; where they are
// absent, `value`. store() takes what cuDNN wrote back.
class ChannelOperand {
 public:
  ChannelOperand(const View& view, const View& like, double value) : original_(view), operand_(like) {
    if (view.data != nullptr && view.dtype == like.dtype) {
      operand_.data = view.data;
      return;
    }
    scratch_.emplace(like.numel() * static_cast<int64_t>(element_size(like.dtype)));
    operand_.data = scratch_->data();
    if (view.data != nullptr)
      cuda::copy(operand_, original_);
    else
      cuda::fill(operand_, FillValue::of(value));
  }
  void* data() const { return operand_.data; }
  void store() const {
    if (original_.data != nullptr && scratch_) cuda::copy(original_, operand_);
  }

 private:
  View original_, operand_;
  std::optional<cuda::DeviceScratch<unsigned char>> scratch_;
};

TensorDescriptor channel_descriptor(const View& statistics) {
  const int64_t c = statistics.sizes[0];
  return {statistics.dtype, {1, c, 1, 1}, {c, 1, 1, 1}};
}

}  // namespace

void batch_norm_training(const View& out, const View& input, const BatchNormChannels& channels, const View& running_mean,
                         const View& running_var, double momentum, double eps) {
  const bool channels_last = input.is_channels_last();
  const Operand x(input, channels_last, input.dtype, Operand::Role::Input), y(out, channels_last, input.dtype, Operand::Role::Output);
  const ChannelOperand weight(channels.weight, channels.mean, 1), bias(channels.bias, channels.mean, 0);
  const ChannelOperand mean(running_mean, channels.mean, 0), var(running_var, channels.mean, 1);
  const TensorDescriptor image(x.view()), channel = channel_descriptor(channels.mean);
  size_t bytes = 0;
  check(library().batch_norm_forward_workspace(handle(), kMode, kOps, image.get(), nullptr, image.get(), channel.get(), nullptr, &bytes),
        "asking for batch norm's workspace");
  const cuda::DeviceScratch<unsigned char> workspace(static_cast<int64_t>(bytes));
  const Factors factors(input.dtype);
  check(library().batch_norm_forward(handle(), kMode, kOps, factors.one(), factors.zero(), image.get(), x.view().data, nullptr, nullptr,
                                     image.get(), y.view().data, channel.get(), weight.data(), bias.data(), momentum, mean.data(),
                                     var.data(), eps, channels.mean.data, channels.invstd.data, nullptr, workspace.data(), bytes,
                                     nullptr, 0),
        "batch norm");
  mean.store();
  var.store();
  y.store();
}

void batch_norm_training_backward(const View& grad_input, const View& sum_dy, const View& sum_dy_xhat, const View& grad_out,
                                  const View& input, const BatchNormChannels& channels) {
  const bool channels_last = input.is_channels_last();
  const Operand x(input, channels_last, input.dtype, Operand::Role::Input), dy(grad_out, channels_last, input.dtype, Operand::Role::Input);
  const Operand dx(grad_input, channels_last, input.dtype, Operand::Role::Output);
  const ChannelOperand weight(channels.weight, channels.mean, 1);
  const TensorDescriptor image(x.view()), channel = channel_descriptor(channels.mean);
  size_t bytes = 0;
  check(library().batch_norm_backward_workspace(handle(), kMode, kOps, image.get(), nullptr, image.get(), nullptr, image.get(),
                                                channel.get(), nullptr, &bytes),
        "asking for batch norm's workspace");
  const cuda::DeviceScratch<unsigned char> workspace(static_cast<int64_t>(bytes));
  const Factors factors(input.dtype);
  // eps counts only where invstd is not given.
  check(library().batch_norm_backward(handle(), kMode, kOps, factors.one(), factors.zero(), factors.one(), factors.zero(), image.get(),
                                      x.view().data, nullptr, nullptr, image.get(), dy.view().data, nullptr, nullptr, image.get(),
                                      dx.view().data, channel.get(), weight.data(), nullptr, sum_dy_xhat.data, sum_dy.data,
                                      /*eps=*/1e-5, channels.mean.data, channels.invstd.data, nullptr, workspace.data(), bytes, nullptr, 0),
        "batch norm's gradient");
  dx.store();
}

}  // namespace tessera::kernels::cudnn
