// Elementwise ops: gradients, broadcasting, type promotion, in-place rules, memory formats, errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

struct UnaryCase {
  const char* name;
  std::function<Tensor(const Tensor&)> function;
  double low, high;
  std::function<double(double)> expected;
};

const std::vector<UnaryCase>& unary_cases() {
  static const std::vector<UnaryCase> cases = {
      {"neg", neg, -2, 2, [](double x) { return -x; }},
      {"abs", abs, -2, 2, [](double x) { return std::abs(x); }},
      {"sign", sign, -2, 2, [](double x) { return x > 0 ? 1.0 : -1.0; }},
      {"square", square, -2, 2, [](double x) { return x * x; }},
      {"sqrt", sqrt, 0.1, 3, [](double x) { return std::sqrt(x); }},
      {"rsqrt", rsqrt, 0.1, 3, [](double x) { return 1 / std::sqrt(x); }},
      {"reciprocal", reciprocal, 0.3, 3, [](double x) { return 1 / x; }},
      {"exp", exp, -2, 2, [](double x) { return std::exp(x); }},
      {"expm1", expm1, -2, 2, [](double x) { return std::expm1(x); }},
      {"log", log, 0.1, 3, [](double x) { return std::log(x); }},
      {"log1p", log1p, -0.8, 3, [](double x) { return std::log1p(x); }},
      {"sin", sin, -4, 4, [](double x) { return std::sin(x); }},
      {"cos", cos, -4, 4, [](double x) { return std::cos(x); }},
      {"erf", erf, -2, 2, [](double x) { return std::erf(x); }},
      {"floor", floor, 0.1, 0.9, [](double x) { return std::floor(x); }},
      {"ceil", ceil, 0.1, 0.9, [](double x) { return std::ceil(x); }},
      {"round", round, 0.6, 1.4, [](double x) { return std::round(x); }},
      {"tanh", tanh, -2, 2, [](double x) { return std::tanh(x); }},
      {"sigmoid", sigmoid, -4, 4, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"relu", relu, -2, 2, [](double x) { return std::max(x, 0.0); }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }, -2, 2, [](double x) { return x > 0 ? x : 0.2 * x; }},
      {"elu", [](const Tensor& x) { return elu(x, 1.3); }, -2, 2, [](double x) { return x > 0 ? x : 1.3 * std::expm1(x); }},
      {"elu", [](const Tensor& x) { return elu(x, 1.3, 0.5, 3); }, -2, 2,
       [](double x) { return 0.5 * (x > 0 ? x : 1.3 * std::expm1(3 * x)); }},
      {"gelu", gelu, -3, 3, [](double x) { return x * 0.5 * std::erfc(-x * std::sqrt(0.5)); }},
      {"silu", silu, -4, 4, [](double x) { return x / (1 + std::exp(-x)); }},
      {"softplus", [](const Tensor& x) { return softplus(x, 2); }, -3, 3,
       [](double x) { return std::log1p(std::exp(2 * x)) / 2; }},
      {"softplus above its threshold", [](const Tensor& x) { return softplus(x, 1, 2); }, 2.1, 3, [](double x) { return x; }},
      {"clamp", [](const Tensor& x) { return clamp(x, -1, 0.5); }, -2, 2,
       [](double x) { return std::min(std::max(x, -1.0), 0.5); }},
      {"clamp_min", [](const Tensor& x) { return clamp_min(x, 0.5); }, -2, 2, [](double x) { return std::max(x, 0.5); }},
      {"clamp_max", [](const Tensor& x) { return clamp_max(x, 0.5); }, -2, 2, [](double x) { return std::min(x, 0.5); }},
      {"pow 3", [](const Tensor& x) { return pow(x, 3); }, -2, 2, [](double x) { return x * x * x; }},
      {"pow 0", [](const Tensor& x) { return pow(x, 0); }, -2, 2, [](double) { return 1.0; }},
      {"pow 1.7", [](const Tensor& x) { return pow(x, 1.7); }, 0.2, 2, [](double x) { return std::pow(x, 1.7); }},
      {"2.5 to the power x", [](const Tensor& x) { return pow(Scalar(2.5), x); }, -2, 2,
       [](double x) { return std::pow(2.5, x); }},
      {"add, mul", [](const Tensor& x) { return 3 + (x + 2) * 5 * x; }, -2, 2, [](double x) { return 3 + (x + 2) * 5 * x; }},
      {"sub, div", [](const Tensor& x) { return (7 - (x - 2)) / 3 - 1 / x; }, 1, 2,
       [](double x) { return (9 - x) / 3 - 1 / x; }}};
  return cases;
}

using Function = std::function<Tensor(const TensorList&)>;

