#include "kernels/interpolate/interpolate.h"

#include <gtest/gtest.h>

#include "tests/support/agreement.h"
#include "tests/support/image.h"

namespace tessera {
namespace {

using namespace testing_support;
using kernels::InterpolateParams;

struct Case {
  int64_t channels, in_h, in_w, out_h, out_w;
};
const Case kCases[] = {{1, 1, 1, 1, 1},    {3, 1, 1, 5, 4},    {4, 5, 7, 10, 14},   {16, 6, 5, 12, 10}, {17, 9, 8, 3, 2},
                       {2, 33, 19, 7, 40}, {64, 8, 8, 16, 16}, {70, 3, 70, 1, 139}, {3, 40, 40, 5, 5},  {5, 7, 3, 7, 3}};

template <class T> class InterpolateTest : public testing::Test {};
using Types = testing::Types<float, double, BFloat16, Half>;
TYPED_TEST_SUITE(InterpolateTest, Types);

// Both directions of one kind of resampling against its reference.
template <class T> void check(kernels::InterpolateForward* want_forward, kernels::InterpolateForward* got_forward,
                              kernels::InterpolateBackward* want_backward, kernels::InterpolateBackward* got_backward,
                              const Case& c, ImageLayout layout, const InterpolateParams& params) {
  SCOPED_TRACE(testing::Message() << "channels " << c.channels << ": " << c.in_h << "x" << c.in_w << " to " << c.out_h << "x"
                                  << c.out_w << " layout " << static_cast<int>(layout) << " align_corners "
                                  << params.align_corners);
  const std::array<int64_t, 4> in{2, c.channels, c.in_h, c.in_w}, out{2, c.channels, c.out_h, c.out_w};
  const Image<T> input = Image<T>(in, layout).fill(1), grad_out = Image<T>(out, layout).fill(2);
  const Image<T> want(out, layout), got(out, layout), want_grad(in, layout), got_grad(in, layout);
  want_forward(want.view(), input.view(), params);
  got_forward(got.view(), input.view(), params);
  want_backward(want_grad.view(), grad_out.view(), params);
  got_backward(got_grad.view(), grad_out.view(), params);
  const double u = unit_roundoff<T>(), uc = unit_roundoff<compute_t<T>>();
  const double touching =
      (static_cast<double>(c.out_h) / c.in_h + 2) * (static_cast<double>(c.out_w) / c.in_w + 2);  // terms of a gradient
  ASSERT_LE(max_difference(want.values(), got.values()), 2 * u + 8 * uc);
  ASSERT_LE(max_difference(want_grad.values(), got_grad.values()), touching * (2 * u + 8 * uc));
}

TYPED_TEST(InterpolateTest, FastAgreesWithReference) {
  using T = TypeParam;
  namespace r = kernels::reference;
  namespace f = kernels::cpu;
  for (const Case& c : kCases)
    for (const ImageLayout layout : kImageLayouts) {
      InterpolateParams params;
      params.scale_h = static_cast<double>(c.in_h) / static_cast<double>(c.out_h);
      params.scale_w = static_cast<double>(c.in_w) / static_cast<double>(c.out_w);
      check<T>(r::nearest2d_forward, f::nearest2d_forward, r::nearest2d_backward, f::nearest2d_backward, c, layout, params);
      for (const bool align_corners : {false, true}) {
        params.align_corners = align_corners;
        check<T>(r::bilinear2d_forward, f::bilinear2d_forward, r::bilinear2d_backward, f::bilinear2d_backward, c, layout, params);
      }
    }
}

TEST(Interpolate, ReferenceAgreesWithHandComputedRows) {
  const Image<double> input({1, 1, 1, 2}, ImageLayout::Contiguous), out({1, 1, 1, 4}, ImageLayout::Contiguous);
  input.at(0, 0, 0, 0) = 0, input.at(0, 0, 0, 1) = 4;
  InterpolateParams params{.align_corners = false, .scale_h = 1, .scale_w = 0.5};
  kernels::reference::nearest2d_forward(out.view(), input.view(), params);
  EXPECT_EQ(out.values(), (std::vector<double>{0, 0, 4, 4}));
  kernels::reference::bilinear2d_forward(out.view(), input.view(), params);
  EXPECT_EQ(out.values(), (std::vector<double>{0, 1, 3, 4}));  // source positions 0 (clamped), 0.25, 0.75, 1.25 (clamped)
  params.align_corners = true;
  kernels::reference::bilinear2d_forward(out.view(), input.view(), params);
  EXPECT_LE(max_difference(out.values(), std::vector<double>{0, 4.0 / 3, 8.0 / 3, 4}), 1e-15);
}

// A given scale factor and the ratio of the sizes are different rules: 5 * 1.5 = 7 pixels, step 1 / 1.5 against 5 / 7.
TEST(Interpolate, TheScaleFactorIsTheStep) {
  EXPECT_EQ(kernels::nearest_source(3, 1 / 1.5, 5), 2);
  EXPECT_EQ(kernels::nearest_source(3, 5.0 / 7, 5), 2);
  EXPECT_EQ(kernels::nearest_source(6, 1 / 1.5, 5), 4);
  EXPECT_LE(std::abs(kernels::linear_source<double>(6, false, 1 / 1.5, 5, 7).lambda - (6.5 / 1.5 - 0.5 - 3)), 1e-15);
  EXPECT_LE(std::abs(kernels::linear_source<double>(6, false, 5.0 / 7, 5, 7).lambda - (6.5 * 5 / 7 - 0.5 - 4)), 1e-15);
}

TEST(Interpolate, NaNPropagates) {
  for (const ImageLayout layout : {ImageLayout::Contiguous, ImageLayout::ChannelsLast}) {
    const Image<float> input = Image<float>({1, 3, 4, 4}, layout).fill(1), out({1, 3, 8, 8}, layout);
    input.at(0, 1, 0, 0) = NAN;
    kernels::cpu::bilinear2d_forward(out.view(), input.view(), {.align_corners = false, .scale_h = 0.5, .scale_w = 0.5});
    EXPECT_TRUE(std::isnan(out.at(0, 1, 0, 0)) && std::isnan(out.at(0, 1, 2, 2)));
    EXPECT_TRUE(std::isfinite(out.at(0, 0, 0, 0)) && std::isfinite(out.at(0, 1, 3, 3)));
  }
}

}  // namespace
}  // namespace tessera
