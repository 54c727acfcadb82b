#include "nn/layers/linear.h"

#include <fmt/ranges.h>

#include <cmath>
#include <ostream>

#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/matmul.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/similarity.h"
#include "nn/functional/dropout.h"
#include "nn/init.h"

namespace tessera::nn {

LinearImpl::LinearImpl(const LinearOptions& options) : options(options) {
  LinearImpl::reset();
}

void LinearImpl::reset() {
  check<ValueError>(options.in_features() > 0 && options.out_features() > 0, "Linear: {} to {} features", options.in_features(),
                    options.out_features());
  weight = register_parameter("weight", empty({options.out_features(), options.in_features()}));
  bias = register_parameter("bias", options.bias() ? empty({options.out_features()}) : Tensor());
  reset_parameters();
}

void LinearImpl::reset_parameters() {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  const double bound = 1 / std::sqrt(static_cast<double>(options.in_features()));
  if (bias.defined()) init::uniform_(bias, -bound, bound);
}

void LinearImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Linear(in_features=" << options.in_features() << ", out_features=" << options.out_features()
         << ", bias=" << (options.bias() ? "true" : "false") << ')';
}

Tensor LinearImpl::forward(const Tensor& input) {
  return linear(input, weight, bias);
}

void IdentityImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Identity()";
}

Tensor FlattenImpl::forward(const Tensor& input) {
  return flatten(input, options.start_dim(), options.end_dim());
}
void FlattenImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Flatten(start_dim=" << options.start_dim() << ", end_dim=" << options.end_dim() << ')';
}

Tensor UnflattenImpl::forward(const Tensor& input) {
  const int64_t dim = options.dim() < 0 ? options.dim() + input.dim() : options.dim();
  check<IndexError>(dim >= 0 && dim < input.dim(), "Unflatten: dim {} for an input of shape {}", options.dim(), input.sizes());
  DimVector sizes(input.sizes().begin(), input.sizes().begin() + dim);
  for (int64_t size : options.sizes()) sizes.push_back(size);
  for (int64_t d = dim + 1; d < input.dim(); ++d) sizes.push_back(input.size(d));
  return reshape(input, sizes);
}
void UnflattenImpl::pretty_print(std::ostream& stream) const {
  stream << fmt::format("tessera::nn::Unflatten(dim={}, unflattened_size={{{}}})", options.dim(),
                        fmt::join(options.sizes(), ", "));
}

DropoutImpl::DropoutImpl(const DropoutOptions& options) : OptionsLayer(options) {
  functional::check_dropout("Dropout", options.p());
}
Tensor DropoutImpl::forward(const Tensor& input) {
  return functional::dropout(input, options.p(), is_training(), options.inplace());
}
void DropoutImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Dropout(p=" << options.p() << ", inplace=" << (options.inplace() ? "true" : "false") << ')';
}

Dropout2dImpl::Dropout2dImpl(const Dropout2dOptions& options) : OptionsLayer(options) {
  functional::check_dropout("Dropout2d", options.p());
}
Tensor Dropout2dImpl::forward(const Tensor& input) {
  return functional::dropout2d(input, options.p(), is_training(), options.inplace());
}
void Dropout2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Dropout2d(p=" << options.p() << ", inplace=" << (options.inplace() ? "true" : "false") << ')';
}

Tensor CosineSimilarityImpl::forward(const Tensor& x1, const Tensor& x2) {
  return cosine_similarity(x1, x2, options.dim(), options.eps());
}
void CosineSimilarityImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::CosineSimilarity(dim=" << options.dim() << ", eps=" << options.eps() << ')';
}

Tensor PairwiseDistanceImpl::forward(const Tensor& x1, const Tensor& x2) {
  return norm(add(sub(x1, x2), options.eps()), options.p(), {-1}, options.keepdim());
}
void PairwiseDistanceImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::PairwiseDistance(p=" << options.p() << ", eps=" << options.eps()
         << ", keepdim=" << (options.keepdim() ? "true" : "false") << ')';
}

}  // namespace tessera::nn
