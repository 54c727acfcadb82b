// The fast elementwise kernels against the reference, and the reference against the standard library and literal values.
#include "kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/elementwise/functors.h"

namespace tessera::kernels {
namespace {

// A view on memory of its own, with guard elements around it.
class Array {
 public:
  // `order` lists the dimensions from the outermost in memory to the innermost; empty: row-major. `gap` widens the innermost
  // stride.
  Array(ScalarType dtype, std::vector<int64_t> sizes, std::vector<int> order = {}, int64_t gap = 1, int64_t shift = 0) {
    view.dtype = dtype;
    view.ndim = static_cast<int>(sizes.size());
    if (order.empty()) {
      order.resize(sizes.size());
      std::iota(order.begin(), order.end(), 0);
    }
    int64_t stride = gap;
    for (int i = view.ndim - 1; i >= 0; --i) {
      view.sizes[order[i]] = sizes[order[i]];
      view.strides[order[i]] = stride;
      stride *= sizes[order[i]];
    }
    const size_t element = element_size(dtype);
    memory_.assign((static_cast<size_t>(stride + shift) + 2 * kGuard) * element, 0x5A);
    view.data = memory_.data() + (kGuard + static_cast<size_t>(shift)) * element;
  }

  // The same memory, repeated along dimension d.
  View expanded(int d, int64_t size) const {
    View result = view;
    result.sizes[d] = size;
    result.strides[d] = 0;
    return result;
  }

  bool guards_are_intact() const {
    const size_t guard = kGuard * element_size(view.dtype);
    const auto intact = [](unsigned char byte) { return byte == 0x5A; };
    return std::all_of(memory_.begin(), memory_.begin() + static_cast<int64_t>(guard), intact) &&
           std::all_of(memory_.end() - static_cast<int64_t>(guard), memory_.end(), intact);
  }

  View view;

 private:
  static constexpr size_t kGuard = 64;
  std::vector<unsigned char> memory_;
};

// Calls body(linear logical index, offset).
template <class Body> void each(const View& view, Body&& body) {
  for (int64_t i = 0; i < view.numel(); ++i) {
    int64_t offset = 0, rest = i;
    for (int d = view.ndim - 1; d >= 0; --d) {
      offset += rest % view.sizes[d] * view.strides[d];
      rest /= view.sizes[d];
    }
    body(i, offset);
  }
}

double get(const View& view, int64_t offset) {
  return dispatch_all(view.dtype, [&]<class T>() { return static_cast<double>(view.as<T>()[offset]); });
}

std::vector<double> values(const View& view) {
  std::vector<double> result;
  each(view, [&](int64_t, int64_t offset) { result.push_back(get(view, offset)); });
  return result;
}

void assign(const View& view, const std::vector<double>& numbers) {
  each(view, [&](int64_t i, int64_t offset) {
    dispatch_all(view.dtype,
                 [&]<class T>() { view.as<T>()[offset] = convert<T>(numbers[static_cast<size_t>(i) % numbers.size()]); });
  });
}

std::vector<double> random_numbers(int64_t count, double low, double high, unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<double> result(static_cast<size_t>(std::max<int64_t>(count, 1)));
  for (double& value : result) value = distribution(generator);
  return result;
}

double epsilon(ScalarType type) {
  switch (type) {
    case kFloat64: return 0x1p-52;
    case kFloat32: return 0x1p-23;
    case kFloat16: return 0x1p-10;
    case kBFloat16: return 0x1p-7;
    default: return 0;
  }
}

// |actual - expected| <= ulps * epsilon * max(|expected|, scale, smallest normal number); equal where not finite.
void expect_close(const View& actual, const View& expected, double ulps, double scale, const std::string& what) {
  const std::vector<double> a = values(actual), e = values(expected);
  ASSERT_EQ(a.size(), e.size());
  scale = std::max(scale, actual.dtype == kFloat64 ? 0x1p-1022 : 0x1p-126);
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(e[i])) {
      ASSERT_TRUE(std::isnan(e[i]) ? std::isnan(a[i]) : a[i] == e[i])
          << what << " at " << i << ": " << a[i] << ", expected " << e[i];
      continue;
    }
    ASSERT_LE(std::abs(a[i] - e[i]), ulps * epsilon(actual.dtype) * std::max(std::abs(e[i]), scale))
        << what << " at " << i << ": " << a[i] << ", expected " << e[i];
  }
}

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
        const Array in(dtype, {n}, {}, 1, n % 3), fast(dtype, {n}, {}, 1, n % 5), expected(dtype, {n});
        assign(in.view, random_numbers(n, c.low, c.high));
        if (n == 70000 && dtype == kFloat64 && c.op == UnaryOp::PowScalar) continue;
        reference::unary(expected.view, in.view, c.op, c.params);
        cpu::unary(fast.view, in.view, c.op, c.params);
        expect_close(fast.view, expected.view, 4.5, c.scale,
                     std::string(c.name) + " " + to_string(dtype) + " " + std::to_string(n));
        ASSERT_TRUE(fast.guards_are_intact());
      }
}

