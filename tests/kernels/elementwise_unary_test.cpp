// The fast unary kernels against the reference, and the reference against the standard library and literal values.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/elementwise/elementwise.h"
#include "tests/support/agreement.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

struct UnaryCase {
  const char* name;
  UnaryOp op;
  UnaryParams params;
  double low, high;
  double scale = 0;  // errors count relative to max(|result|, scale)
};

const double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<UnaryCase>& unary_cases() {
  using enum UnaryOp;
  static const std::vector<UnaryCase> cases = {{"neg", Neg, {}, -9, 9},
                                               {"abs", Abs, {}, -9, 9},
                                               {"sign", Sign, {}, -2, 2},
                                               {"square", Square, {}, -9, 9},
                                               {"add_scalar", AddScalar, {3, 0}, -9, 9},
                                               {"mul_scalar", MulScalar, {-2, 0}, -9, 9},
                                               {"relu", Relu, {}, -2, 2},
                                               {"leaky_relu", LeakyRelu, {0.01, 0}, -9, 9},
                                               {"clamp", Clamp, {-1, 2}, -4, 4},
                                               {"clamp_min", Clamp, {0, kInf}, -4, 4},
                                               {"pow 3", PowScalar, {3, 0}, -9, 9},
                                               {"pow 2", PowScalar, {2, 0}, -9, 9},
                                               {"pow 0.7", PowScalar, {0.7, 0}, 0, 9},
                                               {"floor", Floor, {}, -9, 9},
                                               {"ceil", Ceil, {}, -9, 9},
                                               {"round", Round, {}, -9, 9},
                                               {"logical_not", LogicalNot, {}, -2, 2},
                                               {"isnan", IsNan, {}, -9, 9},
                                               {"isfinite", IsFinite, {}, -9, 9},
                                               {"sqrt", Sqrt, {}, 0, 9},
                                               {"rsqrt", Rsqrt, {}, 0.01, 9},
                                               {"reciprocal", Reciprocal, {}, 0.1, 9},
                                               {"exp", Exp, {}, -100, 100},
                                               {"exp near 0", Exp, {}, -1, 1},
                                               {"expm1", Expm1, {}, -20, 80},
                                               {"expm1 near 0", Expm1, {}, -1, 1},
                                               {"log", Log, {}, 0, 100},
                                               {"log near 1", Log, {}, 0.5, 2},
                                               {"log1p", Log1p, {}, -1, 100},
                                               {"log1p near 0", Log1p, {}, -0.5, 1},
                                               {"sin", Sin, {}, -100, 100},
                                               {"cos", Cos, {}, -100, 100},
                                               {"sin large", Sin, {}, -1e5, 1e5},
                                               {"tanh", Tanh, {}, -10, 10},
                                               {"tanh near 0", Tanh, {}, -0.5, 0.5},
                                               {"sigmoid", Sigmoid, {}, -80, 80},
                                               {"elu", Elu, {1.5, 0}, -9, 9},
                                               {"gelu", Gelu, {}, -6, 6, 1},
                                               {"silu", Silu, {}, -80, 80},
                                               {"softplus", Softplus, {1, 20}, -30, 30},
                                               {"softplus 2", Softplus, {2, 5}, -9, 9},
                                               {"erf", Erf, {}, -6, 6},
                                               {"erf near 0", Erf, {}, -0.5, 0.5}};
  return cases;
}

TEST(Elementwise, UnaryFastAgreesWithReferenceForAllSizes) {
  for (const UnaryCase& c : unary_cases())
    for (ScalarType dtype : {kFloat32, kFloat64})
      for (int64_t size = 0; size <= 72; ++size) {
        const int64_t n = size == 71 ? 1000 : size == 72 ? 70000 : size;
        const StridedBuffer in(dtype, {n}, {}, 1, n % 3), fast(dtype, {n}, {}, 1, n % 5), expected(dtype, {n});
        in.fill_random(1, c.low, c.high);
        if (n == 70000 && dtype == kFloat64 && c.op == UnaryOp::PowScalar) continue;
        reference::unary(expected.view, in.view, c.op, c.params);
        cpu::unary(fast.view, in.view, c.op, c.params);
        expect_close(fast, expected, epsilons(4.5, fast.view.dtype, c.scale),
                     std::string(c.name) + " " + to_string(dtype) + " " + std::to_string(n));
      }
}

