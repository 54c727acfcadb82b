// CUDA convolutions against the reference: forward, input gradient and weight gradient, every dtype and memory order, shapes of
// networks, the same bits on two runs.
#include "kernels/conv2d/conv2d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

struct Case {
  int64_t images, in, height, width, out, kernel_y, kernel_x;
  Conv2dParams params;
  ScalarType dtype = kFloat32;
  MemoryOrder input = MemoryOrder::ChannelsLast, output = MemoryOrder::ChannelsLast, weight = MemoryOrder::RowMajor;
  int64_t shift = 1;  // elements off alignment; 0: kernels may use 16-byte accesses and TMA

  int64_t out_size(int d) const {
    const int64_t size = d == 0 ? height : width, kernel = d == 0 ? kernel_y : kernel_x;
    return (size + 2 * params.padding[d] - params.dilation[d] * (kernel - 1) - 1) / params.stride[d] + 1;
  }
  std::string name() const {
    const auto pair = [](const std::array<int64_t, 2>& p) { return std::to_string(p[0]) + "," + std::to_string(p[1]); };
    return std::to_string(images) + "x" + std::to_string(in) + "x" + std::to_string(height) + "x" + std::to_string(width) + "->" +
           std::to_string(out) + " k" + pair({kernel_y, kernel_x}) + " s" + pair(params.stride) + " p" + pair(params.padding) +
           " d" + pair(params.dilation) + " g" + std::to_string(params.groups) + " " + to_string(dtype) + " layouts " +
           std::to_string(int(input)) + std::to_string(int(output)) + std::to_string(int(weight)) + " precision " +
           std::to_string(int(params.precision)) + " shift " + std::to_string(shift);
  }
};

StridedBuffer buffer(const Case& c, const std::vector<int64_t>& sizes, MemoryOrder order) {
  if (c.shift != 0) return StridedBuffer(c.dtype, sizes, order);
  const std::vector<int> channels_last{0, 2, 3, 1}, row_major{0, 1, 2, 3};
  return StridedBuffer(c.dtype, sizes, order == MemoryOrder::ChannelsLast ? channels_last : row_major, /*gap=*/1, c.shift);
}

// Values lie in [-1, 1]. A sum of n products errs by less than n epsilons of the type it is computed in, and by the rounding of
// the operands where the precision allows it (2^-11 of each for TensorFloat32, 2^-8 for bfloat16): independent errors, whose sum
// grows with sqrt(n).
auto sum_of(int64_t products, const Case& c) {
  double tolerance = epsilon(arithmetic_type(c.dtype)) * double(products + 2);
  if (c.dtype == kFloat32 && c.params.precision != Float32Precision::Highest)
    tolerance += (c.params.precision == Float32Precision::High ? 0x1p-10 : 0x1p-7) * 3 * std::sqrt(double(products));
  return within(tolerance, epsilon(c.dtype));
}

// kernel(output) on two outputs: within `tolerance` of the expected one, and the same bits.
template <class Kernel, class Tolerance>
void run_twice(const Case& c, const std::vector<int64_t>& sizes, MemoryOrder order, const StridedBuffer& expected,
               Tolerance&& tolerance, const char* what, Kernel&& kernel) {
  const StridedBuffer first = buffer(c, sizes, order), second = buffer(c, sizes, order);
  const OnDevice device{&first, &second};
  kernel(device(first.view));
  kernel(device(second.view));
  device.fetch();
  expect_close(first, expected, tolerance, what + (" " + c.name()));
  ASSERT_EQ(first.memory(), second.memory()) << what << " " << c.name() << ": two runs differ";
}