// The float functions also against the double ones: reference and fast share the scalar functors, the standard library does not.
TEST(Elementwise, Float32IsWithinFewUnitsOfDouble) {
  const int64_t n = 20000;
  for (const UnaryCase& c : unary_cases()) {
    if (c.op == UnaryOp::PowScalar || c.op == UnaryOp::Floor || c.op == UnaryOp::Ceil || c.op == UnaryOp::Round) continue;
    const Array in(kFloat32, {n}), fast(kFloat32, {n}), rounded(kFloat32, {n}), exact(kFloat64, {n});
    assign(in.view, random_numbers(n, c.low, c.high, 7));
    UnaryParams params{static_cast<float>(c.params.a), static_cast<float>(c.params.b)};
    cpu::unary(fast.view, in.view, c.op, params);
    reference::unary(exact.view, in.view, c.op, params);
    reference::copy(rounded.view, exact.view);
    expect_close(fast.view, rounded.view, 5, c.scale, c.name);
  }
}

TEST(Elementwise, UnaryEdgeValues) {
  const std::vector<double> edges = {0.0, -0.0,  1,    -1,   kInf, -kInf, kNan, 1e-40, -1e-40, 1e-310, 88.5, -88.5, 104,   -104,
                                     705, 709.5, -745, -750, 1e30, -1e30, 3e38, 0.5,   -0.5,   1.5,    2.5,  -2.5,  40000, 1e-8};
  const int64_t n = static_cast<int64_t>(edges.size());
  for (const UnaryCase& c : unary_cases())
    for (ScalarType dtype : {kFloat32, kFloat64}) {
      const Array in(dtype, {n}), fast(dtype, {n}), expected(dtype, {n});
      assign(in.view, edges);
      reference::unary(expected.view, in.view, c.op, c.params);
      cpu::unary(fast.view, in.view, c.op, c.params);
      expect_close(fast.view, expected.view, 4.5, c.scale, std::string(c.name) + " " + to_string(dtype));
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

const std::vector<BinaryOp>& binary_ops() {
  static const std::vector<BinaryOp> ops = [] {
    std::vector<BinaryOp> all;
    for (int i = 0; i < static_cast<int>(BinaryOp::Count); ++i) all.push_back(static_cast<BinaryOp>(i));
    return all;
  }();
  return ops;
}

bool is_comparison(BinaryOp op) { return op >= BinaryOp::Eq && op <= BinaryOp::LogicalXor; }

TEST(Elementwise, BinaryFastAgreesWithReferenceForAllSizes) {
  for (BinaryOp op : binary_ops())
    for (ScalarType dtype : {kFloat32, kFloat64})
      for (int64_t size = 0; size <= 71; ++size) {
        const int64_t n = size == 71 ? 1000 : size;
        const ScalarType out_dtype = is_comparison(op) ? kBool : dtype;
        const Array a(dtype, {n}, {}, 1, n % 3), b(dtype, {n}, {}, 1, n % 5), fast(out_dtype, {n}), expected(out_dtype, {n});
        assign(a.view, random_numbers(n, op == BinaryOp::Pow ? 0 : -4, 4, 1));
        assign(b.view, random_numbers(n, -4, 4, 2));
        if (n > 3) assign(View{b.view.data, dtype, 1, {1}, {1}}, values(View{a.view.data, dtype, 1, {1}, {1}}));  // a tie
        reference::binary(expected.view, a.view, b.view, op, 0.7);
        cpu::binary(fast.view, a.view, b.view, op, 0.7);
        expect_close(fast.view, expected.view, 8, 4, "op " + std::to_string(static_cast<int>(op)) + " size " + std::to_string(n));
        ASSERT_TRUE(fast.guards_are_intact());
      }
}

TEST(Elementwise, NanAndInfinityInBinary) {
  const std::vector<double> edges = {0.0, -0.0, 1, -1, kInf, -kInf, kNan};
  const int64_t n = static_cast<int64_t>(edges.size());
  const Array a(kFloat32, {n, 1}), b(kFloat32, {1, n});
  assign(a.view, edges);
  assign(b.view, edges);
  for (BinaryOp op : binary_ops()) {
    const Array fast(kFloat32, {n, n}), expected(kFloat32, {n, n});
    reference::binary(expected.view, a.expanded(1, n), b.expanded(0, n), op, 1);
    cpu::binary(fast.view, a.expanded(1, n), b.expanded(0, n), op, 1);
    expect_close(fast.view, expected.view, 2, 0, "op " + std::to_string(static_cast<int>(op)));
  }
  const Array maximum(kFloat32, {n, n});
  cpu::binary(maximum.view, a.expanded(1, n), b.expanded(0, n), BinaryOp::Maximum, 1);
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_TRUE(std::isnan(maximum.view.as<float>()[i * n + n - 1]));
    EXPECT_TRUE(std::isnan(maximum.view.as<float>()[(n - 1) * n + i]));
  }
}

// Every pairing of layouts, with outputs in every layout: NCHW, channels-last, permuted, strided, broadcast.
TEST(Elementwise, LayoutsAndBroadcasting) {
  for (const std::vector<int64_t>& s :
       std::vector<std::vector<int64_t>>{{2, 3, 5, 7}, {2, 130, 3, 4}, {1, 1, 1, 1}, {3, 1, 40, 40}, {2, 0, 3, 4}}) {
    const std::vector<std::vector<int>> orders = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 1, 0, 2}};
    std::vector<Array> arrays;
    for (const auto& order : orders)
      for (int64_t gap : {1, 2}) arrays.emplace_back(kFloat32, s, order, gap);
    arrays.emplace_back(kFloat64, s, orders[1]);
    arrays.emplace_back(kBFloat16, s, orders[0]);
    const size_t dense = arrays.size();
    const int64_t count = s[0] * s[1] * s[2] * s[3];
    for (size_t i = 0; i < dense; ++i) assign(arrays[i].view, random_numbers(count, -4, 4, static_cast<unsigned>(i)));
    std::vector<View> inputs;
    for (const Array& array : arrays) inputs.push_back(array.view);
    const Array channel(kFloat32, {1, s[1], 1, 1}), row(kFloat32, {1, 1, 1, s[3]}), image(kFloat32, {s[0], 1, s[2], s[3]}),
        one(kFloat32, {1, 1, 1, 1});
    for (const Array* array : {&channel, &row, &image, &one}) {
      assign(array->view, random_numbers(array->view.numel(), -4, 4, 9));
      View view = array->view;
      for (int d = 0; d < 4; ++d)
        if (view.sizes[d] != s[d]) view.sizes[d] = s[d], view.strides[d] = 0;
      inputs.push_back(view);
    }
    for (const auto& order : orders)
      for (ScalarType out_dtype : {kFloat32, kBFloat16, kInt64})
        for (size_t i = 0; i < inputs.size(); ++i) {
          const Array fast(out_dtype, s, order, 1 + static_cast<int64_t>(i % 2)), expected(out_dtype, s, order);
          const View& a = inputs[i];
          const std::string what = "input " + std::to_string(i);
          cpu::copy(fast.view, a);
          reference::copy(expected.view, a);
          expect_close(fast.view, expected.view, 0, 0, "copy " + what);
          for (size_t j = i % 3; j < inputs.size(); j += 3) {
            cpu::binary(fast.view, a, inputs[j], BinaryOp::Sub, 1);
            reference::binary(expected.view, a, inputs[j], BinaryOp::Sub, 1);
            expect_close(fast.view, expected.view, 0, 0, "sub " + what);
            cpu::where_select(fast.view, inputs[(i + j) % inputs.size()], a, inputs[j]);
            reference::where_select(expected.view, inputs[(i + j) % inputs.size()], a, inputs[j]);
            expect_close(fast.view, expected.view, 0, 0, "where " + what);
          }
          ASSERT_TRUE(fast.guards_are_intact());
        }
  }
}

