// Activations composed of ops: values at chosen points, gradients, in-place forms and printed names.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "core/gradcheck.h"
#include "nn/nn.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera::nn {
namespace {

namespace F = functional;
using namespace testing_support;

const Tensor kPoints = tensor({-3.0, -0.25, 0.0, 0.5, 2.0, 7.0}, kFloat64);
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

struct Case {
  const char* name;
  std::function<Tensor(const Tensor&)> function;
  std::function<double(double)> formula;
};

const Case kCases[] = {
    {"relu6", [](const Tensor& x) { return F::relu6(x); }, [](double x) { return std::min(std::max(x, 0.0), 6.0); }},
    {"prelu", [](const Tensor& x) { return F::prelu(x, tensor({0.3}, kFloat64)); }, [](double x) { return x > 0 ? x : 0.3 * x; }},
    {"selu", [](const Tensor& x) { return F::selu(x); },
     [](double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x)); }},
    {"celu", [](const Tensor& x) { return F::celu(x, F::CELUFuncOptions().alpha(2)); },
     [](double x) { return x > 0 ? x : 2 * std::expm1(x / 2); }},
    {"hardtanh", [](const Tensor& x) { return F::hardtanh(x, F::HardtanhFuncOptions().min_val(-2).max_val(0.7)); },
     [](double x) { return std::min(std::max(x, -2.0), 0.7); }},
    {"threshold", [](const Tensor& x) { return F::threshold(x, F::ThresholdFuncOptions(0.3, -9)); },
     [](double x) { return x > 0.3 ? x : -9; }},
    {"hardshrink", [](const Tensor& x) { return F::hardshrink(x, 0.4); }, [](double x) { return std::abs(x) > 0.4 ? x : 0; }},
    {"softshrink", [](const Tensor& x) { return F::softshrink(x, 0.4); },
     [](double x) { return x > 0.4    ? x - 0.4
                           : x < -0.4 ? x + 0.4
                                      : 0; }},
    {"logsigmoid", [](const Tensor& x) { return F::logsigmoid(x); }, [](double x) { return std::log(logistic(x)); }},
    {"softsign", [](const Tensor& x) { return F::softsign(x); }, [](double x) { return x / (1 + std::abs(x)); }},
    {"tanhshrink", [](const Tensor& x) { return F::tanhshrink(x); }, [](double x) { return x - std::tanh(x); }},
    {"mish", [](const Tensor& x) { return F::mish(x); }, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
    {"gelu", [](const Tensor& x) { return F::gelu(x, F::GELUFuncOptions().approximate("tanh")); },
     [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
};

TEST(Activations, HaveTheirFormulasAndGradients) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    std::vector<double> expected;
    for (double x : numbers(kPoints)) expected.push_back(c.formula(x));
    expect_near(c.function(kPoints), expected, 1e-14);
    gradcheck([&](const TensorList& in) { return c.function(in[0]); }, {hashed({3, 5}, 4)});
  }
  expect_near(F::logsigmoid(tensor({-800.0, 800.0}, kFloat64)), {-800, 0}, 1e-300);
}

TEST(Activations, WeightsChannelsAndHalves) {
  const PReLU prelu(PReLUOptions(2).init(0.5));
  EXPECT_EQ(prelu->named_parameters().keys(), std::vector<std::string>{"weight"});
  prelu->weight.detach()[1].fill_(0.25);
  expect_near(prelu(tensor({{-2.0, -4.0}, {1.0, 2.0}})), {-1, -1, 1, 2}, 0);
  gradcheck([](const TensorList& in) { return F::prelu(in[0], in[1]); }, {hashed({2, 3, 2}, 5), uniform({3}, 0.1, 0.5, 6)});
  EXPECT_THROW(F::prelu(ones({2, 3}), ones({2})), ShapeError);

  const Tensor x = hashed({2, 6}, 7);
  expect_near(GLU(1)(x), numbers(mul(narrow(x, 1, 0, 3), sigmoid(narrow(x, 1, 3, 3)))), 0);
  EXPECT_THROW(F::glu(ones({3}), 0), ShapeError);
  expect_near(Softmax2d()(ones({1, 4, 2, 1})), std::vector<double>(8, 0.25), 1e-7);
  EXPECT_THROW(Softmax2d()(ones({4})), ShapeError);
  EXPECT_THROW(F::gelu(ones({1}), F::GELUFuncOptions().approximate("erf")), ValueError);
  EXPECT_THROW(F::celu(ones({1}), F::CELUFuncOptions().alpha(0)), ValueError);
}

TEST(Activations, InplaceWritesIntoTheInput) {
  for (const AnyModule& layer :
       {AnyModule(ReLU(true)), AnyModule(ReLU6(true)), AnyModule(SELU(true)), AnyModule(CELU(CELUOptions().inplace(true))),
        AnyModule(Hardtanh(HardtanhOptions().inplace(true))), AnyModule(Threshold(ThresholdOptions(0, 1).inplace(true)))}) {
    SCOPED_TRACE(layer.ptr()->name());
    const Tensor x = kPoints.clone(), before = x.clone(), y = layer.forward(x);
    EXPECT_TRUE(equal(x, y));
    EXPECT_FALSE(equal(x, before));
  }
}

TEST(Activations, ArePrintedAsInLibtorch) {
  const auto text = [](const auto& layer) {
    std::ostringstream stream;
    stream << layer;
    return stream.str();
  };
  EXPECT_EQ(text(CELU(CELUOptions().alpha(0.5).inplace(true))), "tessera::nn::CELU(alpha=0.5, inplace=true)");
  EXPECT_EQ(text(Threshold(24.5, 51)), "tessera::nn::Threshold(threshold=24.5, value=51)");
  EXPECT_EQ(text(Softplus()), "tessera::nn::Softplus(beta=1, threshold=20)");
  EXPECT_EQ(text(Conv2d(Conv2dOptions(3, 4, 3).padding(kSame).padding_mode(kReflect))),
            "tessera::nn::Conv2d(3, 4, kernel_size=[3, 3], stride=[1, 1], padding='same', padding_mode=reflect)");
  EXPECT_EQ(text(AdaptiveAvgPool2d(AdaptiveAvgPool2dOptions({5, std::nullopt}))),
            "tessera::nn::AdaptiveAvgPool2d(output_size=[5, None])");
  EXPECT_EQ(text(InstanceNorm2d(2)),
            "tessera::nn::InstanceNorm2d(2, eps=1e-05, momentum=0.1, affine=false, track_running_stats=false)");
}

}  // namespace
}  // namespace tessera::nn
