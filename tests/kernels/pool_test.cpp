#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include "tests/support/agreement.h"
#include "tests/support/image.h"

namespace tessera {
namespace {

using namespace testing_support;
using kernels::Pool2dParams;

template <class T> class PoolTest : public testing::Test {};
using Types = testing::Types<float, double, BFloat16, Half>;
TYPED_TEST_SUITE(PoolTest, Types);

const Pool2dParams kParams[] = {
    {.kernel = {2, 2}, .stride = {2, 2}},
    {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
    {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}},
    {.kernel = {2, 3}, .stride = {3, 1}, .padding = {0, 1}},
    {.kernel = {1, 1}, .stride = {1, 2}},
    {.kernel = {5, 4}, .stride = {2, 3}, .padding = {2, 2}},
    {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .dilation = {2, 3}},
    {.kernel = {2, 2}, .stride = {3, 3}, .dilation = {1, 2}},
};
const std::array<int64_t, 4> kSizes[] = {{1, 1, 6, 7},   {2, 3, 9, 8},  {1, 4, 12, 35}, {2, 16, 10, 9},
                                         {1, 17, 8, 40}, {2, 33, 7, 8}, {1, 64, 6, 6}};

// Rounded up, as ceil_mode does, so that the last windows run past the input; but each must start inside the input or left
// padding.
int64_t ceil_size(int64_t in, const Pool2dParams& p, int axis) {
  const int64_t extent = p.dilation[axis] * (p.kernel[axis] - 1) + 1;
  const int64_t out = (in + 2 * p.padding[axis] - extent + p.stride[axis] - 1) / p.stride[axis] + 1;
  return (out - 1) * p.stride[axis] >= in + p.padding[axis] ? out - 1 : out;
}

std::array<int64_t, 4> pooled(const std::array<int64_t, 4>& in, const Pool2dParams& p) {
  return {in[0], in[1], ceil_size(in[2], p, 0), ceil_size(in[3], p, 1)};
}

std::string describe(const std::array<int64_t, 4>& s, const Pool2dParams& p, ImageLayout layout) {
  return "channels " + std::to_string(s[1]) + " size " + std::to_string(s[2]) + "x" + std::to_string(s[3]) + " kernel " +
         std::to_string(p.kernel[0]) + "x" + std::to_string(p.kernel[1]) + " stride " + std::to_string(p.stride[0]) + " layout " +
         std::to_string(static_cast<int>(layout));
}

TYPED_TEST(PoolTest, FastMaxAgreesWithReference) {
  using T = TypeParam;
  for (const auto& in : kSizes)
    for (const Pool2dParams& p : kParams)
      for (const ImageLayout layout : kImageLayouts) {
        SCOPED_TRACE(describe(in, p, layout));
        const auto out = pooled(in, p);
        const Image<T> input = Image<T>(in, layout).fill(1), grad_out = Image<T>(out, layout).fill(2);
        input.at(0, 0, 2, 2) = T(NAN), input.at(0, 0, 3, 2) = T(NAN);                                    // the last NaN wins
        input.at(0, 0, 4, 4) = T(2.0f), input.at(0, 0, 4, 5) = T(2.0f), input.at(0, 0, 5, 4) = T(2.0f);  // the first maximum wins
        input.at(0, 0, 0, 0) = T(-INFINITY);
        const Image<T> want(out, layout), got(out, layout), want_grad(in, layout), got_grad(in, layout);
        const Image<int32_t> want_index(out, layout), got_index(out, layout);
        kernels::reference::max_pool2d_forward(want.view(), want_index.view(), input.view(), p);
        kernels::cpu::max_pool2d_forward(got.view(), got_index.view(), input.view(), p);
        ASSERT_LE(max_difference(want.values(), got.values()), 0);
        ASSERT_EQ(want_index.values(), got_index.values());
        for (const auto& values_of : {kernels::reference::max_pool2d_values, kernels::cpu::max_pool2d_values}) {
          const Image<T> values = Image<T>(out, layout).fill(3);
          values_of(values.view(), input.view(), p);
          ASSERT_LE(max_difference(want.values(), values.values()), 0);
        }
        kernels::reference::max_pool2d_backward(want_grad.view(), grad_out.view(), want_index.view(), p);
        kernels::cpu::max_pool2d_backward(got_grad.view(), grad_out.view(), want_index.view(), p);
        const double terms = static_cast<double>(p.kernel[0] * p.kernel[1]);
        ASSERT_LE(max_difference(want_grad.values(), got_grad.values()), terms * terms * unit_roundoff<T>());
      }
}

TYPED_TEST(PoolTest, FastAverageAgreesWithReference) {
  using T = TypeParam;
  for (const auto& in : kSizes)
    for (Pool2dParams p : kParams)
      for (const bool include_pad : {true, false})
        for (const int64_t divisor : {0, 3})
          for (const ImageLayout layout : kImageLayouts) {
            p.dilation = {1, 1}, p.count_include_pad = include_pad, p.divisor_override = divisor;
            SCOPED_TRACE(describe(in, p, layout));
            const auto out = pooled(in, p);
            const Image<T> input = Image<T>(in, layout).fill(1), grad_out = Image<T>(out, layout).fill(2);
            const Image<T> want(out, layout), got(out, layout), want_grad(in, layout), got_grad(in, layout);
            kernels::reference::avg_pool2d_forward(want.view(), input.view(), p);
            kernels::cpu::avg_pool2d_forward(got.view(), input.view(), p);
            kernels::reference::avg_pool2d_backward(want_grad.view(), grad_out.view(), p);
            kernels::cpu::avg_pool2d_backward(got_grad.view(), grad_out.view(), p);
            const double terms = static_cast<double>(p.kernel[0] * p.kernel[1]), u = unit_roundoff<T>();
            ASSERT_LE(max_difference(want.values(), got.values()), (terms + 4) * 2 * u);
            ASSERT_LE(max_difference(want_grad.values(), got_grad.values()), (terms + 4) * 2 * u);
          }
}

TYPED_TEST(PoolTest, FastAdaptiveAverageAgreesWithReference) {
  using T = TypeParam;
  for (const auto& in : kSizes)
    for (const auto& [oh, ow] : {std::pair{1, 1}, {2, 3}, {7, 5}, {13, 11}})
      for (const ImageLayout layout : kImageLayouts) {
        const std::array<int64_t, 4> out{in[0], in[1], oh, ow};
        const Image<T> input = Image<T>(in, layout).fill(1), grad_out = Image<T>(out, layout).fill(2);
        const Image<T> want(out, layout), got(out, layout), want_grad(in, layout), got_grad(in, layout);
        kernels::reference::adaptive_avg_pool2d_forward(want.view(), input.view());
        kernels::cpu::adaptive_avg_pool2d_forward(got.view(), input.view());
        kernels::reference::adaptive_avg_pool2d_backward(want_grad.view(), grad_out.view());
        kernels::cpu::adaptive_avg_pool2d_backward(got_grad.view(), grad_out.view());
        const double touching = (static_cast<double>(oh) / in[2] + 2) * (static_cast<double>(ow) / in[3] + 2);
        ASSERT_LE(max_difference(want.values(), got.values()), 16 * unit_roundoff<T>());
        ASSERT_LE(max_difference(want_grad.values(), got_grad.values()), touching * 8 * unit_roundoff<T>());
      }
}

// Mean of 1 + noise over 153600 pixels: a single running float32 sum would lose three digits.
TEST(Pool, GlobalAverageIsAccurate) {
  for (const ImageLayout layout : {ImageLayout::Contiguous, ImageLayout::ChannelsLast}) {
    const Image<float> input = Image<float>({1, 3, 320, 480}, layout).fill(1, 1.0);
    const Image<float> want({1, 3, 1, 1}, layout), got({1, 3, 1, 1}, layout);
    kernels::reference::adaptive_avg_pool2d_forward(want.view(), input.view());
    kernels::cpu::adaptive_avg_pool2d_forward(got.view(), input.view());
    EXPECT_LE(max_difference(want.values(), got.values()), 64 * unit_roundoff<float>());
  }
}

TEST(Pool, ReferenceAgreesWithHandComputedWindows) {
  const Image<double> input({1, 1, 3, 3}, ImageLayout::Contiguous), out({1, 1, 2, 2}, ImageLayout::Contiguous);
  for (int i = 0; i < 9; ++i) input.at(0, 0, i / 3, i % 3) = i + 1;
  const Image<int32_t> index({1, 1, 2, 2}, ImageLayout::Contiguous);
  Pool2dParams p{.kernel = {2, 2}, .stride = {2, 2}};  // ceil_mode: the second windows are clipped to one row or column
  kernels::reference::max_pool2d_forward(out.view(), index.view(), input.view(), p);
  EXPECT_EQ(out.values(), (std::vector<double>{5, 6, 8, 9}));
  EXPECT_EQ(index.values(), (std::vector<int32_t>{4, 5, 7, 8}));
  kernels::reference::avg_pool2d_forward(out.view(), input.view(), p);
  EXPECT_EQ(out.values(), (std::vector<double>{3, 4.5, 7.5, 9}));
  p.padding = {1, 1};  // windows {1}, {2, 3}, {4, 7}, {5, 6, 8, 9}
  kernels::reference::avg_pool2d_forward(out.view(), input.view(), p);
  EXPECT_EQ(out.values(), (std::vector<double>{0.25, 1.25, 2.75, 7}));
  p.count_include_pad = false;
  kernels::reference::avg_pool2d_forward(out.view(), input.view(), p);
  EXPECT_EQ(out.values(), (std::vector<double>{1, 2.5, 5.5, 7}));
  p.divisor_override = 2;
  kernels::reference::avg_pool2d_forward(out.view(), input.view(), p);
  EXPECT_EQ(out.values(), (std::vector<double>{0.5, 2.5, 5.5, 14}));
  kernels::reference::adaptive_avg_pool2d_forward(out.view(), input.view());  // rows and columns {0, 1} and {1, 2}
  EXPECT_EQ(out.values(), (std::vector<double>{3, 4, 6, 7}));
}

}  // namespace
}  // namespace tessera
