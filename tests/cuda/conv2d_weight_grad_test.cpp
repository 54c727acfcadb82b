// The weight gradient of float32 convolutions with 3x3 and 4x4 kernels on CUDA: exact sums, the error at each precision, what is not a number.
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

#include "kernels/conv2d/conv2d.h"
#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

constexpr Float32Precision kPrecisions[] = {Float32Precision::Highest, Float32Precision::High, Float32Precision::Medium};

struct Case {
  int64_t images, in, height, width, out, padding = 1, stride = 1;
  std::array<int64_t, 2> kernel{3, 3};

  int64_t out_height() const { return (height + 2 * padding - kernel[0]) / stride + 1; }
  int64_t out_width() const { return (width + 2 * padding - kernel[1]) / stride + 1; }
  std::vector<int64_t> weight_sizes() const { return {out, in, kernel[0], kernel[1]}; }
  Conv2dParams params(Float32Precision precision) const {
    return {.stride = {stride, stride}, .padding = {padding, padding}, .precision = precision};
  }
  std::string name(Float32Precision precision) const {
    return std::to_string(images) + "x" + std::to_string(in) + "x" + std::to_string(height) + "x" + std::to_string(width) + "->" +
           std::to_string(out) + " k" + std::to_string(kernel[0]) + "," + std::to_string(kernel[1]) + " s" +
           std::to_string(stride) + " p" + std::to_string(padding) + " precision " + std::to_string(int(precision));
  }
};

// Channels-last pictures, aligned for 16-byte accesses; sliced: with gaps between pixels, rows and pictures.
StridedBuffer pictures(ScalarType type, const std::vector<int64_t>& sizes, bool sliced = false) {
  return StridedBuffer(type, sizes, {0, 2, 3, 1}, 1, 0, /*margin=*/sliced ? 4 : 0);
}
StridedBuffer input_of(const Case& c, ScalarType type, bool sliced = false) {
  return pictures(type, {c.images, c.in, c.height, c.width}, sliced);
}
StridedBuffer grad_out_of(const Case& c, ScalarType type, bool sliced = false) {
  return pictures(type, {c.images, c.out, c.out_height(), c.out_width()}, sliced);
}
void copy_values(const StridedBuffer& to, const StridedBuffer& from) {
  to.fill([&](int64_t i) { return from.get(i); });
}

// Products and sums of small integers are exact in every precision.
void check_integers(const Case& c, bool sliced = false) {
  std::mt19937 random(7);
  const StridedBuffer input = input_of(c, kFloat32, sliced), grad_out = grad_out_of(c, kFloat32, sliced);
  std::uniform_int_distribution<int> pick(-8, 8);
  for (const StridedBuffer* buffer : {&input, &grad_out}) buffer->fill([&](int64_t) { return pick(random); });
  const StridedBuffer expected(kFloat32, c.weight_sizes());
  reference::conv2d_weight_grad(expected.view, input.view, grad_out.view, c.params(Float32Precision::Highest));
  for (Float32Precision precision : kPrecisions) {
    const StridedBuffer weight(kFloat32, c.weight_sizes());
    const OnDevice device{&input, &grad_out, &weight};
    cuda::conv2d_weight_grad(device(weight.view), device(input.view), device(grad_out.view), c.params(precision));
    device.fetch();
    expect_close(weight, expected, exactly, c.name(precision));
  }
}

TEST(CudaConv2dWeightGrad, ExactWithAnyNumberOfChannels) {
  TESSERA_NEEDS_GPU();
  for (int64_t in : {4, 24, 32, 44, 64, 100, 132})
    for (int64_t out : {4, 28, 64, 100, 136}) {
      check_integers({1, in, 5, 19, out});
      check_integers({1, in, 6, 37, out, 1, 2, {4, 4}});
      if (HasFatalFailure()) return;
    }
}

// Pictures narrower, as wide and wider than a step, lower than the kernel; many strips for a block and many blocks for a strip.
TEST(CudaConv2dWeightGrad, ExactWithAnySizeOfPicture) {
  TESSERA_NEEDS_GPU();
  for (int64_t height : {1, 2, 10, 37})
    for (int64_t width : {1, 15, 16, 17, 32, 33, 65})
      for (int64_t padding : {0, 1, 2}) {
        if (height + 2 * padding < 3 || width + 2 * padding < 3) continue;
        check_integers({3, 24, height, width, 28, padding});
        check_integers({1, 44, height, width, 28, padding});
        if (HasFatalFailure()) return;
      }
  check_integers({1, 44, 700, 40, 28});
  check_integers({150, 24, 3, 20, 28});
}

