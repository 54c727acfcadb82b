#include "nn/layers/activation.h"

#include <ostream>

#include "core/ops/softmax.h"
#include "core/ops/unary.h"

namespace tessera::nn {
namespace {
const char* inplace_text(bool inplace, bool first) {
  return !inplace ? "" : first ? "inplace=true" : ", inplace=true";
}
}  // namespace

Tensor ReLUImpl::forward(const Tensor& input) {
  return options.inplace() ? relu_(input) : relu(input);
}
Tensor LeakyReLUImpl::forward(const Tensor& input) {
  return options.inplace() ? leaky_relu_(input, options.negative_slope()) : leaky_relu(input, options.negative_slope());
}
Tensor ELUImpl::forward(const Tensor& input) {
  return options.inplace() ? elu_(input, options.alpha()) : elu(input, options.alpha());
}
Tensor SigmoidImpl::forward(const Tensor& input) {
  return sigmoid(input);
}
Tensor TanhImpl::forward(const Tensor& input) {
  return tanh(input);
}
Tensor GELUImpl::forward(const Tensor& input) {
  return gelu(input);
}
Tensor SiLUImpl::forward(const Tensor& input) {
  return silu(input);
}
Tensor SoftmaxImpl::forward(const Tensor& input) {
  return softmax(input, options.dim());
}
Tensor LogSoftmaxImpl::forward(const Tensor& input) {
  return log_softmax(input, options.dim());
}

void ReLUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ReLU(" << inplace_text(options.inplace(), true) << ')';
}
void LeakyReLUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::LeakyReLU(negative_slope=" << options.negative_slope() << inplace_text(options.inplace(), false) << ')';
}
void ELUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ELU(alpha=" << options.alpha() << inplace_text(options.inplace(), false) << ')';
}
void SigmoidImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Sigmoid()";
}
void TanhImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Tanh()";
}
void GELUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::GELU()";
}
void SiLUImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::SiLU()";
}
void SoftmaxImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Softmax(dim=" << options.dim() << ')';
}
void LogSoftmaxImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::LogSoftmax(dim=" << options.dim() << ')';
}

}  // namespace tessera::nn
