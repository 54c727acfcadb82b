// Convolution kernels: the reference against values worked out by hand, the fast ones against the reference.
#include "kernels/conv2d/conv2d.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

struct Case {
  int64_t images, in, height, width, out, kernel_y, kernel_x;
  Conv2dParams params;
  ScalarType dtype = kFloat32;
  MemoryOrder input = MemoryOrder::ChannelsLast, output = MemoryOrder::ChannelsLast, weight = MemoryOrder::RowMajor;

  int64_t out_size(int d) const {
    const int64_t size = d == 0 ? height : width, kernel = d == 0 ? kernel_y : kernel_x;
    return (size + 2 * params.padding[d] - params.dilation[d] * (kernel - 1) - 1) / params.stride[d] + 1;
  }
  std::string name() const {
    const auto pair = [](const std::array<int64_t, 2>& p) { return std::to_string(p[0]) + "," + std::to_string(p[1]); };
    return std::to_string(images) + "x" + std::to_string(in) + "x" + std::to_string(height) + "x" + std::to_string(width) + "->" +
           std::to_string(out) + " k" + pair({kernel_y, kernel_x}) + " s" + pair(params.stride) + " p" + pair(params.padding) +
           " d" + pair(params.dilation) + " g" + std::to_string(params.groups) + " " + to_string(dtype) + " layouts " +
           std::to_string(int(input)) + std::to_string(int(output)) + std::to_string(int(weight));
  }
};

// Values lie in [-1, 1], so a sum of n products errs by less than n epsilons of the type it is computed in; halves round once
// more.
auto sum_of(int64_t products, ScalarType type) {
  return within(epsilon(arithmetic_type(type)) * double(products + 2), epsilon(type));
}

// Runs `kernel(output)` with one and with three threads: the bits must be the same.
template <class Kernel> void run_twice(const StridedBuffer& output, Kernel&& kernel, const std::string& what) {
  with_threads(1, [&] { kernel(output.view); });
  const std::vector<double> alone = output.values();
  with_threads(3, [&] { kernel(output.view); });
  EXPECT_EQ(alone, output.values()) << what << ": bits depend on the thread count";
}

void check(const Case& c, uint32_t seed) {
  std::mt19937 random(seed);
  const int64_t oh = c.out_size(0), ow = c.out_size(1), taps = c.kernel_y * c.kernel_x, groups = c.params.groups;
  const StridedBuffer input(c.dtype, {c.images, c.in, c.height, c.width}, c.input);
  const StridedBuffer weight(c.dtype, {c.out, c.in / groups, c.kernel_y, c.kernel_x}, c.weight);
  const StridedBuffer grad_out(c.dtype, {c.images, c.out, oh, ow}, c.output);
  const StridedBuffer bias(c.dtype, {c.out}, c.input), in_bias(c.dtype, {c.in});
  for (const StridedBuffer* s : {&input, &weight, &grad_out, &bias, &in_bias}) s->fill_random(random, -1, 1);

  for (const View* b : {static_cast<const View*>(nullptr), &bias.view}) {
    StridedBuffer fast(c.dtype, {c.images, c.out, oh, ow}, c.output);
    StridedBuffer slow(c.dtype, {c.images, c.out, oh, ow});
    run_twice(
        fast, [&](const View& v) { cpu::conv2d_forward(v, input.view, weight.view, b, c.params); }, c.name());
    reference::conv2d_forward(slow.view, input.view, weight.view, b, c.params);
    expect_close(fast, slow, sum_of(c.in / groups * taps, c.dtype), "forward " + c.name());
  }
  for (const View* b : {static_cast<const View*>(nullptr), &in_bias.view}) {
    StridedBuffer fast(c.dtype, {c.images, c.in, c.height, c.width}, c.input), slow(c.dtype, {c.images, c.in, c.height, c.width});
    run_twice(
        fast, [&](const View& v) { cpu::conv2d_input_grad(v, grad_out.view, weight.view, b, c.params); }, c.name());
    reference::conv2d_input_grad(slow.view, grad_out.view, weight.view, b, c.params);
    expect_close(fast, slow, sum_of(c.out / groups * taps, c.dtype), "input_grad " + c.name());
  }
  StridedBuffer fast(c.dtype, {c.out, c.in / groups, c.kernel_y, c.kernel_x}, c.weight);
  StridedBuffer slow(c.dtype, {c.out, c.in / groups, c.kernel_y, c.kernel_x});
  run_twice(
      fast, [&](const View& v) { cpu::conv2d_weight_grad(v, input.view, grad_out.view, c.params); }, c.name());
  reference::conv2d_weight_grad(slow.view, input.view, grad_out.view, c.params);
  expect_close(fast, slow, sum_of(c.images * oh * ow, c.dtype), "weight_grad " + c.name());
}