TEST(CudaConv2dWeightGrad, ExactWithStride) {
  TESSERA_NEEDS_GPU();
  for (const auto& kernel : {std::array<int64_t, 2>{3, 3}, {4, 4}, {3, 4}, {4, 3}})
    for (int64_t height : {2, 3, 11, 38})
      for (int64_t width : {4, 33, 67, 130})
        for (int64_t padding : {0, 1, 2}) {
          if (height + 2 * padding < kernel[0]) continue;
          check_integers({2, 24, height, width, 28, padding, 2, kernel});
          check_integers({1, 44, height, width, 28, padding, 2, kernel});
          if (HasFatalFailure()) return;
        }
  check_integers({1, 44, 700, 80, 28, 1, 2, {4, 4}});
}

TEST(CudaConv2dWeightGrad, ExactWithGapsBetweenPixels) {
  TESSERA_NEEDS_GPU();
  check_integers({2, 32, 6, 35, 64}, /*sliced=*/true);
  check_integers({2, 64, 6, 13, 64}, /*sliced=*/true);
  check_integers({2, 64, 13, 70, 64, 1, 2, {4, 4}}, /*sliced=*/true);
}

// At the highest precision the error is at most twice that of the CUDA cores, which take operands that are not aligned; below it,
// operands are rounded to TensorFloat32, by 2^-11 of each, which are independent errors. The same bits on two runs.
TEST(CudaConv2dWeightGrad, ErrorAtEachPrecision) {
  TESSERA_NEEDS_GPU();
  for (const Case& c : {Case{2, 32, 64, 96, 48}, Case{8, 64, 20, 15, 64}, Case{2, 64, 70, 80, 64, 1, 2, {4, 4}}}) {
    const StridedBuffer input = input_of(c, kFloat32), grad_out = grad_out_of(c, kFloat32);
    const StridedBuffer wide_input = input_of(c, kFloat64), wide_grad_out = grad_out_of(c, kFloat64);
    input.fill_random(21, -1, 1), grad_out.fill_random(22, -1, 1);
    copy_values(wide_input, input), copy_values(wide_grad_out, grad_out);
    const StridedBuffer unaligned_input(kFloat32, {c.images, c.in, c.height, c.width}, MemoryOrder::ChannelsLast);
    copy_values(unaligned_input, input);
    const StridedBuffer exact(kFloat64, c.weight_sizes()), by_cuda_cores(kFloat32, c.weight_sizes());
    reference::conv2d_weight_grad(exact.view, wide_input.view, wide_grad_out.view, c.params(Float32Precision::Highest));
    const OnDevice unaligned{&unaligned_input, &grad_out, &by_cuda_cores};
    cuda::conv2d_weight_grad(unaligned(by_cuda_cores.view), unaligned(unaligned_input.view), unaligned(grad_out.view),
                             c.params(Float32Precision::Highest));
    unaligned.fetch();
    const double products = static_cast<double>(c.images * c.out_height() * c.out_width());
    for (Float32Precision precision : kPrecisions) {
      const StridedBuffer first(kFloat32, c.weight_sizes()), second(kFloat32, c.weight_sizes());
      const OnDevice device{&input, &grad_out, &first, &second};
      for (const StridedBuffer* weight : {&first, &second})
        cuda::conv2d_weight_grad(device(weight->view), device(input.view), device(grad_out.view), c.params(precision));
      device.fetch();
      const double error = max_difference(first.values(), exact.values());
      const double allowed = precision == Float32Precision::Highest ? 2 * max_difference(by_cuda_cores.values(), exact.values())
                                                                    : 0x1p-10 * 3 * std::sqrt(products);
      EXPECT_LE(error, allowed) << c.name(precision);
      EXPECT_EQ(first.memory(), second.memory()) << c.name(precision);
    }
  }
}

// A NaN or an infinity in one channel spoils that channel's weights alone.
TEST(CudaConv2dWeightGrad, WhatIsNotFiniteStaysInItsChannel) {
  TESSERA_NEEDS_GPU();
  const Case c{1, 64, 6, 40, 64};
  for (double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    for (Float32Precision precision : kPrecisions) {
      const StridedBuffer input = input_of(c, kFloat32), grad_out = grad_out_of(c, kFloat32);
      const StridedBuffer weight(kFloat32, c.weight_sizes());
      input.fill_random(31, 0.5, 1), grad_out.fill_random(32, 0.5, 1);
      input.set((5 * c.height + 3) * c.width + 20, bad);  // channel 5, row 3, column 20
      const OnDevice device{&input, &grad_out, &weight};
      cuda::conv2d_weight_grad(device(weight.view), device(input.view), device(grad_out.view), c.params(precision));
      device.fetch();
      for (int64_t i = 0; i < weight.view.numel(); ++i)
        ASSERT_EQ(std::isfinite(weight.get(i)), i / 9 % c.in != 5) << c.name(precision) << ", element " << i;
    }
}

}  // namespace
}  // namespace tessera::kernels
