// Convolution on the tensor cores against the reference in float64 on the same rounded operands.
#include <gtest/gtest.h>

#include <string>

#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/memory.h"
#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

struct Case {
  int64_t images, in, height, width, out;
  std::array<int64_t, 2> kernel;
  Conv2dParams params;

  int64_t out_size(size_t d) const {
    const int64_t size = d == 0 ? height : width;
    return (size + 2 * params.padding[d] - params.dilation[d] * (kernel[d] - 1) - 1) / params.stride[d] + 1;
  }
  std::string name() const {
    const auto pair = [](const std::array<int64_t, 2>& p) { return std::to_string(p[0]) + "," + std::to_string(p[1]); };
    return std::to_string(images) + "x" + std::to_string(in) + "x" + std::to_string(height) + "x" + std::to_string(width) + "->" +
           std::to_string(out) + " k" + pair(kernel) + " s" + pair(params.stride) + " p" + pair(params.padding) + " d" +
           pair(params.dilation);
  }
};

// Memory orders of a case's pictures: aligned channels-last, channels-last one element off, row-major, a slice of a larger
// tensor.
enum class Order { ChannelsLast, Unaligned, RowMajor, Sliced };
StridedBuffer pictures(ScalarType type, const std::vector<int64_t>& sizes, Order order) {
  switch (order) {
    case Order::ChannelsLast: return StridedBuffer(type, sizes, {0, 2, 3, 1}, 1, 0);
    case Order::Unaligned: return StridedBuffer(type, sizes, MemoryOrder::ChannelsLast);
    case Order::RowMajor: return StridedBuffer(type, sizes, {0, 1, 2, 3}, 1, 0);
    default: return StridedBuffer(type, sizes, {0, 2, 3, 1}, 1, 0, /*margin=*/8);
  }
}

// Weights [out, in, height, width] in row-major or channels-last order, aligned as the pictures are.
StridedBuffer weights(ScalarType type, const Case& c, Order order_of_pictures, MemoryOrder order) {
  const std::vector<int> dimensions = order == MemoryOrder::ChannelsLast ? std::vector{0, 2, 3, 1} : std::vector{0, 1, 2, 3};
  return StridedBuffer(type, {c.out, c.in, c.kernel[0], c.kernel[1]}, dimensions, 1,
                       /*shift=*/order_of_pictures == Order::Unaligned ? 1 : 0);
}

// The same values in float64.
StridedBuffer widened(const StridedBuffer& from) {
  std::vector<int64_t> sizes(from.view.sizes.begin(), from.view.sizes.begin() + from.view.ndim);
  StridedBuffer to(kFloat64, sizes);
  to.fill([&](int64_t i) { return from.get(i); });
  return to;
}

// Operands lie in [-1, 1] and are exact in the tensor cores' type, so products are exact; each addition loses at most 2^-22 of a
// partial sum (the tensor cores cut off where float32 arithmetic rounds), and the result is rounded once.
auto tolerance(int64_t products, ScalarType type) { return within(0x1p-22 * static_cast<double>(products), epsilon(type) / 2); }

// Values that TF32 holds exactly.
void fill_exact(const StridedBuffer& buffer, std::mt19937& random) {
  std::uniform_int_distribution<int> pick(-128, 128);
  buffer.fill([&](int64_t) { return pick(random) / 128.0; });
}

// The operands of a product and what it must give.
struct Product {
  std::string name;
  TapProduct product;
  const StridedBuffer &in, &weight, &bias;
  std::vector<int64_t> sizes;
  Order order;
};

// The kernels that conv2d_forward and conv2d_input_grad choose among, one by one, where they can take the operands.
void check_each_kernel(const Product& p, const StridedBuffer& expected, int64_t products) {
  const ScalarType type = p.in.view.dtype;
  const int64_t unit = 16 / static_cast<int64_t>(element_size(type));
  if (p.order != Order::ChannelsLast) return;
  const auto check = [&](const std::string& kernel, auto&& run) {
    const StridedBuffer out = pictures(type, p.sizes, p.order);
    const OnDevice device{&p.in, &p.weight, &p.bias, &out};
    if (!run(device(out.view), device(p.in.view), device(p.weight.view), device(p.bias.view))) return;
    device.fetch();
    expect_close(out, expected, tolerance(products, type), kernel + " " + p.name);
  };
  check("mma", [&](const View& out, const View& in, const View& weight, const View& bias) {
    cuda::mma_product(p.product, out, in, weight, &bias);
    return true;
  });
  if (p.in.view.sizes[1] % unit != 0) return;
  check("pixels", [&](const View& out, const View& in, const View& weight, const View& bias) {
    const cuda::DeviceScratch<unsigned char> packed(cuda::packed_weight_elements(p.product, type) *
                                                    static_cast<int64_t>(element_size(type)));
    return cuda::hopper_product_by_pixels(p.product, out, in, cuda::pack_weights(packed.data(), p.product, weight), &bias);
  });
}

