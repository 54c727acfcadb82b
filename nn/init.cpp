#include "nn/init.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/grad_mode.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/random.h"

namespace tessera::nn::init {
namespace {

double kaiming_std(const Tensor& tensor, double a, FanMode mode, Nonlinearity nonlinearity) {
  const auto [fan_in, fan_out] = calculate_fan_in_and_fan_out(tensor);
  return calculate_gain(nonlinearity, a) / std::sqrt(static_cast<double>(mode == FanMode::FanIn ? fan_in : fan_out));
}

double xavier_std(const Tensor& tensor, double gain) {
  const auto [fan_in, fan_out] = calculate_fan_in_and_fan_out(tensor);
  return gain * std::sqrt(2.0 / static_cast<double>(fan_in + fan_out));
}

// A uniform distribution of standard deviation s reaches from -sqrt(3) s to sqrt(3) s.
Tensor uniform_with_std(const Tensor& tensor, double std) {
  return init::uniform_(tensor, -std::sqrt(3.0) * std, std::sqrt(3.0) * std);
}

}  // namespace

double calculate_gain(Nonlinearity nonlinearity, double param) {
  switch (nonlinearity) {
    case Nonlinearity::Tanh: return 5.0 / 3.0;
    case Nonlinearity::ReLU: return std::sqrt(2.0);
    case Nonlinearity::LeakyReLU: return std::sqrt(2.0 / (1 + param * param));
    default: return 1;
  }
}

std::pair<int64_t, int64_t> calculate_fan_in_and_fan_out(const Tensor& weight) {
  check<ShapeError>(weight.dim() >= 2, "init: a tensor of shape {} has no fan in and fan out. Two dimensions are needed.",
                    weight.sizes());
  int64_t window = 1;
  for (int64_t d = 2; d < weight.dim(); ++d) window *= weight.size(d);
  return {weight.size(1) * window, weight.size(0) * window};
}

Tensor uniform_(Tensor tensor, double low, double high) {
  const NoGradGuard no_grad;
  tessera::uniform_(tensor, low, high);
  return tensor;
}

Tensor normal_(Tensor tensor, double mean, double std) {
  const NoGradGuard no_grad;
  tessera::normal_(tensor, mean, std);
  return tensor;
}

Tensor constant_(Tensor tensor, const Scalar& value) {
  const NoGradGuard no_grad;
  fill_(tensor, value);
  return tensor;
}

Tensor ones_(Tensor tensor) {
  return constant_(std::move(tensor), 1);
}
Tensor zeros_(Tensor tensor) {
  return constant_(std::move(tensor), 0);
}

Tensor kaiming_uniform_(Tensor tensor, double a, FanMode mode, Nonlinearity nonlinearity) {
  return uniform_with_std(tensor, kaiming_std(tensor, a, mode, nonlinearity));
}

Tensor kaiming_normal_(Tensor tensor, double a, FanMode mode, Nonlinearity nonlinearity) {
  return init::normal_(tensor, 0, kaiming_std(tensor, a, mode, nonlinearity));
}

Tensor xavier_uniform_(Tensor tensor, double gain) {
  return uniform_with_std(tensor, xavier_std(tensor, gain));
}
Tensor xavier_normal_(Tensor tensor, double gain) {
  return init::normal_(tensor, 0, xavier_std(tensor, gain));
}

Tensor eye_(Tensor matrix) {
  check<ShapeError>(matrix.dim() == 2, "eye_: a matrix is needed, not {}", matrix.sizes());
  const NoGradGuard no_grad;
  copy_(matrix, eye(matrix.size(0), matrix.size(1), matrix.options()));
  return matrix;
}

Tensor dirac_(Tensor tensor) {
  check<ShapeError>(tensor.dim() >= 3 && tensor.dim() <= 5, "dirac_: a weight [out, in, k1, ...] is needed, not {}",
                    tensor.sizes());
  const NoGradGuard no_grad;
  Tensor centre = zeros_(tensor).detach();
  while (centre.dim() > 2) centre = centre.select(2, centre.size(2) / 2);
  init::eye_(centre);
  return tensor;
}

Tensor orthogonal_(Tensor tensor, double gain) {
  check<ShapeError>(tensor.dim() >= 2, "orthogonal_: a tensor of shape {}. Two dimensions are needed.", tensor.sizes());
  const NoGradGuard no_grad;
  const int64_t rows = tensor.size(0), columns = rows == 0 ? 0 : tensor.numel() / rows;
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  const Tensor vectors = randn({count, length}, kFloat64);
  // Gram-Schmidt on Gaussian vectors gives each orthogonal matrix the same chance. Twice, for the sake of rounding.
  double* const v = vectors.data_ptr<double>();
  const auto dot = [&](int64_t i, int64_t j) { return std::inner_product(v + i * length, v + (i + 1) * length, v + j * length, 0.0); };
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < 2 * i; ++j) {
      const double share = dot(i, j % i);
      for (int64_t k = 0; k < length; ++k) v[i * length + k] -= share * v[(j % i) * length + k];
    }
    const double norm = std::sqrt(dot(i, i));
    for (int64_t k = 0; k < length; ++k) v[i * length + k] /= norm;
  }
  const Tensor result = (rows < columns ? vectors : vectors.t()).mul(gain);
  copy_(tensor, result.reshape(tensor.sizes()));
  return tensor;
}

Tensor sparse_(Tensor matrix, double sparsity, double std) {
  check<ShapeError>(matrix.dim() == 2, "sparse_: a matrix is needed, not {}", matrix.sizes());
  check<ValueError>(sparsity >= 0 && sparsity <= 1, "sparse_: the share {} of zeros", sparsity);
  init::normal_(matrix, 0, std);
  const NoGradGuard no_grad;
  const auto zeros = static_cast<int64_t>(std::ceil(sparsity * static_cast<double>(matrix.size(0))));
  for (int64_t column = 0; column < matrix.size(1); ++column) {
    const Tensor order = randperm(matrix.size(0));
    for (int64_t i = 0; i < zeros; ++i) matrix.detach().select(1, column).select(0, order[i].item<int64_t>()).zero_();
  }
  return matrix;
}

Tensor bilinear_(Tensor weight) {
  check<ShapeError>(weight.dim() == 4 && weight.size(0) == weight.size(1) && weight.size(2) == weight.size(3),
                    "bilinear_: a weight [C, C, k, k] is needed, not {}", weight.sizes());
  const int64_t channels = weight.size(0), k = weight.size(2);
  const int64_t factor = (k + 1) / 2;
  const double center = k % 2 == 1 ? static_cast<double>(factor) - 1 : static_cast<double>(factor) - 0.5;
  const auto tent = [&](int64_t i) { return 1 - std::abs(static_cast<double>(i) - center) / static_cast<double>(factor); };
  std::vector<double> values(static_cast<size_t>(weight.numel()), 0.0);
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < k; ++y)
      for (int64_t x = 0; x < k; ++x) values[static_cast<size_t>(((c * channels + c) * k + y) * k + x)] = tent(y) * tent(x);
  const NoGradGuard no_grad;
  copy_(weight, from_blob(values.data(), weight.sizes(), kFloat64));
  return weight;
}

}  // namespace tessera::nn::init