// Forward with a bias and input gradient without one, or `both` ways; float32 at each precision.
void check(Case c, uint32_t seed, bool both = false) {
  std::mt19937 random(seed);
  const int64_t oh = c.out_size(0), ow = c.out_size(1), taps = c.kernel_y * c.kernel_x, groups = c.params.groups;
  const std::vector<int64_t> in_sizes{c.images, c.in, c.height, c.width}, out_sizes{c.images, c.out, oh, ow};
  const std::vector<int64_t> weight_sizes{c.out, c.in / groups, c.kernel_y, c.kernel_x};
  const StridedBuffer input = buffer(c, in_sizes, c.input), weight = buffer(c, weight_sizes, c.weight);
  const StridedBuffer grad_out = buffer(c, out_sizes, c.output), bias(c.dtype, {c.out}, c.input), in_bias(c.dtype, {c.in});
  for (const StridedBuffer* s : {&input, &weight, &grad_out, &bias, &in_bias}) s->fill_random(random, -1, 1);
  const OnDevice device{&input, &weight, &grad_out, &bias, &in_bias};
  const View bias_view = device(bias.view), in_bias_view = device(in_bias.view);
  const StridedBuffer slow_out(c.dtype, out_sizes), slow_in(c.dtype, in_sizes), slow_weight(c.dtype, weight_sizes);
  const auto each_precision = [&](auto&& body) {
    for (Float32Precision precision : {Float32Precision::Highest, Float32Precision::High, Float32Precision::Medium}) {
      c.params.precision = precision;
      if (precision == Float32Precision::Highest || c.dtype == kFloat32) body();
      if (testing::Test::HasFatalFailure()) return;
    }
  };

  for (bool with_bias : {true, false}) {
    if (!with_bias && !both) continue;
    reference::conv2d_forward(slow_out.view, input.view, weight.view, with_bias ? &bias.view : nullptr, c.params);
    each_precision([&] {
      run_twice(c, out_sizes, c.output, slow_out, sum_of(c.in / groups * taps, c), "forward", [&](const View& out) {
        cuda::conv2d_forward(out, device(input.view), device(weight.view), with_bias ? &bias_view : nullptr, c.params);
      });
    });
  }
  for (bool with_bias : {false, true}) {
    if (with_bias && !both) continue;
    reference::conv2d_input_grad(slow_in.view, grad_out.view, weight.view, with_bias ? &in_bias.view : nullptr, c.params);
    each_precision([&] {
      run_twice(c, in_sizes, c.input, slow_in, sum_of(c.out / groups * taps, c), "input_grad", [&](const View& grad_input) {
        cuda::conv2d_input_grad(grad_input, device(grad_out.view), device(weight.view), with_bias ? &in_bias_view : nullptr,
                                c.params);
      });
    });
  }
  reference::conv2d_weight_grad(slow_weight.view, input.view, grad_out.view, c.params);
  each_precision([&] {
    const auto kernel = [&](const View& grad_weight) {
      cuda::conv2d_weight_grad(grad_weight, device(input.view), device(grad_out.view), c.params);
    };
    run_twice(c, weight_sizes, c.weight, slow_weight, sum_of(c.images * oh * ow, c), "weight_grad", kernel);
    if (c.dtype != kBFloat16 && c.dtype != kFloat16) return;
    Case wide = c;  // halves, whose gradient is wanted in float32
    wide.dtype = kFloat32, wide.params.precision = Float32Precision::Highest;
    const StridedBuffer slow(kFloat32, weight_sizes);
    reference::conv2d_weight_grad(slow.view, input.view, grad_out.view, c.params);
    run_twice(wide, weight_sizes, c.weight, slow, sum_of(c.images * oh * ow, wide), "float32 weight_grad", kernel);
  });
}

constexpr ScalarType kTypes[] = {kFloat32, kBFloat16, kFloat16, kFloat64};

TEST(CudaConv2d, RandomShapes) {
  TESSERA_NEEDS_GPU();
  std::mt19937 random(20240611);
  const auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const MemoryOrder orders[] = {MemoryOrder::ChannelsLast, MemoryOrder::ChannelsLast, MemoryOrder::RowMajor,
                                MemoryOrder::Transposed, MemoryOrder::Sliced};
  for (int i = 0; i < 300; ++i) {
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
    c.dtype = kTypes[pick(0, 3)];
    c.input = orders[pick(0, 4)], c.output = orders[pick(0, 4)], c.weight = orders[pick(0, 4)];
    check(c, 1000 + i, /*both=*/true);
    if (HasFatalFailure()) return;
  }
}

TEST(CudaConv2d, ChannelsAroundTheTiles) {
  TESSERA_NEEDS_GPU();
  for (int64_t channels : {1, 3, 4, 7, 8, 12, 16, 21, 24, 32, 33, 40, 64, 72, 96, 128, 136})
    for (ScalarType dtype : kTypes) {
      const Conv2dParams same{{1, 1}, {1, 1}};
      Case c{1, channels, 7, 9, 24, 3, 3, same, dtype};
      c.shift = 0;
      check(c, 1);
      Case d{2, 16, 5, 8, channels, 3, 3, same, dtype};
      d.shift = 0;
      d.weight = MemoryOrder::ChannelsLast;
      check(d, 2);
      Case e{1, channels, 6, 5, channels, 1, 1, {}, dtype};
      e.shift = 0;
      check(e, 3);
      if (HasFatalFailure()) return;
    }
}