void check_forward(Case c, ScalarType type, Order order, bool with_bias, MemoryOrder weight_order) {
  c.params.precision = Float32Precision::High;
  std::mt19937 random(11);
  const StridedBuffer input = pictures(type, {c.images, c.in, c.height, c.width}, order);
  const StridedBuffer weight = weights(type, c, order, weight_order), bias(type, {c.out});
  for (const StridedBuffer* buffer : {&input, &weight, &bias}) fill_exact(*buffer, random);
  const std::vector<int64_t> sizes{c.images, c.out, c.out_size(0), c.out_size(1)};
  const StridedBuffer out = pictures(type, sizes, order), again = pictures(type, sizes, order), expected(kFloat64, sizes);
  const StridedBuffer wide_bias = widened(bias);
  const OnDevice device{&input, &weight, &bias, &out, &again};
  const View device_bias = device(bias.view);
  for (const StridedBuffer* to : {&out, &again})
    ASSERT_TRUE(cuda::tensor_core::conv2d_forward(device(to->view), device(input.view), device(weight.view),
                                                  with_bias ? &device_bias : nullptr, c.params))
        << c.name();
  reference::conv2d_forward(expected.view, widened(input).view, widened(weight).view, with_bias ? &wide_bias.view : nullptr,
                            c.params);
  device.fetch();
  const int64_t products = c.in * c.kernel[0] * c.kernel[1] + 1;
  expect_close(out, expected, tolerance(products, type), "forward " + c.name());
  EXPECT_EQ(out.memory(), again.memory()) << "forward " << c.name();
  if (with_bias)
    check_each_kernel(
        {"forward " + c.name(), forward_product(out.view, input.view, weight.view, c.params), input, weight, bias, sizes, order},
        expected, products);
}

void check_input_grad(Case c, ScalarType type, Order order, bool with_bias, MemoryOrder weight_order) {
  c.params.precision = Float32Precision::High;
  std::mt19937 random(13);
  const StridedBuffer grad_out = pictures(type, {c.images, c.out, c.out_size(0), c.out_size(1)}, order);
  const StridedBuffer weight = weights(type, c, order, weight_order), bias(type, {c.in});
  for (const StridedBuffer* buffer : {&grad_out, &weight, &bias}) fill_exact(*buffer, random);
  const std::vector<int64_t> sizes{c.images, c.in, c.height, c.width};
  const StridedBuffer out = pictures(type, sizes, order), again = pictures(type, sizes, order), expected(kFloat64, sizes);
  const StridedBuffer wide_bias = widened(bias);
  const OnDevice device{&grad_out, &weight, &bias, &out, &again};
  const View device_bias = device(bias.view);
  for (const StridedBuffer* to : {&out, &again})
    ASSERT_TRUE(cuda::tensor_core::conv2d_input_grad(device(to->view), device(grad_out.view), device(weight.view),
                                                     with_bias ? &device_bias : nullptr, c.params))
        << c.name();
  reference::conv2d_input_grad(expected.view, widened(grad_out).view, widened(weight).view, with_bias ? &wide_bias.view : nullptr,
                               c.params);
  device.fetch();
  const int64_t products = c.out * c.kernel[0] * c.kernel[1] + 1;
  expect_close(out, expected, tolerance(products, type), "input_grad " + c.name());
  EXPECT_EQ(out.memory(), again.memory()) << "input_grad " + c.name();
  if (with_bias)
    check_each_kernel({"input_grad " + c.name(), input_grad_product(out.view, grad_out.view, weight.view, c.params), grad_out,
                       weight, bias, sizes, order},
                      expected, products);
}

void check_both(const Case& c, ScalarType type, Order order = Order::ChannelsLast, bool with_bias = true,
                MemoryOrder weight_order = MemoryOrder::RowMajor) {
  check_forward(c, type, order, with_bias, weight_order);
  check_input_grad(c, type, order, with_bias, weight_order);
}

Conv2dParams same(int64_t stride, int64_t padding, int64_t dilation = 1) {
  return {.stride = {stride, stride}, .padding = {padding, padding}, .dilation = {dilation, dilation}};
}

constexpr ScalarType kTypes[] = {kBFloat16, kFloat32};  // float32 as TF32