// Large enough for several threads and for the tiled transposition.
TEST(Elementwise, CopyBetweenLayouts) {
  for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16, kUInt8, kBool}) {
    const std::vector<int64_t> s = {2, 37, 61, 43};
    const Array nchw(dtype, s), nhwc(dtype, s, {0, 2, 3, 1}), permuted(dtype, s, {2, 0, 3, 1}), back(dtype, s);
    assign(nchw.view, random_numbers(nchw.view.numel(), 0, 200));
    cpu::copy(nhwc.view, nchw.view);
    ASSERT_EQ(values(nhwc.view), values(nchw.view));
    cpu::copy(permuted.view, nhwc.view);
    ASSERT_EQ(values(permuted.view), values(nchw.view));
    cpu::copy(back.view, permuted.view);
    ASSERT_EQ(values(back.view), values(nchw.view));
    for (const Array* array : {&nhwc, &permuted, &back}) ASSERT_TRUE(array->guards_are_intact());
  }
}

TEST(Elementwise, EveryDtypeToEveryDtype) {
  const std::vector<ScalarType> dtypes = {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32, kUInt8, kBool};
  for (ScalarType from : dtypes)
    for (ScalarType to : dtypes)
      for (int64_t n : {1, 17, 1000, 1025}) {
        const Array in(from, {n}), fast(to, {n}), expected(to, {n});
        assign(in.view, random_numbers(n, from == kUInt8 ? 0 : -100, 100));
        cpu::copy(fast.view, in.view);
        reference::copy(expected.view, in.view);
        expect_close(fast.view, expected.view, 0, 0, std::string(to_string(from)) + " to " + to_string(to));
        if (to == kBool) continue;
        cpu::binary(fast.view, in.view, in.view, BinaryOp::Add, 1);
        reference::binary(expected.view, in.view, in.view, BinaryOp::Add, 1);
        expect_close(fast.view, expected.view, 0, 0, std::string("add of ") + to_string(from) + " in " + to_string(to));
      }
}

