// cuDNN's kernels, where the build and the machine have them, against Tessera's: they are there to be compared with.
#include "kernels/cuda/cudnn.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops.h"
#include "core/precision.h"
#include "tests/support/message_of.h"
#include "tests/support/on_device.h"

namespace tessera {
namespace {

using testing_support::message_of;

#define TESSERA_NEEDS_CUDNN() \
  TESSERA_NEEDS_GPU();        \
  if (!kernels::cudnn::is_available()) GTEST_SKIP() << "no cuDNN in this build or on this machine"

class Kernels {
 public:
  explicit Kernels(const std::string& overrides) { set_kernels(overrides); }
  ~Kernels() { set_kernels(""); }
};

// ||a - b|| / ||b||, NaN if there is one in either.
double distance(const Tensor& a, const Tensor& b) {
  const Tensor x = a.detach().to(kFloat64), y = b.detach().to(kFloat64);
  return std::sqrt((x - y).square().sum().item<double>() / y.square().sum().item<double>());
}

// f's results by Tessera's kernels and by cuDNN's.
void expect_same(const std::string& overrides, double tolerance, const std::string& what, const std::function<TensorList()>& f) {
  const TensorList ours = f();
  const Kernels cudnn(overrides);
  const TensorList theirs = f(), again = f();
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_LE(distance(theirs[i], ours[i]), tolerance) << what << ", result " << i;
    EXPECT_TRUE(again[i].equal(theirs[i])) << what << ", result " << i << ": two runs differ";
  }
}

TEST(Cudnn, ConvolutionsAgree) {
  TESSERA_NEEDS_CUDNN();
  struct Case {
    ScalarType dtype;
    MemoryFormat format;
    double tolerance;
  };
  for (const auto& [dtype, format, tolerance] : {Case{kFloat32, kContiguous, 1e-5}, Case{kFloat32, kChannelsLast, 1e-5},
                                                 Case{kFloat64, kContiguous, 1e-13}, Case{kBFloat16, kChannelsLast, 1e-2}}) {
    const TensorOptions options = TensorOptions(kCUDA).dtype(dtype);
    for (const auto& [stride, padding, groups] : {std::array<int64_t, 3>{1, 1, 1}, {2, 1, 1}, {1, 0, 2}}) {
      const std::string what = fmt::format("dtype {}, stride {}, padding {}, groups {}", to_string(dtype), stride, padding, groups);
      const Tensor x = randn({2, 16, 13, 18}, options).contiguous(format).requires_grad_();
      const Tensor w = randn({24, 16 / groups, 3, 3}, options).requires_grad_(), b = randn({24}, options).requires_grad_();
      const auto out = [&, stride = stride, padding = padding, groups = groups] {
        return conv2d(x, w, b, stride, padding, 1, groups);
      };
      const Tensor g = randn_like(out().detach());
      expect_same("conv2d=cudnn", tolerance, what, [&] {
        const Tensor y = out();
        TensorList results = autograd::grad({y}, {x, w, b}, {g});
        results.push_back(y.detach());
        return results;
      });
    }
    const Tensor x = randn({2, 16, 7, 9}, options).contiguous(format).requires_grad_();
    const Tensor w = randn({16, 8, 4, 4}, options).requires_grad_();
    expect_same("conv2d=cudnn", tolerance, "transposed", [&] {
      const Tensor y = conv_transpose2d(x, w, {}, 2, 1);
      TensorList results = autograd::grad({y}, {x, w}, {y.detach()});
      results.push_back(y.detach());
      return results;
    });
  }
}

TEST(Cudnn, HighestPrecisionDoesNotRoundToTensorFloat32) {
  TESSERA_NEEDS_CUDNN();
  const Tensor x = randn({4, 64, 32, 32}, kCUDA).contiguous(kChannelsLast), w = randn({64, 64, 3, 3}, kCUDA);
  const Tensor exact = conv2d(x.to(kFloat64), w.to(kFloat64), {}, 1, 1);
  const Kernels cudnn("conv2d=cudnn");
  EXPECT_LE(distance(conv2d(x, w, {}, 1, 1), exact), 1e-6);
}

TEST(Cudnn, SoftmaxAgrees) {
  TESSERA_NEEDS_CUDNN();
  for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16})
    for (MemoryFormat format : {kContiguous, kChannelsLast})
      for (int64_t dim : {1, 3}) {
        const Tensor x = randn({3, 21, 10, 12}, TensorOptions(kCUDA).dtype(dtype)).contiguous(format).requires_grad_();
        const Tensor g = randn_like(x.detach());
        const double tolerance = dtype == kFloat64 ? 1e-13 : dtype == kFloat32 ? 1e-5 : 1e-2;
        for (const auto& op : {softmax, log_softmax})
          expect_same("softmax=cudnn,log_softmax=cudnn", tolerance, fmt::format("{}, dimension {}", to_string(dtype), dim), [&] {
            const Tensor y = op(x, dim);
            return TensorList{autograd::grad({y}, {x}, {g})[0], y.detach()};
          });
      }
}