bool has_tensor_cores() {
  const StridedBuffer small(kBFloat16, {1, 8, 2, 2}), weight(kBFloat16, {8, 8, 1, 1});
  const OnDevice device{&small, &weight};
  return cuda::tensor_core::conv2d_forward(device(small.view), device(small.view), device(weight.view), nullptr, {});
}
#define TESSERA_NEEDS_TENSOR_CORES() \
  TESSERA_NEEDS_GPU();               \
  if (!has_tensor_cores()) GTEST_SKIP() << "this GPU or this build has no tensor-core convolution"

// Channels around the widths of tiles and of the steps of the sum; positions around the tiles' rows.
TEST(CudaConv2dTensorCores, Channels) {
  TESSERA_NEEDS_TENSOR_CORES();
  for (ScalarType type : kTypes)
    for (int64_t in : {1, 3, 8, 12, 16, 21, 32, 40, 64, 72, 128, 200})
      for (int64_t out : {1, 8, 12, 21, 32, 64, 96, 100, 128, 136, 256}) {
        check_both({1, in, 9, 15, out, {3, 3}, same(1, 1)}, type);
        if (HasFatalFailure()) return;
      }
}

TEST(CudaConv2dTensorCores, Positions) {
  TESSERA_NEEDS_TENSOR_CORES();
  for (ScalarType type : kTypes)
    for (const auto& [images, height, width] : std::vector<std::array<int64_t, 3>>{{1, 1, 1},
                                                                                   {1, 8, 16},
                                                                                   {1, 1, 127},
                                                                                   {1, 129, 1},
                                                                                   {2, 10, 15},
                                                                                   {3, 7, 9},
                                                                                   {5, 16, 8},
                                                                                   {1, 17, 31},
                                                                                   {2, 33, 40},
                                                                                   {33, 3, 5}})
      for (int64_t kernel : {1, 3}) {
        check_both({images, 64, height, width, 64, {kernel, kernel}, same(1, kernel / 2)}, type);
        check_both({images, 16, height, width, 24, {kernel, kernel}, same(1, kernel / 2)}, type);
        if (HasFatalFailure()) return;
      }
}

TEST(CudaConv2dTensorCores, WideTiles) {
  TESSERA_NEEDS_TENSOR_CORES();
  for (ScalarType type : kTypes) {
    check_both({9, 8, 64, 64, 128, {3, 3}, same(1, 1)}, type);
    check_both({2, 24, 130, 133, 136, {1, 1}, same(1, 0)}, type);
    check_both({1, 512, 5, 6, 512, {3, 3}, same(1, 1)}, type);
  }
}

// Few tiles and many channels: the sum is cut into parts, whose outputs are added. With weights that are packed, and that are not.
TEST(CudaConv2dTensorCores, SumsInParts) {
  TESSERA_NEEDS_TENSOR_CORES();
  const std::vector<Case> cases = {
      {2, 512, 10, 15, 21, {1, 1}, same(1, 0)}, {2, 21, 10, 15, 512, {1, 1}, same(1, 0)}, {1, 512, 9, 17, 40, {3, 3}, same(1, 1)},
      {1, 320, 12, 21, 72, {3, 3}, same(2, 1)}, {1, 64, 12, 20, 384, {4, 4}, same(2, 1)}, {3, 136, 5, 9, 264, {3, 3}, same(2, 1)},
      {1, 256, 11, 12, 32, {5, 1}, same(1, 2)},
  };
  for (ScalarType type : kTypes)
    for (const Case& c : cases)
      for (Order order : {Order::ChannelsLast, Order::RowMajor, Order::Sliced})
        for (MemoryOrder weight_order : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast}) {
          check_both(c, type, order, /*with_bias=*/order != Order::RowMajor, weight_order);
          if (HasFatalFailure()) return;
        }
}

