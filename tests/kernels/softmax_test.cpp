// The fast softmax kernels against the reference, and the reference against known values and finite differences.
#include "kernels/softmax/softmax.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr MemoryOrder kOrders[] = {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast, MemoryOrder::Reversed, MemoryOrder::Spread};
constexpr ScalarType kFloatTypes[] = {kFloat32, kFloat64, kBFloat16, kFloat16};

struct Kernels {
  const char* name;
  SoftmaxForward *reference_forward, *forward;
  SoftmaxBackward *reference_backward, *backward;
};
const Kernels kBoth[] = {
    {"softmax", reference::softmax_forward, cpu::softmax_forward, reference::softmax_backward, cpu::softmax_backward},
    {"log_softmax", reference::log_softmax_forward, cpu::log_softmax_forward, reference::log_softmax_backward,
     cpu::log_softmax_backward}};

void compare(const Kernels& kernels, ScalarType type, const std::vector<int64_t>& sizes, int dim, MemoryOrder in_layout,
             MemoryOrder out_layout, double range = 10) {
  const std::string what = std::string(kernels.name) + " " + to_string(type) + " " + ::testing::PrintToString(sizes) + " dim " +
                           std::to_string(dim) + " layouts " + std::to_string(static_cast<int>(in_layout)) + " " +
                           std::to_string(static_cast<int>(out_layout));
  const auto classes = static_cast<double>(sizes[static_cast<size_t>(dim)]);
  const double rounding = epsilon(arithmetic_type(type)) * (16 + classes / 4 + 2 * range),
               storage = type == kFloat32 || type == kFloat64 ? 0 : epsilon(type);

  StridedBuffer x(type, sizes, in_layout), expected(type, sizes), actual(type, sizes, out_layout);
  x.fill_random(1, -range, range);
  kernels.reference_forward(expected.view, x.view, dim);
  kernels.forward(actual.view, x.view, dim);
  expect_close(actual, expected, within(rounding, storage), what + " forward");

  StridedBuffer g(type, sizes, in_layout), expected_grad(type, sizes), grad(type, sizes, out_layout), y(type, sizes, in_layout);
  g.fill_random(2, -1, 1);
  y.fill(expected.values());
  kernels.reference_backward(expected_grad.view, g.view, y.view, dim);
  kernels.backward(grad.view, g.view, y.view, dim);
  expect_close(grad, expected_grad, within(rounding * (1 + classes / 64), storage), what + " backward");
}

TEST(SoftmaxReference, KnownValues) {
  StridedBuffer x(kFloat64, {1, 3}), y(kFloat64, {1, 3});
  x.fill({1, 2, 3});
  reference::softmax_forward(y.view, x.view, 1);
  const double probabilities[] = {0.09003057317038046, 0.24472847105479764, 0.6652409557748218};
  for (int c = 0; c < 3; ++c) EXPECT_LE(std::abs(y.get(c) - probabilities[c]), 1e-15);
  reference::log_softmax_forward(y.view, x.view, 1);
  for (int c = 0; c < 3; ++c) EXPECT_LE(std::abs(y.get(c) - (c - 2.40760596444438)), 1e-14);
}

TEST(SoftmaxReference, GradientIsThatOfTheDotProduct) {
  for (const Kernels& kernels : kBoth)
    for (int dim = 0; dim < 3; ++dim) {
      const std::vector<int64_t> sizes{2, 4, 3};
      StridedBuffer x(kFloat64, sizes), y(kFloat64, sizes), g(kFloat64, sizes), grad(kFloat64, sizes);
      x.fill_random(3, -2, 2);
      g.fill_random(4, -1, 1);
      kernels.reference_forward(y.view, x.view, dim);
      kernels.reference_backward(grad.view, g.view, y.view, dim);
      const auto dot = [&] {
        kernels.reference_forward(y.view, x.view, dim);
        double sum = 0;
        for (int64_t i = 0; i < y.view.numel(); ++i) sum += g.get(i) * y.get(i);
        return sum;
      };
      for (int64_t i = 0; i < x.view.numel(); ++i) {
        const double center = x.get(i), step = 1e-5;
        x.set(i, center + step);
        const double above = dot();
        x.set(i, center - step);
        const double below = dot();
        x.set(i, center);
        EXPECT_LE(std::abs((above - below) / (2 * step) - grad.get(i)), 1e-9)
            << kernels.name << " dim " << dim << " element " << i;
      }
    }
}

TEST(SoftmaxCpu, AgreesForAllClassCountsAroundTheVectorWidth) {
  for (const Kernels& kernels : kBoth)
    for (ScalarType type : {kFloat32, kFloat64})
      for (int64_t classes : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 21, 31, 32, 33, 63, 65, 150, 1000})
        for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast})
          compare(kernels, type, {2, classes, 3, 7}, 1, layout, layout);
}

