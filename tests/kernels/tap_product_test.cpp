// The matrix product that the tensor-core convolutions compute, in plain loops, against the reference convolution.
#include "kernels/conv2d/tap_product.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/agreement.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

// Runs the product as tap_product.h states it. Every element of `out` (channels-last, without gaps) must be written once.
std::vector<double> run(const TapProduct& p, const View& in, const StridedBuffer& weight) {
  const int64_t row_elements = p.out[1] * p.channels, height = in.sizes[2], width = in.sizes[3];
  std::vector<double> out(static_cast<size_t>(p.images * p.out[0] * row_elements), NAN);
  const double* input = in.as<double>();
  const double* weights = weight.view.as<double>();
  const auto& strides = in.strides;
  for (int64_t n = 0; n < p.images; ++n)
    for (int64_t j = 0; j < p.grid[0]; ++j)
      for (int64_t i = 0; i < p.grid[1]; ++i)
        for (int64_t c = 0; c < p.columns(); ++c) {
          const int64_t phase_y = c / p.run(), r = c % p.run(), phase_x = r / p.channels, channel = r % p.channels;
          const int64_t out_y = j * p.phases[0] + phase_y - p.shift[0], element = i * p.run() + r - p.shift[1] * p.channels;
          if (out_y < 0 || out_y >= p.out[0] || element < 0 || element >= row_elements) continue;
          double sum = 0;
          for (int64_t ay = 0; ay < p.taps[0]; ++ay)
            for (int64_t ax = 0; ax < p.taps[1]; ++ax) {
              const int64_t ky = p.kernel_at(0, phase_y, ay), kx = p.kernel_at(1, phase_x, ax);
              const int64_t y = j * p.step[0] + p.lowest(0) + p.offset(0, ay), x = i * p.step[1] + p.lowest(1) + p.offset(1, ax);
              EXPECT_EQ(y, j * p.step[0] + p.first[0] + ay * p.tap_step[0]);
              if (ky < 0 || ky >= p.kernel[0] || kx < 0 || kx >= p.kernel[1] || y < 0 || y >= height || x < 0 || x >= width)
                continue;
              for (int64_t k = 0; k < p.in_channels; ++k)
                sum += input[n * strides[0] + k * strides[1] + y * strides[2] + x * strides[3]] *
                       weights[p.weight_offset_k(k) + channel * p.weight_stride_c + ky * p.weight_strides[0] +
                               kx * p.weight_strides[1]];
            }
          double& at = out[static_cast<size_t>((n * p.out[0] + out_y) * row_elements + element)];
          EXPECT_TRUE(std::isnan(at));
          at = sum;
        }
  return out;
}

double worst(const std::vector<double>& actual, const StridedBuffer& expected) {  // `expected` is channels-last
  const double* begin = expected.view.as<double>();
  return max_difference(actual, std::vector<double>(begin, begin + expected.view.numel()));
}

TEST(TapProduct, IsTheConvolutionAndItsInputGradient) {
  std::mt19937 random(5);
  const auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  int folded = 0, aligned = 0;
  for (int round = 0; round < 300; ++round) {
    Conv2dParams params;
    int64_t size[2], kernel[2], out_size[2];
    for (size_t d : {0, 1}) {
      kernel[d] = pick(1, 5), params.stride[d] = pick(1, 4), params.padding[d] = pick(0, 6);
      params.dilation[d] = params.stride[d] == 1 ? pick(1, 3) : 1;
      const int64_t reach = params.dilation[d] * (kernel[d] - 1) + 1;
      size[d] = std::max<int64_t>(1, reach - 2 * params.padding[d]) + pick(0, 7);
      out_size[d] = (size[d] + 2 * params.padding[d] - reach) / params.stride[d] + 1;
    }
    const int64_t images = pick(1, 2), in = pick(1, 3), out = pick(1, 3);
    const StridedBuffer input(kFloat64, {images, in, size[0], size[1]}, MemoryOrder::ChannelsLast);
    const StridedBuffer weight(kFloat64, {out, in, kernel[0], kernel[1]},
                               pick(0, 1) ? MemoryOrder::RowMajor : MemoryOrder::Sliced);
    const StridedBuffer result(kFloat64, {images, out, out_size[0], out_size[1]}, MemoryOrder::ChannelsLast);
    for (const StridedBuffer* buffer : {&input, &weight}) buffer->fill_random(random, -1, 1);

    reference::conv2d_forward(result.view, input.view, weight.view, nullptr, params);
    TapProduct forward = forward_product(result.view, input.view, weight.view, params);
    EXPECT_LE(worst(run(forward, input.view, weight), result), 1e-12);
    View view = input.view;
    fold_pixels(forward, view);
    folded += view.sizes[1] != input.view.sizes[1];
    EXPECT_LE(worst(run(forward, view, weight), result), 1e-12);

    result.fill_random(random, -1, 1);
    reference::conv2d_input_grad(input.view, result.view, weight.view, nullptr, params);
    EXPECT_TRUE(has_input_grad_product(params));
    TapProduct gradient = input_grad_product(input.view, result.view, weight.view, params);
    EXPECT_LE(worst(run(gradient, result.view, weight), input), 1e-12);
    const TapProduct::Pair taps = gradient.taps;
    align_blocks(gradient);
    aligned += gradient.lead != TapProduct::Pair{0, 0};
    EXPECT_EQ(gradient.taps, taps);
    EXPECT_LE(worst(run(gradient, result.view, weight), input), 1e-12);
    if (HasFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(folded, 5);
  EXPECT_GT(aligned, 20);
}

}  // namespace
}  // namespace tessera::kernels