TEST(Conv2dKernels, ReferenceMatchesValuesWorkedOutByHand) {
  // [1 2 3; 4 5 6; 7 8 9] with the kernel [1 0; 0 -2], bias 10, stride 2, padding 1: windows start at (-1|1, -1|1).
  float image[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, kernel[4] = {1, 0, 0, -2}, bias_value = 10, result[4], back[9], kernel_grad[4];
  const View input{image, kFloat32, 4, {1, 1, 3, 3}, {9, 9, 3, 1}}, weight{kernel, kFloat32, 4, {1, 1, 2, 2}, {4, 4, 2, 1}};
  const View bias{&bias_value, kFloat32, 1, {1}, {1}}, out{result, kFloat32, 4, {1, 1, 2, 2}, {4, 4, 2, 1}};
  const Conv2dParams params{{2, 2}, {1, 1}, {1, 1}, 1};
  reference::conv2d_forward(out, input, weight, &bias, params);
  EXPECT_EQ(std::vector<float>(result, result + 4), (std::vector<float>{10 - 2, 10 - 6, 10 - 14, 10 + 5 - 18}));
  float grad[4] = {1, 10, 100, 1000};
  const View grad_out{grad, kFloat32, 4, {1, 1, 2, 2}, {4, 4, 2, 1}}, grad_input{back, kFloat32, 4, {1, 1, 3, 3}, {9, 9, 3, 1}};
  reference::conv2d_input_grad(grad_input, grad_out, weight, nullptr, params);
  EXPECT_EQ(std::vector<float>(back, back + 9), (std::vector<float>{-2, 0, -20, 0, 1000, 0, -200, 0, -2000}));
  const View grad_weight{kernel_grad, kFloat32, 4, {1, 1, 2, 2}, {4, 4, 2, 1}};
  reference::conv2d_weight_grad(grad_weight, input, grad_out, params);
  EXPECT_EQ(std::vector<float>(kernel_grad, kernel_grad + 4),
            (std::vector<float>{5000, 400 + 6000, 20 + 8000, 1 + 30 + 700 + 9000}));
}

TEST(Conv2dKernels, FastMatchesReferenceOnRandomShapes) {
  std::mt19937 random(20240611);
  const auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const ScalarType types[] = {kFloat32, kFloat32, kFloat64, kBFloat16, kFloat16};
  const MemoryOrder layouts[] = {MemoryOrder::ChannelsLast, MemoryOrder::ChannelsLast, MemoryOrder::RowMajor,
                                 MemoryOrder::Transposed, MemoryOrder::Sliced};
  for (int i = 0; i < 400; ++i) {
    Case c;
    c.params.groups = pick(0, 3) ? 1 : pick(1, 6);
    c.in = c.params.groups * pick(1, pick(0, 3) ? 5 : 40), c.out = c.params.groups * pick(1, pick(0, 2) ? 9 : 40);
    if (c.params.groups > 1 && pick(0, 2) == 0) c.in = c.out = c.params.groups * (pick(0, 1) ? 1 : 7);
    c.images = pick(1, 3);
    c.kernel_y = pick(1, 7), c.kernel_x = pick(0, 2) ? c.kernel_y : pick(1, 7);
    for (int d = 0; d < 2; ++d) {
      c.params.stride[d] = pick(1, 3), c.params.padding[d] = pick(0, 3), c.params.dilation[d] = pick(1, 2);
    }
    const auto least = [&](int d, int64_t kernel) {
      return std::max<int64_t>(1, c.params.dilation[d] * (kernel - 1) + 1 - 2 * c.params.padding[d]);
    };
    c.height = least(0, c.kernel_y) + pick(0, 9), c.width = least(1, c.kernel_x) + pick(0, 14);
    c.dtype = types[pick(0, 4)];
    c.input = layouts[pick(0, 4)], c.output = layouts[pick(0, 4)], c.weight = layouts[pick(0, 4)];
    check(c, 1000 + i);
    if (HasFatalFailure()) return;
  }
}

TEST(Conv2dKernels, FastMatchesReferenceAroundTheVectorAndTileSizes) {
  for (int64_t channels : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 21, 31, 32, 33, 47, 48, 49, 64, 65})
    for (ScalarType dtype : {kFloat32, kFloat64}) {
      check({1, channels, 3, 5, 3, 3, 3, {{1, 1}, {1, 1}}, dtype}, 1);
      check({1, 3, 3, 5, channels, 3, 3, {{1, 1}, {1, 1}}, dtype}, 2);
      check({1, 2, 1, channels, 2, 1, 1, {}, dtype}, 3);
      if (HasFatalFailure()) return;
    }
}