TEST(CudaConv2dTensorCores, StridesDilationsPaddings) {
  TESSERA_NEEDS_TENSOR_CORES();
  const std::vector<Case> cases = {
      {2, 64, 20, 30, 128, {3, 3}, same(2, 1)},
      {2, 64, 21, 31, 64, {3, 3}, same(2, 1)},
      {1, 3, 33, 45, 64, {7, 7}, same(2, 3)},
      {2, 32, 20, 30, 32, {2, 2}, same(2, 0)},
      {2, 32, 21, 31, 48, {2, 2}, same(2, 0)},
      {1, 64, 20, 30, 64, {4, 4}, same(2, 1)},
      {1, 12, 40, 48, 12, {16, 16}, same(8, 4)},
      {2, 64, 20, 30, 64, {1, 1}, same(2, 0)},
      {1, 32, 19, 23, 32, {3, 3}, same(1, 2, 2)},
      {1, 32, 30, 30, 16, {3, 3}, same(1, 6, 6)},
      {1, 16, 12, 12, 16, {3, 3}, same(1, 0)},
      {1, 16, 12, 12, 16, {5, 3}, same(1, 4)},
      {1, 16, 25, 12, 24, {3, 5}, {.stride = {3, 2}, .padding = {0, 5}}},
      {1, 64, 12, 13, 64, {3, 3}, same(3, 1)},
      {1, 64, 12, 13, 64, {2, 2}, same(3, 0)},
      {2, 40, 11, 17, 72, {1, 5}, {.stride = {1, 2}, .padding = {0, 2}}},
      {1, 16, 14, 18, 16, {3, 2}, {.stride = {2, 1}, .padding = {1, 1}, .dilation = {1, 3}}},
      {2, 72, 19, 37, 136, {5, 3}, same(2, 1)},
      {1, 64, 23, 26, 40, {7, 7}, same(2, 3)},
      {1, 64, 24, 40, 64, {3, 4}, {.stride = {2, 1}, .padding = {1, 2}}},
      {2, 64, 1, 9, 64, {3, 3}, same(2, 1)},  // no odd rows
      {1, 64, 1, 1, 64, {1, 1}, same(2, 1)},  // no output reads the pixel
  };
  for (ScalarType type : kTypes)
    for (const Case& c : cases) {
      check_both(c, type);
      if (HasFatalFailure()) return;
    }
  for (ScalarType type : kTypes)  // the bilinear upsampling by 32 of the networks
    check_both({1, 4, 64, 96, 3, {64, 64}, same(32, 16)}, type);
}

// Photographs: few channels, wide rows, with and without rows that can be copied by 16 bytes.
TEST(CudaConv2dTensorCores, FirstLayer) {
  TESSERA_NEEDS_TENSOR_CORES();
  const std::vector<Case> cases = {
      {2, 3, 9, 144, 64, {7, 7}, same(2, 3)},
      {1, 3, 7, 143, 32, {3, 3}, same(1, 1)},
      {1, 3, 4, 320, 70, {3, 3}, same(1, 1)},
      {2, 1, 5, 136, 21, {5, 5}, same(1, 2)},
      {1, 4, 6, 261, 8, {2, 3}, {.stride = {1, 3}, .padding = {1, 0}, .dilation = {2, 1}}},
  };
  for (ScalarType type : kTypes)
    for (Order order : {Order::ChannelsLast, Order::Unaligned, Order::RowMajor, Order::Sliced})
      for (const Case& c : cases) {
        check_both(c, type, order, order != Order::Sliced);
        if (HasFatalFailure()) return;
      }
}

TEST(CudaConv2dTensorCores, Layouts) {
  TESSERA_NEEDS_TENSOR_CORES();
  for (ScalarType type : kTypes)
    for (Order order : {Order::ChannelsLast, Order::Unaligned, Order::RowMajor, Order::Sliced})
      for (MemoryOrder weight_order :
           {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast, MemoryOrder::Reversed, MemoryOrder::Sliced})
        for (bool with_bias : {false, true}) {
          check_both({2, 32, 9, 14, 40, {3, 3}, same(1, 1)}, type, order, with_bias, weight_order);
          check_both({2, 24, 10, 14, 16, {4, 4}, same(2, 1)}, type, order, with_bias, weight_order);
          if (HasFatalFailure()) return;
        }
}

// A picture of NaN and infinity at one pixel: they reach exactly the outputs that read it, and no zero of the padding does harm.
TEST(CudaConv2dTensorCores, NanStaysWhereItIsRead) {
  TESSERA_NEEDS_TENSOR_CORES();
  const StridedBuffer input = pictures(kBFloat16, {1, 32, 12, 20}, Order::ChannelsLast);
  const StridedBuffer weight(kBFloat16, {16, 32, 3, 3}), out = pictures(kBFloat16, {1, 16, 12, 20}, Order::ChannelsLast);
  input.fill([](int64_t i) { return i % 240 == 125 ? NAN : 1.0; });  // pixel (6, 5)
  weight.fill([](int64_t) { return 0.5; });
  const OnDevice device{&input, &weight, &out};
  ASSERT_TRUE(cuda::tensor_core::conv2d_forward(device(out.view), device(input.view), device(weight.view), nullptr, same(1, 1)));
  device.fetch();
  for (int64_t i = 0; i < out.view.numel(); ++i) {
    const int64_t y = i % 240 / 20, x = i % 20;
    EXPECT_EQ(std::isnan(out.get(i)), std::abs(y - 6) <= 1 && std::abs(x - 5) <= 1) << i;
  }
}

}  // namespace
}  // namespace tessera::kernels