TEST(CudaConv2d, ShapesOfNetworks) {
  TESSERA_NEEDS_GPU();
  const Case cases[] = {
      {1, 3, 20, 33, 64, 7, 7, {{2, 2}, {3, 3}}},              // ResNet stem
      {2, 3, 32, 48, 64, 7, 7, {{2, 2}, {3, 3}}},              //
      {1, 512, 3, 4, 21, 1, 1, {}},                            // classifier
      {2, 64, 5, 68, 64, 3, 3, {{1, 1}, {1, 1}}},              // U-Net
      {1, 128, 9, 10, 128, 3, 3, {{1, 1}, {1, 1}}},            //
      {1, 64, 70, 10, 32, 3, 3, {{1, 1}, {1, 1}}},             // tall
      {2, 64, 11, 13, 128, 3, 3, {{2, 2}, {1, 1}}},            // downsampling
      {2, 64, 11, 13, 128, 1, 1, {{2, 2}, {0, 0}}},            // shortcut
      {2, 12, 32, 64, 12, 16, 16, {{8, 8}, {4, 4}}},           // bilinear upsampling, as its gradient
      {1, 3, 64, 64, 3, 64, 64, {{32, 32}, {16, 16}}},         //
      {1, 24, 16, 16, 40, 2, 2, {{2, 2}, {0, 0}}},             // U-Net up-convolution
      {1, 32, 16, 32, 64, 2, 2, {{2, 2}, {0, 0}}},             //
      {1, 64, 12, 16, 64, 4, 4, {{2, 2}, {1, 1}}},             //
      {1, 64, 17, 18, 64, 3, 3, {{1, 1}, {2, 2}, {2, 2}}},     // dilated
      {1, 48, 9, 10, 48, 3, 3, {{1, 1}, {1, 1}, {1, 1}, 48}},  // depthwise
      {1, 64, 6, 6, 64, 3, 3, {{1, 1}, {1, 1}, {1, 1}, 4}},    // grouped
      {1, 4, 3, 3, 4, 2, 2, {{4, 5}, {2, 3}}},                 // stride beyond the kernel: pixels no tap meets
  };
  for (Case c : cases)
    for (ScalarType dtype : kTypes) {
      for (MemoryOrder order : {MemoryOrder::ChannelsLast, MemoryOrder::RowMajor}) {
        if (order == MemoryOrder::RowMajor && dtype != kFloat32) continue;  // the reference takes its time
        c.dtype = dtype, c.input = c.output = order, c.shift = 0;
        check(c, 5);
        if (HasFatalFailure()) return;
      }
    }
}

// The convolution with one float32 accumulator an output, rounded after each product: values [images, out, oh, ow].
std::vector<float> summed_in_float32(const Case& c, const StridedBuffer& input, const StridedBuffer& weight) {
  std::vector<float> sums;
  for (int64_t n = 0; n < c.images; ++n)
    for (int64_t o = 0; o < c.out; ++o)
      for (int64_t y = 0; y < c.out_size(0); ++y)
        for (int64_t x = 0; x < c.out_size(1); ++x) {
          float sum = 0;
          for (int64_t ky = 0; ky < c.kernel_y; ++ky)
            for (int64_t kx = 0; kx < c.kernel_x; ++kx) {
              const int64_t h = y * c.params.stride[0] - c.params.padding[0] + ky, w = x * c.params.stride[1] - c.params.padding[1] + kx;
              if (h < 0 || h >= c.height || w < 0 || w >= c.width) continue;
              for (int64_t k = 0; k < c.in; ++k)
                sum = std::fma(static_cast<float>(input.get(((n * c.in + k) * c.height + h) * c.width + w)),
                               static_cast<float>(weight.get(((o * c.in + k) * c.kernel_y + ky) * c.kernel_x + kx)), sum);
            }
          sums.push_back(sum);
        }
  return sums;
}

// At the highest precision the tensor cores' sums of split numbers err at most twice as much as a float32 accumulator does: of few
// products they know each to 2^-22.
TEST(CudaConv2d, HighestPrecisionErrsLikeFloat32Arithmetic) {
  TESSERA_NEEDS_GPU();
  for (Case c : {Case{2, 64, 20, 30, 64, 3, 3, {.padding = {1, 1}}}, Case{1, 512, 12, 18, 40, 3, 3, {.padding = {1, 1}}},
                 Case{2, 48, 21, 17, 96, 3, 3, {.stride = {2, 2}, .padding = {1, 1}}}, Case{1, 12, 30, 30, 20, 1, 1, {}}}) {
    c.shift = 0;
    const std::vector<int64_t> in_sizes{c.images, c.in, c.height, c.width}, weight_sizes{c.out, c.in, c.kernel_y, c.kernel_x};
    const std::vector<int64_t> out_sizes{c.images, c.out, c.out_size(0), c.out_size(1)};
    const StridedBuffer input = buffer(c, in_sizes, c.input), weight = buffer(c, weight_sizes, c.weight);
    const StridedBuffer out = buffer(c, out_sizes, c.output);
    input.fill_random(41, -1, 1), weight.fill_random(42, -1, 1);
    const StridedBuffer wide_input(kFloat64, in_sizes), wide_weight(kFloat64, weight_sizes), exact(kFloat64, out_sizes);
    wide_input.fill([&](int64_t i) { return input.get(i); });
    wide_weight.fill([&](int64_t i) { return weight.get(i); });
    reference::conv2d_forward(exact.view, wide_input.view, wide_weight.view, nullptr, c.params);
    const OnDevice device{&input, &weight, &out};
    cuda::conv2d_forward(device(out.view), device(input.view), device(weight.view), nullptr, c.params);
    device.fetch();
    EXPECT_LE(max_difference(out.values(), exact.values()), 2 * max_difference(summed_in_float32(c, input, weight), exact.values()))
        << c.name();
  }
}