TEST(Conv2dKernels, FastMatchesReferenceOnShapesOfNetworks) {
  const Case cases[] = {
      {1, 3, 20, 33, 64, 7, 7, {{2, 2}, {3, 3}}},                         // ResNet stem
      {1, 400, 3, 4, 21, 1, 1, {}},                                       // classifier: k is cut in parts
      {1, 130, 5, 7, 40, 3, 3, {{1, 1}, {1, 1}}},                         // k is cut in groups of taps
      {2, 5, 32, 64, 5, 16, 16, {{8, 8}, {4, 4}}},                        // bilinear upsampling, as its gradient
      {1, 3, 96, 128, 3, 64, 64, {{32, 32}, {16, 16}}},                   //
      {1, 24, 16, 16, 40, 2, 2, {{2, 2}, {0, 0}}},                        // U-Net up-convolution
      {1, 4, 70, 80, 8, 3, 3, {{1, 1}, {1, 1}}},                          // weight gradient: several chunks of pixels
      {1, 48, 9, 10, 48, 3, 3, {{1, 1}, {1, 1}, {1, 1}, 48}},             // depthwise
      {1, 40, 9, 10, 40, 5, 3, {{2, 1}, {2, 0}, {1, 2}, 40}},             //
      {1, 40, 9, 10, 40, 3, 3, {{1, 1}, {1, 1}, {1, 1}, 40}, kBFloat16},  //
      {1, 20, 9, 10, 60, 3, 3, {{1, 1}, {1, 1}, {1, 1}, 20}},             // depthwise, three outputs a channel
      {1, 64, 6, 6, 64, 3, 3, {{1, 1}, {1, 1}, {1, 1}, 8}},               // grouped
      {1, 4, 3, 3, 4, 2, 2, {{4, 5}, {2, 3}}},                            // stride beyond the kernel: pixels no tap meets
  };
  for (const Case& c : cases) {
    check(c, 5);
    if (HasFatalFailure()) return;
  }
}

TEST(Conv2dKernels, OutputPaddingOfTheTransposedConvolutionOnlyEnlargesTheResult) {
  // 3x3 input, kernel 2, stride 3: the plain size is 8; rows and columns that no tap reaches hold the bias.
  for (int64_t size : {8, 9, 10}) {
    std::mt19937 random(3);
    const StridedBuffer input(kFloat32, {1, 2, 3, 3}, MemoryOrder::ChannelsLast), weight(kFloat32, {2, 2, 2, 2}),
        bias(kFloat32, {2});
    for (const StridedBuffer* s : {&input, &weight, &bias}) s->fill_random(random, -1, 1);
    StridedBuffer fast(kFloat32, {1, 2, size, size}, MemoryOrder::ChannelsLast), slow(kFloat32, {1, 2, size, size});
    const Conv2dParams params{{3, 3}};
    cpu::conv2d_input_grad(fast.view, input.view, weight.view, &bias.view, params);
    reference::conv2d_input_grad(slow.view, input.view, weight.view, &bias.view, params);
    expect_close(fast, slow, sum_of(8, kFloat32), "output padding");
    if (size > 8) {
      EXPECT_EQ(fast.values().back(), bias.values().back());
    }
  }
}

TEST(Conv2dKernels, EmptyBatchesAndChannels) {
  const StridedBuffer no_images(kFloat32, {0, 2, 4, 4}), no_output(kFloat32, {0, 3, 2, 2}), weight(kFloat32, {3, 2, 3, 3});
  cpu::conv2d_forward(no_output.view, no_images.view, weight.view, nullptr, {});
  cpu::conv2d_input_grad(no_images.view, no_output.view, weight.view, nullptr, {});
  cpu::conv2d_weight_grad(weight.view, no_images.view, no_output.view, {});
  EXPECT_EQ(weight.values(), std::vector<double>(54, 0.0));  // a sum over no pixels
  const StridedBuffer no_channels(kFloat32, {1, 0, 4, 4}), thin(kFloat32, {3, 0, 3, 3}), out(kFloat32, {1, 3, 2, 2});
  cpu::conv2d_forward(out.view, no_channels.view, thin.view, nullptr, {});
  EXPECT_EQ(out.values(), std::vector<double>(12, 0.0));
}

TEST(Conv2dKernels, NotANumberReachesEveryOutputThatReadsIt) {
  std::mt19937 random(4);
  StridedBuffer input(kFloat32, {1, 5, 6, 7}, MemoryOrder::ChannelsLast), weight(kFloat32, {9, 5, 3, 3});
  input.fill_random(random, -1, 1), weight.fill_random(random, -1, 1);
  input.view.as<float>()[3 * input.view.strides[2]] = std::numeric_limits<float>::quiet_NaN();
  StridedBuffer out(kFloat32, {1, 9, 6, 7}, MemoryOrder::ChannelsLast);
  cpu::conv2d_forward(out.view, input.view, weight.view, nullptr, {{1, 1}, {1, 1}});
  const std::vector<double> values = out.values();
  for (int64_t i = 0; i < 9 * 42; ++i) EXPECT_EQ(std::isnan(values[i]), i / 7 % 6 >= 2 && i / 7 % 6 <= 4 && i % 7 <= 1) << i;
}

}  // namespace
}  // namespace tessera::kernels