TEST(Elementwise, IntegersAreExactAndWrap) {
  const int64_t big = (int64_t{1} << 53) + 1;
  int64_t a = big, b = 2, result = 0;
  const auto scalar = [](int64_t& x) { return View{&x, kInt64, 0, {}, {}}; };
  for (Binary* binary : {&reference::binary, &cpu::binary}) {
    binary(scalar(result), scalar(a), scalar(b), BinaryOp::Add, 1);
    EXPECT_EQ(result, big + 2);
    binary(scalar(result), scalar(a), scalar(b), BinaryOp::Mul, 1);
    EXPECT_EQ(result, 2 * big);
    int64_t base = 3, exponent = 33;
    binary(scalar(result), scalar(base), scalar(exponent), BinaryOp::Pow, 1);
    EXPECT_EQ(result, 5559060566555523);
  }
  uint8_t small = 200, sum = 0;
  const View in{&small, kUInt8, 0, {}, {}}, out{&sum, kUInt8, 0, {}, {}};
  cpu::binary(out, in, in, BinaryOp::Add, 1);
  EXPECT_EQ(sum, 144);
}

TEST(Elementwise, Fill) {
  for (Fill* fill : {&reference::fill, &cpu::fill}) {
    const Array integers(kInt64, {5, 300}, {1, 0}, 2);
    fill(integers.view, FillValue::of((int64_t{1} << 53) + 1));
    each(integers.view, [&](int64_t, int64_t offset) { ASSERT_EQ(integers.view.as<int64_t>()[offset], (int64_t{1} << 53) + 1); });
    for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt32, kUInt8, kBool}) {
      const Array array(dtype, {3, 1500});
      fill(array.view, FillValue::of(1.0));
      ASSERT_EQ(values(array.view), std::vector<double>(4500, 1.0));
      ASSERT_TRUE(array.guards_are_intact());
    }
  }
}

TEST(Elementwise, InPlace) {
  const Array array(kFloat32, {3000}), expected(kFloat32, {3000});
  assign(array.view, random_numbers(3000, -4, 4));
  reference::unary(expected.view, array.view, UnaryOp::Relu, {});
  cpu::unary(array.view, array.view, UnaryOp::Relu, {});
  expect_close(array.view, expected.view, 0, 0, "relu in place");
  reference::binary(expected.view, array.view, array.view, BinaryOp::Mul, 1);
  cpu::binary(array.view, array.view, array.view, BinaryOp::Mul, 1);
  expect_close(array.view, expected.view, 0, 0, "mul in place");
}

}  // namespace
}  // namespace tessera::kernels