TEST(CudaConv2d, OutputPaddingOfTheTransposedConvolutionOnlyEnlargesTheResult) {
  TESSERA_NEEDS_GPU();
  // 3x3 input, kernel 2, stride 3: the plain size is 8; rows and columns that no tap reaches hold the bias.
  for (ScalarType type : {kFloat32, kBFloat16})
    for (int64_t size : {8, 9, 10}) {
      const StridedBuffer input(type, {1, 16, 3, 3}, {0, 2, 3, 1}, 1, 0), weight(type, {16, 24, 2, 2}), bias(type, {24});
      unsigned seed = 3;
      for (const StridedBuffer* s : {&input, &weight, &bias}) s->fill_random(seed++, -1, 1);
      const StridedBuffer fast(type, {1, 24, size, size}, {0, 2, 3, 1}, 1, 0), slow(type, {1, 24, size, size});
      const OnDevice device{&input, &weight, &bias, &fast};
      const View bias_view = device(bias.view);
      cuda::conv2d_input_grad(device(fast.view), device(input.view), device(weight.view), &bias_view, {{3, 3}});
      reference::conv2d_input_grad(slow.view, input.view, weight.view, &bias.view, {{3, 3}});
      device.fetch();
      expect_close(fast, slow, within(66 * epsilon(kFloat32), epsilon(type)), "output padding");
    }
}

TEST(CudaConv2d, EmptyBatchesAndChannels) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16}) {
    const StridedBuffer no_images(type, {0, 2, 4, 4}), no_output(type, {0, 3, 2, 2}), weight(type, {3, 2, 3, 3});
    const StridedBuffer no_channels(type, {1, 0, 4, 4}), thin(type, {3, 0, 3, 3}), out(type, {1, 3, 2, 2});
    const OnDevice device{&no_images, &no_output, &weight, &no_channels, &thin, &out};
    cuda::conv2d_forward(device(no_output.view), device(no_images.view), device(weight.view), nullptr, {});
    cuda::conv2d_input_grad(device(no_images.view), device(no_output.view), device(weight.view), nullptr, {});
    cuda::conv2d_weight_grad(device(weight.view), device(no_images.view), device(no_output.view), {});
    cuda::conv2d_forward(device(out.view), device(no_channels.view), device(thin.view), nullptr, {});
    device.fetch();
    EXPECT_EQ(weight.values(), std::vector<double>(54, 0.0));  // a sum over no pixels
    EXPECT_EQ(out.values(), std::vector<double>(12, 0.0));
  }
}

TEST(CudaConv2d, NotANumberReachesEveryOutputThatReadsIt) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16}) {
    const StridedBuffer input(type, {1, 8, 6, 7}, {0, 2, 3, 1}, 1, 0), weight(type, {16, 8, 3, 3});
    const StridedBuffer out(type, {1, 16, 6, 7}, {0, 2, 3, 1}, 1, 0);
    input.fill_random(4, -1, 1), weight.fill_random(5, -1, 1);
    input.set(3 * 7, std::numeric_limits<double>::quiet_NaN());  // channel 0, row 3, column 0
    const OnDevice device{&input, &weight, &out};
    cuda::conv2d_forward(device(out.view), device(input.view), device(weight.view), nullptr, {{1, 1}, {1, 1}});
    device.fetch();
    const std::vector<double> values = out.values();
    for (int64_t i = 0; i < 16 * 42; ++i)
      EXPECT_EQ(std::isnan(values[static_cast<size_t>(i)]), i / 7 % 6 >= 2 && i / 7 % 6 <= 4 && i % 7 <= 1) << i;
  }
}

}  // namespace
}  // namespace tessera::kernels
