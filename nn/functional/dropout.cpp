#include "nn/functional/dropout.h"

#include "core/ops/binary.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"

namespace tessera::nn::functional {

void check_dropout(const char* name, double p) {
  check<ValueError>(p >= 0 && p <= 1, "{}: the probability {} does not lie in [0, 1]", name, p);
}

Tensor dropout(const Tensor& input, double p, bool training, bool inplace) {
  check_dropout("dropout", p);
  const Tensor out = tessera::dropout(input, p, training);
  return inplace ? copy_(input, out) : out;
}

Tensor dropout2d(const Tensor& input, double p, bool training, bool inplace) {
  check_dropout("dropout2d", p);
  check<ShapeError>(input.dim() >= 2, "dropout2d: an input [N, C, ...] is needed, not {}", input.sizes());
  if (!training || p == 0) return input;
  DimVector sizes(static_cast<size_t>(input.dim()), 1);
  sizes[0] = input.size(0);
  sizes[1] = input.size(1);
  const Tensor factors = tessera::dropout(ones(sizes, input.options()), p, true);
  return inplace ? mul_(input, factors) : mul(input, factors);
}

}  // namespace tessera::nn::functional