// gradcheck runs the fused gradients; under create_graph the composed ones must give the same. The second derivative is that of
// the function times all inputs: the gradient then depends on each of them, for linear functions too.
void check_gradients(const Function& function, const TensorList& inputs) {
  EXPECT_NO_THROW(gradcheck(function, inputs));
  const Tensor out = function(inputs);
  Generator generator(3);
  const Tensor cotangent = rand(out.sizes(), generator, kFloat64);
  const TensorList fused = autograd::grad({out}, inputs, {cotangent}, true);
  const TensorList composed = autograd::grad({out}, inputs, {cotangent}, true, true);
  for (size_t k = 0; k < inputs.size(); ++k) {
    const std::vector<double> a = numbers(fused[k]), b = numbers(composed[k]);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_LE(std::abs(a[i] - b[i]), 1e-13 * std::max(1.0, std::abs(b[i])));
  }
  const Function times_inputs = [&](const TensorList& t) {
    Tensor product = function(t);
    for (const Tensor& x : t) product = product * x;
    return product;
  };
  EXPECT_NO_THROW(gradgradcheck(times_inputs, inputs));
}

TEST(ElementwiseOps, UnaryValuesAndGradients) {
  for (const UnaryCase& c : unary_cases()) {
    SCOPED_TRACE(c.name);
    const Tensor x = uniform({3, 7}, c.low, c.high, 5);
    const std::vector<double> in = numbers(x), out = numbers(c.function(x));
    for (size_t i = 0; i < in.size(); ++i) ASSERT_LE(std::abs(out[i] - c.expected(in[i])), 4e-14);
    check_gradients([&](const TensorList& t) { return c.function(t[0]); }, {x});
  }
}

TEST(ElementwiseOps, BinaryGradientsWithBroadcasting) {
  const std::vector<std::pair<const char*, Function>> functions = {
      {"add", [](const TensorList& t) { return add(t[0], t[1], 0.7); }},
      {"sub", [](const TensorList& t) { return sub(t[0], t[1], 0.7); }},
      {"mul", [](const TensorList& t) { return t[0] * t[1]; }},
      {"div", [](const TensorList& t) { return t[0] / t[1]; }},
      {"pow", [](const TensorList& t) { return pow(t[0], t[1]); }},
      {"maximum", [](const TensorList& t) { return maximum(t[0], t[1]); }},
      {"minimum", [](const TensorList& t) { return minimum(t[0], t[1]); }},
      {"where", [](const TensorList& t) { return where(t[0] > t[1], t[0] * 2, t[1]); }}};
  const std::vector<std::pair<DimVector, DimVector>> shapes = {
      {{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{2, 1}, {1, 4}}, {{}, {2, 2}}, {{2, 2}, {}}};
  for (const auto& [name, function] : functions)
    for (const auto& [a, b] : shapes) {
      SCOPED_TRACE(std::string(name) + " of " + to_string(a) + " and " + to_string(b));
      check_gradients(function, {uniform(a, 0.5, 2, 1), uniform(b, 0.5, 2, 2)});
    }
}

TEST(ElementwiseOps, GradientsWhereFunctionsHaveKinks) {
  const Tensor one = ones({1}, kFloat64);
  const auto gradient = [&](const std::function<Tensor(const Tensor&)>& f, double at) {
    const Tensor x = full({1}, at, kFloat64).requires_grad_();
    return autograd::grad({f(x)}, {x}, {one})[0].item<double>();
  };
  EXPECT_EQ(gradient(abs, 0), 0);
  EXPECT_EQ(gradient(relu, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return leaky_relu(x, 0.2); }, 0), 0.2);
  EXPECT_EQ(gradient([](const Tensor& x) { return clamp(x, -1, 1); }, 1), 1);
  EXPECT_EQ(gradient([](const Tensor& x) { return clamp(x, -1, 1); }, -1), 1);
  EXPECT_EQ(gradient([](const Tensor& x) { return pow(x, 0); }, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return pow(x, 2); }, 0), 0);
  const Tensor a = full({1}, 3.0, kFloat64).requires_grad_(), b = full({1}, 3.0, kFloat64).requires_grad_();
  for (const auto& function : {&maximum, &minimum})
    for (const Tensor& g : autograd::grad({function(a, b)}, {a, b}, {one})) EXPECT_EQ(g.item<double>(), 0.5);
  const Tensor zero = zeros({1}, kFloat64).requires_grad_(), two = full({1}, 2.0, kFloat64).requires_grad_();
  for (const Tensor& g : autograd::grad({pow(zero, two)}, {zero, two}, {one})) EXPECT_EQ(g.item<double>(), 0);
}

