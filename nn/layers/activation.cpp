#include "nn/layers/activation.h"

#include <ostream>

#include "core/ops/creation.h"

namespace tessera::nn {
namespace {
const char* inplace_text(bool inplace, bool first) {
  return !inplace ? "" : first ? "inplace=true" : ", inplace=true";
}
}  // namespace

Tensor ReLUImpl::forward(const Tensor& input) { return functional::relu(input, options); }
Tensor ReLU6Impl::forward(const Tensor& input) { return functional::relu6(input, options); }
Tensor LeakyReLUImpl::forward(const Tensor& input) { return functional::leaky_relu(input, options); }
Tensor ELUImpl::forward(const Tensor& input) { return functional::elu(input, options); }
Tensor SELUImpl::forward(const Tensor& input) { return functional::selu(input, options); }
Tensor CELUImpl::forward(const Tensor& input) { return functional::celu(input, options); }
Tensor HardtanhImpl::forward(const Tensor& input) { return functional::hardtanh(input, options); }
Tensor ThresholdImpl::forward(const Tensor& input) { return functional::threshold(input, options); }
Tensor HardshrinkImpl::forward(const Tensor& input) { return functional::hardshrink(input, options); }
Tensor SoftshrinkImpl::forward(const Tensor& input) { return functional::softshrink(input, options); }
Tensor SoftplusImpl::forward(const Tensor& input) { return functional::softplus(input, options); }
Tensor GELUImpl::forward(const Tensor& input) { return functional::gelu(input, options); }
Tensor GLUImpl::forward(const Tensor& input) { return functional::glu(input, options); }
Tensor SoftmaxImpl::forward(const Tensor& input) { return functional::softmax(input, options); }
Tensor SoftminImpl::forward(const Tensor& input) { return functional::softmin(input, options); }
Tensor LogSoftmaxImpl::forward(const Tensor& input) { return functional::log_softmax(input, options); }
Tensor SigmoidImpl::forward(const Tensor& input) { return functional::sigmoid(input); }
Tensor LogSigmoidImpl::forward(const Tensor& input) { return functional::logsigmoid(input); }
Tensor TanhImpl::forward(const Tensor& input) { return functional::tanh(input); }
Tensor TanhshrinkImpl::forward(const Tensor& input) { return functional::tanhshrink(input); }
Tensor SoftsignImpl::forward(const Tensor& input) { return functional::softsign(input); }
Tensor SiLUImpl::forward(const Tensor& input) { return functional::silu(input); }
Tensor MishImpl::forward(const Tensor& input) { return functional::mish(input); }
Tensor Softmax2dImpl::forward(const Tensor& input) {
  check<ShapeError>(input.dim() == 3 || input.dim() == 4, "Softmax2d: an input [N, C, H, W] or [C, H, W] is needed, not {}",
                    input.sizes());
  return softmax(input, -3);
}

void PReLUImpl::reset() { weight = register_parameter("weight", full({options.num_parameters()}, options.init())); }
Tensor PReLUImpl::forward(const Tensor& input) { return functional::prelu(input, weight); }

void ReLUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ReLU(" << inplace_text(options.inplace(), true) << ')';
}
void ReLU6Impl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ReLU6(" << inplace_text(options.inplace(), true) << ')';
}
void LeakyReLUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::LeakyReLU(negative_slope=" << options.negative_slope() << inplace_text(options.inplace(), false) << ')';
}
void ELUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ELU(alpha=" << options.alpha() << inplace_text(options.inplace(), false) << ')';
}
void SELUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::SELU(" << inplace_text(options.inplace(), true) << ')';
}
void CELUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::CELU(alpha=" << options.alpha() << inplace_text(options.inplace(), false) << ')';
}
void HardtanhImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Hardtanh(min_val=" << options.min_val() << ", max_val=" << options.max_val()
         << inplace_text(options.inplace(), false) << ')';
}
void ThresholdImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Threshold(threshold=" << options.threshold() << ", value=" << options.value()
         << inplace_text(options.inplace(), false) << ')';
}
void HardshrinkImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Hardshrink(" << options.lambda() << ')'; }
void SoftshrinkImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Softshrink(" << options.lambda() << ')'; }
void SoftplusImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Softplus(beta=" << options.beta() << ", threshold=" << options.threshold() << ')';
}
void GELUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::GELU()";
}
void GLUImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::GLU(dim=" << options.dim() << ')'; }
void SoftmaxImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Softmax(dim=" << options.dim() << ')';
}
void SoftminImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Softmin(dim=" << options.dim() << ')'; }
void LogSoftmaxImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::LogSoftmax(dim=" << options.dim() << ')';
}
void SigmoidImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Sigmoid()"; }
void LogSigmoidImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::LogSigmoid()"; }
void TanhImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Tanh()"; }
void TanhshrinkImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Tanhshrink()"; }
void SoftsignImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Softsign()"; }
void SiLUImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::SiLU()"; }
void MishImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Mish()"; }
void Softmax2dImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::Softmax2d()"; }
void PReLUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::PReLU(num_parameters=" << options.num_parameters() << ')';
}

}  // namespace tessera::nn