// The float functions also against the double ones: reference and fast share the scalar functors, the standard library does not.
TEST(Elementwise, Float32IsWithinFewUnitsOfDouble) {
  const int64_t n = 20000;
  for (const UnaryCase& c : unary_cases()) {
    if (c.op == UnaryOp::PowScalar || c.op == UnaryOp::Floor || c.op == UnaryOp::Ceil || c.op == UnaryOp::Round) continue;
    const StridedBuffer in(kFloat32, {n}), fast(kFloat32, {n}), rounded(kFloat32, {n}), exact(kFloat64, {n});
    in.fill_random(7, c.low, c.high);
    UnaryParams params{static_cast<float>(c.params.a), static_cast<float>(c.params.b)};
    cpu::unary(fast.view, in.view, c.op, params);
    reference::unary(exact.view, in.view, c.op, params);
    reference::copy(rounded.view, exact.view);
    expect_close(fast, rounded, epsilons(5, fast.view.dtype, c.scale), c.name);
  }
}

TEST(Elementwise, UnaryEdgeValues) {
  const std::vector<double> edges = {0.0, -0.0,  1,    -1,   kInf, -kInf, kNan, 1e-40, -1e-40, 1e-310, 88.5, -88.5, 104,   -104,
                                     705, 709.5, -745, -750, 1e30, -1e30, 3e38, 0.5,   -0.5,   1.5,    2.5,  -2.5,  40000, 1e-8};
  const int64_t n = static_cast<int64_t>(edges.size());
  for (const UnaryCase& c : unary_cases())
    for (ScalarType dtype : {kFloat32, kFloat64}) {
      const StridedBuffer in(dtype, {n}), fast(dtype, {n}), expected(dtype, {n});
      in.fill(edges);
      reference::unary(expected.view, in.view, c.op, c.params);
      cpu::unary(fast.view, in.view, c.op, c.params);
      expect_close(fast, expected, epsilons(4.5, fast.view.dtype, c.scale), std::string(c.name) + " " + to_string(dtype));
    }
}

TEST(Elementwise, ReferenceKnowsItsFunctions) {
  const auto value = [](UnaryOp op, double x, UnaryParams params = {}) {
    double result = -1;
    View in{&x, kFloat64, 0, {}, {}}, out{&result, kFloat64, 0, {}, {}};
    reference::unary(out, in, op, params);
    return result;
  };
  using enum UnaryOp;
  EXPECT_EQ(value(Sign, -3), -1);
  EXPECT_EQ(value(Round, 2.5), 2);
  EXPECT_EQ(value(Round, -1.5), -2);
  EXPECT_EQ(value(Clamp, 5, {-1, 2}), 2);
  EXPECT_EQ(value(LeakyRelu, -2, {0.5, 0}), -1);
  EXPECT_EQ(value(IsFinite, kInf), 0);
  EXPECT_EQ(value(Softplus, 21, {1, 20}), 21);
  EXPECT_NEAR(value(Softplus, 0, {2, 20}), std::log(2) / 2, 1e-16);
  EXPECT_NEAR(value(Gelu, 1), 0.841344746068543, 1e-15);
  EXPECT_NEAR(value(Silu, 1), 0.731058578630005, 1e-15);
  EXPECT_NEAR(value(Elu, -1, {2, 0}), 2 * (std::exp(-1) - 1), 1e-15);
  EXPECT_NEAR(value(Erf, 0.5), 0.520499877813047, 1e-15);
  EXPECT_TRUE(std::isnan(value(Relu, kNan)));
  EXPECT_TRUE(std::isnan(value(Clamp, kNan, {-1, 2})));
}

}  // namespace
}  // namespace tessera::kernels