TEST(ElementwiseOps, TypePromotion) {
  const auto of = [](ScalarType type) { return ones({2}, type); };
  const auto zero_dim = [](ScalarType type) { return ones({}, type); };
  EXPECT_EQ((of(kInt32) + of(kInt64)).dtype(), kInt64);
  EXPECT_EQ((of(kInt64) + of(kFloat32)).dtype(), kFloat32);
  EXPECT_EQ((of(kFloat16) * of(kBFloat16)).dtype(), kFloat32);
  EXPECT_EQ((of(kFloat32) + of(kFloat64)).dtype(), kFloat64);
  EXPECT_EQ((of(kFloat32) + zero_dim(kFloat64)).dtype(), kFloat32);
  EXPECT_EQ((of(kInt64) * zero_dim(kFloat64)).dtype(), kFloat64);
  EXPECT_EQ((of(kBFloat16) * 2.5).dtype(), kBFloat16);
  EXPECT_EQ((of(kInt64) * 2.5).dtype(), kFloat32);
  EXPECT_EQ((of(kUInt8) + 1).dtype(), kUInt8);
  EXPECT_EQ((of(kBool) + 1).dtype(), kInt64);
  EXPECT_EQ((of(kInt64) / of(kInt64)).dtype(), kFloat32);
  EXPECT_EQ((of(kInt64) / 2).dtype(), kFloat32);
  EXPECT_EQ(exp(of(kInt64)).dtype(), kFloat32);
  EXPECT_EQ(abs(of(kInt64)).dtype(), kInt64);
  EXPECT_EQ(clamp(of(kInt64), 0.5).dtype(), kFloat32);
  EXPECT_EQ(pow(of(kInt64), 2).dtype(), kInt64);
  EXPECT_EQ((of(kFloat64) < of(kInt32)).dtype(), kBool);
  EXPECT_EQ(where(of(kBool), of(kFloat32), 0).dtype(), kFloat32);
  EXPECT_NEAR(exp(full({1}, 2, kInt64)).item<double>(), std::exp(2), 1e-6);
  EXPECT_EQ((full({1}, 7, kInt64) / 2).item<double>(), 3.5);
  // A number without dimensions is rounded to the common dtype before it is compared.
  EXPECT_TRUE((full({1}, 0.1, kFloat32) == 0.1).item<bool>());
  EXPECT_TRUE((full({1}, 0.1, kFloat32) == full({}, 0.1, kFloat64)).item<bool>());
}

TEST(ElementwiseOps, ComparisonsAndLogic) {
  const Tensor a = tensor({1.0, 2.0, 3.0}), b = tensor({3.0, 2.0, 1.0});
  using V = std::vector<double>;
  EXPECT_EQ(numbers(a == b), (V{0, 1, 0}));
  EXPECT_EQ(numbers(a != b), (V{1, 0, 1}));
  EXPECT_EQ(numbers(a < b), (V{1, 0, 0}));
  EXPECT_EQ(numbers(a <= b), (V{1, 1, 0}));
  EXPECT_EQ(numbers(a > 1), (V{0, 1, 1}));
  EXPECT_EQ(numbers(2 >= a), (V{1, 1, 0}));
  EXPECT_EQ(numbers(logical_and(a > 1, b > 1)), (V{0, 1, 0}));
  EXPECT_EQ(numbers(logical_or(a > 2, b > 2)), (V{1, 0, 1}));
  EXPECT_EQ(numbers(logical_xor(a > 1, b > 1)), (V{1, 0, 1}));
  EXPECT_EQ(numbers(logical_not(a - 2)), (V{0, 1, 0}));
  const Tensor special = tensor({1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()});
  EXPECT_EQ(numbers(isnan(special)), (V{0, 1, 0}));
  EXPECT_EQ(numbers(isfinite(special)), (V{1, 0, 0}));
  EXPECT_EQ(numbers(masked_fill(a, a == b, -7)), (V{1, -7, 3}));
  EXPECT_EQ(numbers(where(a > b, 0, a)), (V{1, 2, 0}));
}

TEST(ElementwiseOps, InPlaceValues) {
  const Tensor x = tensor({-1.0, 2.0, 5.0});
  x.add_(1).mul_(2).sub_(tensor({0.0, 1.0, 2.0})).div_(2).clamp_(-10, 4);
  EXPECT_EQ(numbers(x), (std::vector<double>{0, 2.5, 4}));
  x -= 1;
  EXPECT_EQ(numbers(x.relu_()), (std::vector<double>{0, 1.5, 3}));
  const Tensor square = tensor({{1.0, 2.0}, {3.0, 4.0}});
  square.add_(square.t());  // the source is a view of what is written
  EXPECT_EQ(numbers(square), (std::vector<double>{2, 5, 5, 8}));
}