TEST(SoftmaxCpu, AgreesForAllPixelCountsAroundTheVectorWidth) {
  for (const Kernels& kernels : kBoth)
    for (int64_t pixels : {1, 2, 7, 8, 9, 15, 16, 17, 33, 64, 511, 512, 513, 1100})
      for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast})
        compare(kernels, kFloat32, {2, 5, 1, pixels}, 1, layout, layout);
}

TEST(SoftmaxCpu, AgreesForAllTypesLayoutsAndDimensions) {
  for (const Kernels& kernels : kBoth)
    for (ScalarType type : kFloatTypes)
      for (MemoryOrder in : kOrders)
        for (MemoryOrder out : kOrders)
          for (int dim = 0; dim < 4; ++dim) compare(kernels, type, {3, 21, 4, 5}, dim, in, out);
}

TEST(SoftmaxCpu, AgreesForOneDimensionAndForEmptyTensors) {
  for (const Kernels& kernels : kBoth) {
    compare(kernels, kFloat32, {1}, 0, MemoryOrder::RowMajor, MemoryOrder::RowMajor);
    compare(kernels, kFloat32, {37}, 0, MemoryOrder::Spread, MemoryOrder::RowMajor);
    for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{0, 3}, {3, 0}, {2, 3, 0}, {0}})
      for (int dim = 0; dim < static_cast<int>(sizes.size()); ++dim)
        compare(kernels, kFloat32, sizes, dim, MemoryOrder::RowMajor, MemoryOrder::RowMajor);
  }
}

TEST(SoftmaxCpu, AgreesForExpandedInputs) {
  for (const Kernels& kernels : kBoth)
    for (int expanded : {0, 1, 2}) {
      const std::vector<int64_t> sizes{3, 20, 6};
      StridedBuffer x(kFloat32, sizes), y(kFloat32, sizes), expected(kFloat32, sizes);
      x.fill_random(5, -3, 3);
      x.view.strides[expanded] = 0;
      kernels.reference_forward(expected.view, x.view, 1);
      kernels.forward(y.view, x.view, 1);
      expect_close(y, expected, within(4e-6, 0), kernels.name);
      StridedBuffer grad(kFloat32, sizes), expected_grad(kFloat32, sizes);
      kernels.reference_backward(expected_grad.view, x.view, expected.view, 1);  // x serves as an expanded grad_out
      kernels.backward(grad.view, x.view, expected.view, 1);
      expect_close(grad, expected_grad, within(4e-5, 0), kernels.name);
    }
}

TEST(SoftmaxCpu, HugeAndNonFiniteLogits) {
  const std::vector<std::vector<double>> lines = {
      {1e4, -1e4, 9999, 0, 1e4}, {3e38, -3e38, 0, 1, 3e38}, {-kInf, 0, 1, -kInf, 2},  {-kInf, -kInf, -kInf, -kInf, -kInf},
      {kInf, 0, 1, 2, 3},        {kNaN, 0, 1, 2, 3},        {5, kNaN, 1, -kInf, 1e4}, {-100, -90, 0, -88, -86}};
  for (const Kernels& kernels : kBoth)
    for (ScalarType type : {kFloat32, kFloat64})
      for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast}) {
        const auto n = static_cast<int64_t>(lines.size());
        StridedBuffer x(type, {n, 5, 1, 3}, layout), y(type, {n, 5, 1, 3}, layout), expected(type, {n, 5, 1, 3});
        for (int64_t i = 0; i < x.view.numel(); ++i) x.set(i, lines[static_cast<size_t>(i / 15)][static_cast<size_t>(i / 3 % 5)]);
        kernels.reference_forward(expected.view, x.view, 1);
        kernels.forward(y.view, x.view, 1);
        expect_close(y, expected, within(8 * epsilon(type), epsilon(type)), kernels.name);
      }
}

TEST(SoftmaxCpu, SameBitsForAnyThreadCount) {
  for (const Kernels& kernels : kBoth)
    for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast}) {
      const std::vector<int64_t> sizes{2, 21, 31, 33};
      StridedBuffer x(kFloat32, sizes, layout), one(kFloat32, sizes, layout), many(kFloat32, sizes, layout);
      x.fill_random(6, -5, 5);
      with_threads(1, [&] { kernels.forward(one.view, x.view, 1); });
      with_threads(5, [&] { kernels.forward(many.view, x.view, 1); });
      EXPECT_EQ(one.values(), many.values()) << kernels.name;
    }
}

}  // namespace
}  // namespace tessera::kernels
