// Convolutions and transposed convolutions, each pass by itself: fwd, dgrad (the input's gradient), wgrad (the weight's), and bwd
// (both). Operands of `_cl` rows are channels-last, weights too; those of `fp32` are NCHW, whose change to channels-last and back
// counts as part of the time. Weights are packed in each call.
#include <fmt/format.h>

#include <algorithm>

#include "bench/cuda/row.h"
#include "core/ops.h"
#include "core/precision.h"

namespace tessera::bench {
namespace {

// `tolerance`: of the distance to cuDNN's result.
struct Precision {
  const char* name;
  ScalarType dtype;
  Float32Precision float32;
  MemoryFormat format;
  std::string ceiling;
  double tolerance;
};

const std::vector<Precision>& precisions() {
  static const std::vector<Precision> all = {
      {"fp32", kFloat32, Float32Precision::Highest, kContiguous, kFloat32Ceiling, 1e-5},
      {"fp32_cl", kFloat32, Float32Precision::Highest, kChannelsLast, kFloat32Ceiling, 1e-5},
      {"tf32_cl", kFloat32, Float32Precision::High, kChannelsLast, kTF32Ceiling, 2e-3},
      {"bf16_cl", kBFloat16, Float32Precision::Highest, kChannelsLast, kBFloat16Ceiling, 1e-2}};
  return all;
}

struct Shape {
  int64_t images, in, height, width, out, kernel, stride, padding;
  bool transposed = false;

  int64_t out_size(int64_t size) const {
    return transposed ? (size - 1) * stride - 2 * padding + kernel : (size + 2 * padding - kernel) / stride + 1;
  }
  // Multiply-adds count twice. A convolution's taps meet the smaller of its two pictures.
  double flops() const {
    const double pixels = transposed ? double(height * width) : double(out_size(height) * out_size(width));
    return 2.0 * double(images) * pixels * double(in * out * kernel * kernel);
  }
  std::string name() const {
    return fmt::format("conv{}{}x{}s{}/{}x{}x{}x{}->{}", transposed ? "T" : "", kernel, kernel, stride, images, in, height, width, out);
  }
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {{16, 32, 256, 512, 32, 3, 1, 1},
                                         {16, 64, 128, 256, 64, 3, 1, 1},
                                         {16, 128, 64, 128, 128, 3, 1, 1},
                                         {16, 256, 32, 64, 256, 3, 1, 1},
                                         {16, 512, 16, 32, 512, 3, 1, 1},
                                         {32, 3, 320, 480, 64, 7, 2, 3},
                                         {32, 64, 80, 120, 64, 3, 1, 1},
                                         {32, 512, 10, 15, 512, 3, 1, 1},
                                         {8, 64, 352, 480, 64, 3, 1, 1},
                                         {8, 512, 44, 60, 512, 3, 1, 1},
                                         {32, 512, 10, 15, 21, 1, 1, 0},
                                         {32, 64, 80, 120, 128, 3, 2, 1},
                                         {32, 21, 10, 15, 21, 64, 32, 16, true},
                                         {8, 12, 44, 60, 12, 16, 8, 4, true},
                                         {8, 512, 22, 30, 512, 4, 2, 1, true},
                                         {16, 64, 128, 256, 32, 2, 2, 0, true}};
  return all;
}

enum class Pass { Forward, InputGrad, WeightGrad, Backward };

TensorList run(const Shape& s, Pass pass, const Tensor& input, const Tensor& weight, const Tensor& grad_out) {
  if (s.transposed) {
    if (pass == Pass::Forward) return {conv_transpose2d(input, weight, {}, s.stride, s.padding)};
    return {conv2d(grad_out, weight, {}, s.stride, s.padding), conv2d_weight_grad(grad_out, weight.sizes(), input, s.stride, s.padding)};
  }
  if (pass == Pass::Forward) return {conv2d(input, weight, {}, s.stride, s.padding)};
  if (pass == Pass::InputGrad) return {conv2d_input_grad(input.sizes(), weight, grad_out, s.stride, s.padding)};
  return {conv2d_weight_grad(input, weight.sizes(), grad_out, s.stride, s.padding)};
}

Row row(const Shape& s, const Precision& p, Pass pass, const char* pass_name) {
  const double elements = double(s.images) * double(s.in * s.height * s.width + s.out * s.out_size(s.height) * s.out_size(s.width));
  const auto prepare = [=] {
    const TensorOptions options = TensorOptions(kCUDA).dtype(p.dtype);
    const auto image = [&](int64_t channels, int64_t height, int64_t width) {
      return randn({s.images, channels, height, width}, options).contiguous(p.format);
    };
    return calls_beyond_cache(elements * double(element_size(p.dtype)), [&]() -> Call {
      const Tensor input = image(s.in, s.height, s.width), grad_out = image(s.out, s.out_size(s.height), s.out_size(s.width));
      const Tensor weight = (randn({s.transposed ? s.in : s.out, s.transposed ? s.out : s.in, s.kernel, s.kernel}, options) * 0.1)
                                .contiguous(p.format);
      return [=] {
        set_float32_matmul_precision(p.float32);
        return run(s, pass, input, weight, grad_out);
      };
    });
  };
  // cuDNN's float32 weight gradients sum up to 1.4 million products a number and lie up to 6e-5 from ours, which err by 1e-6 in sums of
  // 12,288 (tests/cuda/conv2d_weight_grad_test.cpp). Operands rounded to TF32 would be 3e-4 off.
  const double tolerance = pass == Pass::WeightGrad ? std::max(p.tolerance, 1e-4) : p.tolerance;
  return {fmt::format("{}/{}/{}", s.name(), p.name, pass_name), s.flops() * (pass == Pass::Backward ? 2 : 1), 0, p.ceiling,
          "conv2d=cudnn", tolerance, prepare};
}

}  // namespace

std::vector<Row> convolution_rows() {
  std::vector<Row> rows;
  for (const Shape& s : shapes())
    for (const Precision& p : precisions()) {
      if (!s.transposed) {
        rows.push_back(row(s, p, Pass::Forward, "fwd"));
        rows.push_back(row(s, p, Pass::InputGrad, "dgrad"));
        rows.push_back(row(s, p, Pass::WeightGrad, "wgrad"));
      } else if (p.dtype == kBFloat16 || p.float32 == Float32Precision::High) {
        rows.push_back(row(s, p, Pass::Forward, "fwd"));
        rows.push_back(row(s, p, Pass::Backward, "bwd"));
      }
    }
  return rows;
}

}  // namespace tessera::bench