// The in-place form on a non-leaf has the gradients of the other form.
TEST(ElementwiseOps, InPlaceGradients) {
  const std::vector<std::pair<const char*, Function>> functions = {
      {"relu_", [](const TensorList& t) { return (t[0] * t[1]).relu_(); }},
      {"leaky_relu_", [](const TensorList& t) { return leaky_relu_(t[0] * t[1], 0.3); }},
      {"elu_", [](const TensorList& t) { return elu_(t[0] * t[1]); }},
      {"silu_", [](const TensorList& t) { return silu_(t[0] * t[1]); }},
      {"sigmoid_", [](const TensorList& t) { return sigmoid_(t[0] * t[1]); }},
      {"clamp_", [](const TensorList& t) { return (t[0] * t[1]).clamp_(-0.5, 0.5); }},
      {"add_", [](const TensorList& t) { return (t[0] * 1).add_(t[1], 0.3); }},
      {"mul_", [](const TensorList& t) { return (t[0] * 1).mul_(t[1]); }},
      {"div_", [](const TensorList& t) { return (t[0] * 1).div_(t[1]); }},
      {"mul_ by itself", [](const TensorList& t) {
         const Tensor x = t[0] * t[1];
         return x.mul_(x);
       }}};
  for (const auto& [name, function] : functions) {
    SCOPED_TRACE(name);
    check_gradients(function, {uniform({2, 3}, -2, 2, 1), uniform({3}, 0.5, 2, 2)});
  }
}

TEST(ElementwiseOps, InPlaceRules) {
  const Tensor leaf = ones({2, 2}, kFloat64).requires_grad_();
  EXPECT_THROW(leaf.add_(1), AutogradError);
  EXPECT_THROW(leaf.mul_(leaf), AutogradError);
  {
    NoGradGuard no_grad;
    EXPECT_NO_THROW(leaf.mul_(2));
  }
  EXPECT_THROW(leaf[0].relu_(), AutogradError);
  const Tensor y = exp(leaf);
  y.add_(1);  // exp saved its output
  EXPECT_THROW(y.backward(ones({2, 2}, kFloat64)), AutogradError);
  EXPECT_THROW(ones({2}, kInt64).mul_(0.5), TypeError);
  EXPECT_THROW(ones({2}, kInt64).add_(ones({2})), TypeError);
  EXPECT_THROW(ones({2}).add_(ones({3, 2})), ShapeError);
}

TEST(ElementwiseOps, MemoryFormatIsKept) {
  const Tensor x = rand({2, 3, 4, 5}).contiguous(kChannelsLast).requires_grad_();
  const Tensor bias = rand({1, 3, 1, 1});
  for (const Tensor& y : {relu(x), x + bias, bias + x, x * 2, where(x > 0.5, x, 0), maximum(bias, x), x.to(kBFloat16) + 1}) {
    EXPECT_TRUE(y.is_contiguous(kChannelsLast));
    EXPECT_TRUE(autograd::grad({y}, {x}, {ones_like(y)}, true)[0].is_contiguous(kChannelsLast));
  }
}

TEST(ElementwiseOps, SavesOnlyWhatTheGradientReads) {
  const Tensor x = rand({8, 8}).requires_grad_();
  const Tensor y = relu(x);
  ASSERT_EQ(y.grad_fn()->saved.size(), 1u);
  EXPECT_EQ(y.grad_fn()->saved[0].unpack(y.grad_fn()).data_ptr(), y.data_ptr());
  EXPECT_EQ((x + 1).grad_fn()->saved_bytes(), 0u);
  EXPECT_EQ((x + x).grad_fn()->saved_bytes(), 0u);
  EXPECT_EQ((x * ones({8, 8})).grad_fn()->saved_bytes(), 256u);  // the factor, not x
}

TEST(ElementwiseOps, ErrorsNameTheOpAndTheShapes) {
  const std::string text = message_of<ShapeError>([] { add(ones({2, 3}), ones({4})); });
  for (const char* part : {"add: ", "[2, 3]", "[4]"}) EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_THROW(clamp(ones({2}), {}, {}), ValueError);
  EXPECT_THROW(pow(ones({2}, kInt64), -1), ValueError);
  EXPECT_THROW(elu(ones({2}), -1), ValueError);
  EXPECT_THROW(elu(ones({2}), 1, 1, 0), ValueError);
  EXPECT_THROW(where(ones({2}), ones({2}), ones({2})), TypeError);
  EXPECT_THROW(masked_fill(ones({2}), ones({3, 2}, kBool), 1), ShapeError);
}

}  // namespace
}  // namespace tessera
