// Ops whose time is that of their bytes: batch norm, ReLU, pooling, log_softmax, losses, resampling, the confusion matrix.
// Images are channels-last, Tessera's own order on a GPU. `bytes` are the fewest that the mathematics needs, as in the anchors
// except for cross_entropy_fwd_bwd: its scores are read forward, and read again and their gradient written backward, three passes
// where the anchors count two.
#include <fmt/format.h>

#include "bench/cuda/row.h"
#include "core/autograd.h"
#include "core/ops.h"

namespace tessera::bench {
namespace {

constexpr int64_t kClasses = 21, kPixels = int64_t{32} * 320 * 480;

struct Type {
  const char* name;
  ScalarType dtype;
  double tolerance;
  double size() const { return double(element_size(dtype)); }
};

Tensor image(IntArrayRef sizes, const Type& type) {
  return randn(sizes, TensorOptions(kCUDA).dtype(type.dtype)).contiguous(kChannelsLast);
}

Tensor labels() { return randint(kClasses, {32, 320, 480}, kCUDA); }

Row row(const std::string& key, const Type& type, double bytes, const char* cudnn, std::function<Call()> make) {
  return {fmt::format("{}/{}", key, type.name), 0, bytes, kCopyCeiling, cudnn, type.tolerance,
          [=] { return calls_beyond_cache(bytes, make); }};
}

// Forward of an op of one image.
template <class Op> std::function<Call()> forward(std::vector<int64_t> sizes, const Type& type, Op op) {
  return [=]() -> Call {
    return [=, x = image(sizes, type)] {
      const NoGradGuard no_grad;
      return TensorList{op(x)};
    };
  };
}

struct BatchNorm {
  Tensor x, weight, bias, mean, var;
  explicit BatchNorm(const Type& type)
      : x(image({32, 64, 160, 240}, type)),
        weight(randn({64}, kCUDA)),
        bias(randn({64}, kCUDA)),
        mean(zeros({64}, kCUDA)),
        var(ones({64}, kCUDA)) {}
  Tensor operator()() const { return batch_norm(x, weight, bias, mean, var, /*training=*/true, 0.1, 1e-5); }
};

std::vector<Row> rows_of(const Type& type) {
  const double activation = 32.0 * 64 * 160 * 240 * type.size(), scores = double(kPixels * kClasses) * type.size();
  const double small = 16.0 * 64 * 128 * 256 * type.size();
  const double target = double(kPixels) * 8;  // int64
  const std::vector<int64_t> sizes{32, 64, 160, 240}, score_sizes{32, kClasses, 320, 480};
  return {
      row("batchnorm_train_fwd/32x64x160x240", type, 3 * activation, "batch_norm_training=cudnn",
          [=]() -> Call {
            return [norm = BatchNorm(type)] {
              const NoGradGuard no_grad;
              return TensorList{norm()};
            };
          }),
      row("batchnorm_bwd/32x64x160x240", type, 5 * activation, "batch_norm_training=cudnn",
          [=]() -> Call {
            const BatchNorm norm(type);
            for (const Tensor& t : {norm.x, norm.weight, norm.bias}) t.requires_grad_();
            return [norm, out = norm(), grad_out = image(sizes, type)] {
              return autograd::grad({out}, {norm.x, norm.weight, norm.bias}, {grad_out}, /*retain_graph=*/true);
            };
          }),
      row("relu", type, 2 * activation, "", forward(sizes, type, [](const Tensor& x) { return relu(x); })),
      row("maxpool2", type, 1.25 * activation, "max_pool2d_values=cudnn",
          forward(sizes, type, [](const Tensor& x) { return max_pool2d(x, 2); })),
      row("log_softmax/32x21x320x480", type, 2 * scores, "log_softmax=cudnn",
          forward(score_sizes, type, [](const Tensor& x) { return log_softmax(x, 1); })),
      row("nll/32x21x320x480", type, double(kPixels) * (8 + type.size()), "",
          [=]() -> Call {
            return [log_p = image(score_sizes, type), target = labels()] {
              const NoGradGuard no_grad;
              return TensorList{nll_loss(log_p, target)};
            };
          }),
      row("cross_entropy_fwd_bwd/32x21x320x480", type, 3 * scores + 2 * target, "",
          [=]() -> Call {
            return [x = image(score_sizes, type).requires_grad_(), target = labels()] {
              return autograd::grad({cross_entropy(x, target)}, {x});
            };
          }),
      row("interp_bilinear_x2_ac/16x64x128x256", type, 5 * small, "",
          forward({16, 64, 128, 256}, type, [](const Tensor& x) { return upsample_bilinear2d(x, {256, 512}, /*align_corners=*/true); })),
  };
}

}  // namespace

std::vector<Row> memory_bound_rows() {
  std::vector<Row> rows = rows_of({"fp32", kFloat32, 1e-4});
  for (Row& r : rows_of({"bf16", kBFloat16, 2e-2})) rows.push_back(std::move(r));
  rows.push_back({"confusion_bincount/32x320x480", 0, 16.0 * kPixels, kCopyCeiling, "", 0, [] {
                    return calls_beyond_cache(16.0 * kPixels, []() -> Call {
                      return [target = labels(), prediction = labels()] {
                        return TensorList{confusion_matrix(target, prediction, kClasses)};
                      };
                    });
                  }});
  return rows;
}

}  // namespace tessera::bench
