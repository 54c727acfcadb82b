#include "nn/layers/linear.h"

#include <cmath>
#include <ostream>

#include "core/ops/creation.h"
#include "core/ops/matmul.h"
#include "core/ops/random.h"
#include "core/ops/shape.h"
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

DropoutImpl::DropoutImpl(const DropoutOptions& options) : options(options) {
  check<ValueError>(options.p() >= 0 && options.p() <= 1, "Dropout: the probability {} does not lie in [0, 1]", options.p());
}
Tensor DropoutImpl::forward(const Tensor& input) {
  return dropout(input, options.p(), is_training());
}
void DropoutImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Dropout(p=" << options.p() << ')';
}

}  // namespace tessera::nn