TEST(Cudnn, BatchNormInTrainingAgrees) {
  TESSERA_NEEDS_CUDNN();
  for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16})
    for (MemoryFormat format : {kContiguous, kChannelsLast})
      for (bool affine : {true, false}) {
        const TensorOptions numbers = TensorOptions(kCUDA).dtype(dtype == kFloat64 ? kFloat64 : kFloat32);
        const Tensor x = randn({4, 24, 10, 12}, TensorOptions(kCUDA).dtype(dtype)).contiguous(format).requires_grad_();
        const Tensor g = randn_like(x.detach());
        const Tensor weight = affine ? randn({24}, numbers).requires_grad_() : Tensor();
        const Tensor bias = affine ? randn({24}, numbers).requires_grad_() : Tensor();
        const double tolerance = dtype == kFloat64 ? 1e-12 : dtype == kFloat32 ? 1e-5 : 1e-2;
        expect_same("batch_norm=cudnn", tolerance, fmt::format("{}, affine {}", to_string(dtype), affine), [&] {
          const Tensor mean = zeros({24}, numbers), var = ones({24}, numbers);
          const Tensor y = batch_norm(x, weight, bias, mean, var, /*training=*/true, 0.1, 1e-5);
          TensorList results = autograd::grad({y}, affine ? TensorList{x, weight, bias} : TensorList{x}, {g});
          for (const Tensor& t : {y.detach(), mean, var}) results.push_back(t);
          return results;
        });
      }
}

TEST(Cudnn, PoolingAgrees) {
  TESSERA_NEEDS_CUDNN();
  for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16})
    for (MemoryFormat format : {kContiguous, kChannelsLast})
      for (const auto& [kernel, stride, padding] : {std::array<int64_t, 3>{2, 2, 0}, {3, 2, 1}, {3, 1, 1}}) {
        const Tensor x = randn({2, 16, 11, 14}, TensorOptions(kCUDA).dtype(dtype)).contiguous(format).requires_grad_();
        const double tolerance = dtype == kFloat64 ? 1e-13 : dtype == kFloat32 ? 1e-6 : 1e-2;
        const std::string what = fmt::format("{}, kernel {}, stride {}", to_string(dtype), kernel, stride);
        expect_same("max_pool2d=cudnn", 0, what, [&, kernel = kernel, stride = stride, padding = padding] {
          return TensorList{max_pool2d(x.detach(), kernel, stride, padding)};
        });
        for (bool count_padding : {true, false})
          expect_same("avg_pool2d=cudnn", tolerance, what, [&, kernel = kernel, stride = stride, padding = padding] {
            const Tensor y = avg_pool2d(x, kernel, stride, padding, /*ceil_mode=*/false, count_padding);
            return TensorList{autograd::grad({y}, {x}, {y.detach()})[0], y.detach()};
          });
      }
  const Kernels cudnn("avg_pool2d=cudnn");
  const std::string message = message_of<DeviceError>([] { avg_pool2d(zeros({1, 1, 5, 5}, kCUDA), 2, 2, 0, /*ceil_mode=*/true); });
  EXPECT_NE(message.find("ceil_mode"), std::string::npos) << message;
}

TEST(Cudnn, AKernelItDoesNotHaveIsRefusedByName) {
  TESSERA_NEEDS_GPU();
  const Tensor x = randn({1, 1, 4, 4}, kCUDA).requires_grad_();
  {
    const Kernels cudnn("max_pool2d=cudnn");  // it does not tell where the maxima were, as a gradient needs
    const std::string message = message_of<DeviceError>([&] { max_pool2d(x, 2); });
    EXPECT_NE(message.find("max_pool2d_forward: there is no cuDNN kernel"), std::string::npos) << message;
  }
  const Kernels cudnn("cudnn");  // all that it has
  EXPECT_EQ(max_pool2d(x, 2).numel(), 4);
}

}  // namespace
}  // namespace tessera
