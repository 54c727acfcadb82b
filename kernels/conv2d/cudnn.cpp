// Convolution by cuDNN's graph interface. For each shape, type and precision the fastest of its deterministic plans is found by trying
// them once, and kept. Operands go to it in the order of the images (channels-last or NCHW), weights too; what lies otherwise is
// copied, and that is part of the time of a call.
#include "kernels/conv2d/cudnn.h"

#include <map>
#include <mutex>
#include <vector>

#include "kernels/cuda/cudnn_graph.h"
#include "kernels/cuda/cudnn_operand.h"
#include "kernels/cuda/runtime.h"

namespace tessera::kernels::cudnn {
namespace {

enum class Pass : int64_t { Forward, InputGrad, WeightGrad };

struct Attributes {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t alpha, beta, convolution, image, weight, out;
};

Attributes attributes_of(Pass pass) {
  switch (pass) {
    case Pass::Forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
    case Pass::InputGrad:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY};
    default:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
  }
}

// image [N, C, H, W], weight [K, C / groups, R, S], out [N, K, OH, OW]: the three tensors of every pass, packed.
Plan make_plan(Pass pass, const View& image, const View& weight, const View& out, const Conv2dParams& params) {
  const auto pair = [](const std::array<int64_t, 2>& p) { return std::vector<int64_t>{p[0], p[1]}; };
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, image.dtype == kFloat64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT);
  convolution.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::vector<int64_t>{2});
  convolution.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, pair(params.padding));
  convolution.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, pair(params.padding));
  convolution.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, pair(params.stride));
  convolution.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, pair(params.dilation));
  convolution.finalize();
  const Attributes names = attributes_of(pass);
  const Descriptor image_tensor = tensor_descriptor(image, 1), weight_tensor = tensor_descriptor(weight, 2);
  const Descriptor out_tensor = tensor_descriptor(out, 3);
  Descriptor operation(names.operation);
  operation.set(names.convolution, convolution);
  operation.set(names.image, image_tensor);
  operation.set(names.weight, weight_tensor);
  operation.set(names.out, out_tensor);
  // out = alpha * result + beta * out, both of the type that is computed in.
  const auto set_scale = [&](cudnnBackendAttributeName_t name, double value) {
    const float narrow = static_cast<float>(value);
    if (image.dtype == kFloat64) return operation.set(name, CUDNN_TYPE_DOUBLE, 1, &value);
    operation.set(name, CUDNN_TYPE_FLOAT, 1, &narrow);
  };
  set_scale(names.alpha, 1);
  set_scale(names.beta, 0);
  operation.finalize();
  return fastest_plan(operation, {{1, image.data}, {2, weight.data}, {3, out.data}},
                      image.dtype == kFloat32 && params.precision == Float32Precision::Highest);
}

// The plan for these operands, found at the first call. Plans live as long as the process.
const Plan& plan_for(Pass pass, const View& image, const View& weight, const View& out, const Conv2dParams& params) {
  std::vector<int64_t> key{cuda::current_device(), static_cast<int64_t>(pass), static_cast<int64_t>(image.dtype),
                           static_cast<int64_t>(params.precision), params.groups};
  for (const View* v : {&image, &weight, &out}) {
    key.insert(key.end(), v->sizes.begin(), v->sizes.begin() + 4);
    key.insert(key.end(), v->strides.begin(), v->strides.begin() + 4);
    key.push_back(reinterpret_cast<uintptr_t>(v->data) % 16);
  }
  for (const auto& pair : {params.stride, params.padding, params.dilation}) key.insert(key.end(), pair.begin(), pair.end());
  static std::mutex mutex;
  static std::map<std::vector<int64_t>, Plan> plans;
  const std::lock_guard lock(mutex);
  const auto found = plans.find(key);
  if (found != plans.end()) return found->second;
  return plans.emplace(std::move(key), make_plan(pass, image, weight, out, params)).first->second;
}

void run(Pass pass, const View& image, const View& weight, const View& out, const Conv2dParams& params) {
  using Role = Operand::Role;
  const bool channels_last = (pass == Pass::InputGrad ? out : image).is_channels_last();
  const ScalarType dtype = (pass == Pass::InputGrad ? out : image).dtype;
  const Operand x(image, channels_last, dtype, pass == Pass::InputGrad ? Role::Output : Role::Input);
  const Operand w(weight, channels_last, dtype, pass == Pass::WeightGrad ? Role::Output : Role::Input);
  const Operand y(out, channels_last, dtype, pass == Pass::Forward ? Role::Output : Role::Input);
  const Plan& plan = plan_for(pass, x.view(), w.view(), y.view(), params);
  check(plan.run({{1, x.view().data}, {2, w.view().data}, {3, y.view().data}}), "convolution");
  (pass == Pass::Forward ? y : pass == Pass::InputGrad ? x : w).store();
}

// out += bias[channel]
void add_bias(const View& out, const View* bias) {
  if (bias == nullptr) return;
  View expanded = out;
  expanded.data = bias->data;
  expanded.dtype = bias->dtype;
  expanded.strides = {0, bias->strides[0], 0, 0};
  cuda::binary(out, out, expanded, BinaryOp::Add, 1);
}

bool empty(const View& a, const View& b, const View& c) { return a.numel() == 0 || b.numel() == 0 || c.numel() == 0; }

}  // namespace

void conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  if (empty(out, input, weight)) return cuda::conv2d_forward(out, input, weight, bias, params);
  run(Pass::Forward, input, weight, out, params);
  add_bias(out, bias);
}

void conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias, const Conv2dParams& params) {
  if (empty(grad_input, grad_out, weight)) return cuda::conv2d_input_grad(grad_input, grad_out, weight, bias, params);
  run(Pass::InputGrad, grad_input, weight, grad_out, params);
  add_bias(grad_input, bias);
}

void conv2d_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  if (empty(grad_weight, input, grad_out)) return cuda::conv2d_weight_grad(grad_weight, input, grad_out, params);
  run(Pass::WeightGrad, input, grad_weight, grad_out, params);
}

}  // namespace tessera::kernels::cudnn
