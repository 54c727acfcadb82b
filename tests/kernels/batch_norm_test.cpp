#include "kernels/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/agreement.h"
#include "tests/support/image.h"
#include "tests/support/threads.h"

namespace tessera {
namespace {

using namespace testing_support;
using Sizes = std::array<int64_t, 4>;

const Sizes kSizes[] = {{1, 1, 1, 2}, {2, 1, 3, 5},   {2, 3, 5, 7},   {3, 4, 17, 9},  {1, 16, 33, 31},  {2, 17, 8, 8},
                        {5, 7, 1, 1}, {4, 64, 9, 11}, {2, 130, 6, 5}, {1, 300, 4, 4}, {2, 3, 210, 200}, {9, 8, 40, 40}};

template <class T> class BatchNormTest : public testing::Test {};
using Types = testing::Types<float, double, BFloat16, Half>;
TYPED_TEST_SUITE(BatchNormTest, Types);

template <class C> View channel_view(std::vector<C>& values) {
  View view{values.data(), scalar_type_v<C>, 1, {}, {}};
  view.sizes[0] = static_cast<int64_t>(values.size());
  view.strides[0] = 1;
  return view;
}

// Everything that the four kernels compute, for one set of implementations.
template <class T> struct Result {
  using C = compute_t<T>;
  std::vector<C> mean, var, invstd, sum_dy, sum_dy_xhat;
  std::vector<T> out, grad_training, grad_evaluation;
};

template <class T> Result<T> run(bool reference, const Sizes& sizes, ImageLayout layout, bool affine, bool relu, double centre) {
  namespace k = kernels;
  using C = compute_t<T>;
  const auto channels = static_cast<size_t>(sizes[1]);
  const Image<T> input = Image<T>(sizes, layout).fill(1, centre), grad_out = Image<T>(sizes, layout).fill(2), out(sizes, layout);
  Result<T> r;
  r.mean.resize(channels), r.var.resize(channels), r.sum_dy.resize(channels), r.sum_dy_xhat.resize(channels),
      r.invstd.resize(channels);
  std::vector<C> weight(channels), bias(channels);
  for (size_t c = 0; c < channels; ++c) weight[c] = C(0.5) + C(c % 5), bias[c] = C(0.25) * C(c % 3);

  (reference ? k::reference::batch_norm_statistics : k::cpu::batch_norm_statistics)(channel_view(r.mean), channel_view(r.var),
                                                                                    input.view());
  for (size_t c = 0; c < channels; ++c) r.invstd[c] = static_cast<C>(1 / std::sqrt(r.var[c] + 1e-5));
  // From here on both work with the same statistics, so that differences do not add up.
  k::BatchNormChannels p{channel_view(r.mean), channel_view(r.invstd), affine ? channel_view(weight) : View{},
                         affine ? channel_view(bias) : View{}, relu};
  (reference ? k::reference::batch_norm_forward : k::cpu::batch_norm_forward)(out.view(), input.view(), p);
  r.out = out.values();
  (reference ? k::reference::batch_norm_backward_reduce : k::cpu::batch_norm_backward_reduce)(
      channel_view(r.sum_dy), channel_view(r.sum_dy_xhat), grad_out.view(), input.view(), p);
  const auto backward = reference ? k::reference::batch_norm_backward : k::cpu::batch_norm_backward;
  const Image<T> grad_input(sizes, layout);
  backward(grad_input.view(), grad_out.view(), input.view(), p, channel_view(r.sum_dy), channel_view(r.sum_dy_xhat), true);
  r.grad_training = grad_input.values();
  backward(grad_input.view(), grad_out.view(), input.view(), p, View{}, View{}, false);
  r.grad_evaluation = grad_input.values();
  return r;
}

TYPED_TEST(BatchNormTest, FastAgreesWithReference) {
  using T = TypeParam;
  for (const Sizes& sizes : kSizes)
    for (const ImageLayout layout : kImageLayouts)
      for (const bool affine : {false, true})
        for (const bool relu : {false, true}) {
          if (relu && is_half_v<T>) continue;  // rounded inputs sit exactly on the kink; the mask is covered by float and double
          SCOPED_TRACE(testing::Message() << sizes[0] << "x" << sizes[1] << "x" << sizes[2] << "x" << sizes[3] << " layout "
                                          << static_cast<int>(layout) << " affine " << affine << " relu " << relu);
          const Result<T> want = run<T>(true, sizes, layout, affine, relu, 0),
                          got = run<T>(false, sizes, layout, affine, relu, 0);
          const double u = unit_roundoff<T>(), uc = unit_roundoff<compute_t<T>>();
          const double count = static_cast<double>(sizes[0] * sizes[2] * sizes[3]);
          const double chain = count * 0x1p-53;  // the reference's own running sums
          // |x| <= 1; small counts can have a small variance, so the error is taken relative to the largest scale, 5 * invstd.
          double scale = 1;
          for (const auto invstd : want.invstd) scale = std::max(scale, 5.0 * static_cast<double>(invstd));
          ASSERT_LE(max_difference(want.mean, got.mean), 4 * uc + chain);
          ASSERT_LE(max_difference(want.var, got.var), 8 * uc + chain);
          ASSERT_LE(max_difference(want.out, got.out), 3 * scale * (u + (16 * uc + chain) * scale * scale));
          ASSERT_LE(max_difference(want.sum_dy, got.sum_dy), 16 * uc * std::max(1.0, count));
          ASSERT_LE(max_difference(want.sum_dy_xhat, got.sum_dy_xhat), 16 * uc * scale * std::max(1.0, count));
          ASSERT_LE(max_difference(want.grad_training, got.grad_training), 4 * scale * (u + (32 * uc + chain) * scale * scale));
          ASSERT_LE(max_difference(want.grad_evaluation, got.grad_evaluation),
                    4 * scale * (u + (16 * uc + chain) * scale * scale));
        }
}

TEST(BatchNorm, ReferenceAgreesWithHandComputedValues) {
  // Channel 0 holds 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5.
  const Image<double> input({2, 1, 1, 2}, ImageLayout::Contiguous);
  const double x[] = {1, 2, 3, 6};
  std::memcpy(input.view().data, x, sizeof x);
  std::vector<double> mean(1), var(1);
  kernels::reference::batch_norm_statistics(channel_view(mean), channel_view(var), input.view());
  EXPECT_LE(std::abs(mean[0] - 3), 0);
  EXPECT_LE(std::abs(var[0] - 3.5), 0);
  std::vector<double> invstd{0.5}, weight{4}, bias{1};
  const Image<double> out({2, 1, 1, 2}, ImageLayout::Contiguous);
  kernels::reference::batch_norm_forward(
      out.view(), input.view(), {channel_view(mean), channel_view(invstd), channel_view(weight), channel_view(bias), true});
  EXPECT_LE(max_difference(out.values(), std::vector<double>{0, 0, 1, 7}), 0);
}

TEST(BatchNorm, StatisticsOfLargeMeansKeepTheirDigits) {
  for (const ImageLayout layout : {ImageLayout::Contiguous, ImageLayout::ChannelsLast}) {
    const Sizes sizes{2, 5, 111, 97};
    const Result<float> want = run<float>(true, sizes, layout, false, false, 10000),
                        got = run<float>(false, sizes, layout, false, false, 10000);
    EXPECT_LE(max_difference(want.mean, got.mean), 1e-3);  // one unit in the last place of 10000
    EXPECT_LE(max_difference(want.var, got.var), 1e-6);    // about 1/3
  }
}

TEST(BatchNorm, NaNStaysInItsChannelAndPassesTheRelu) {
  for (const ImageLayout layout : {ImageLayout::Contiguous, ImageLayout::ChannelsLast}) {
    const Image<float> input = Image<float>({2, 3, 9, 9}, layout).fill(5), out({2, 3, 9, 9}, layout);
    input.at(1, 1, 4, 4) = NAN;
    std::vector<float> mean(3), var(3), invstd(3, 1);
    kernels::cpu::batch_norm_statistics(channel_view(mean), channel_view(var), input.view());
    EXPECT_TRUE(std::isnan(mean[1]) && std::isnan(var[1]));
    EXPECT_TRUE(std::isfinite(mean[0]) && std::isfinite(var[2]));
    mean = {0, 0, 0};
    kernels::cpu::batch_norm_forward(out.view(), input.view(), {channel_view(mean), channel_view(invstd), View{}, View{}, true});
    EXPECT_TRUE(std::isnan(out.at(1, 1, 4, 4)));
    EXPECT_TRUE(out.at(0, 0, 0, 0) >= 0);
  }
}

TEST(BatchNorm, BitsDoNotDependOnTheThreadCount) {
  for (const ImageLayout layout : {ImageLayout::Contiguous, ImageLayout::ChannelsLast}) {
    const auto computed = [&] { return run<float>(false, {3, 24, 90, 100}, layout, true, true, 0); };
    const Result<float> one = with_threads(1, computed), three = with_threads(3, computed);
    EXPECT_EQ(one.mean, three.mean);
    EXPECT_EQ(one.var, three.var);
    EXPECT_EQ(one.sum_dy_xhat, three.sum_dy_xhat);
    EXPECT_EQ(one.grad_training, three.grad_training);
  }
}

}  // namespace
}  // namespace tessera
