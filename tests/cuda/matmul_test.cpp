// CUDA matrix products against the reference: dtypes, memory orders, broadcast batches, sizes around the tiles; the same bits on
// two runs.
#include "kernels/matmul/matmul.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

struct Case {
  int64_t batches, rows, columns, depth;
  ScalarType dtype = kFloat32;
  MemoryOrder out = MemoryOrder::RowMajor, a = MemoryOrder::RowMajor, b = MemoryOrder::RowMajor;
  bool broadcast_b = false;
  Float32Precision precision = Float32Precision::Highest;
  int64_t shift = 1;  // elements off alignment; 0: kernels may use 16-byte accesses and TMA

  std::string name() const {
    return std::to_string(batches) + "x" + std::to_string(rows) + "x" + std::to_string(columns) + " depth " +
           std::to_string(depth) + " " + to_string(dtype) + " layouts " + std::to_string(int(out)) + std::to_string(int(a)) +
           std::to_string(int(b)) + " precision " + std::to_string(int(precision)) + " shift " + std::to_string(shift);
  }
};

StridedBuffer buffer(const Case& c, const std::vector<int64_t>& sizes, MemoryOrder order) {
  if (c.shift == 1) return StridedBuffer(c.dtype, sizes, order);
  const std::vector<int> transposed{0, 2, 1}, row_major{0, 1, 2};
  return StridedBuffer(c.dtype, sizes, order == MemoryOrder::Transposed ? transposed : row_major, /*gap=*/1, c.shift);
}

// Values lie in [-1, 1]. A sum of n products errs by less than n epsilons of the type it is computed in, and by two roundings of
// the operands (2^-11 for TensorFloat32, 2^-8 for bfloat16), which are independent: their sum grows with sqrt(n).
double tolerance(const Case& c) {
  const double exact = epsilon(arithmetic_type(c.dtype)) * double(c.depth + 2);
  if (c.dtype != kFloat32 || c.precision == Float32Precision::Highest) return exact;
  return exact + (c.precision == Float32Precision::High ? 0x1p-10 : 0x1p-7) * 3 * std::sqrt(double(c.depth));
}

void check(const Case& c) {
  std::mt19937 random(static_cast<uint32_t>(c.rows * 1009 + c.columns * 31 + c.depth));
  const StridedBuffer a = buffer(c, {c.batches, c.rows, c.depth}, c.a), b = buffer(c, {c.batches, c.depth, c.columns}, c.b);
  a.fill_random(random, -1, 1), b.fill_random(random, -1, 1);
  View right = b.view;
  if (c.broadcast_b) right.strides[0] = 0;
  const std::vector<int64_t> sizes{c.batches, c.rows, c.columns};
  const StridedBuffer first = buffer(c, sizes, c.out), second = buffer(c, sizes, c.out), expected(c.dtype, sizes);
  const OnDevice device{&a, &b, &first, &second};
  cuda::matmul(device(first.view), device(a.view), device(right), {c.precision});
  cuda::matmul(device(second.view), device(a.view), device(right), {c.precision});
  reference::matmul(expected.view, a.view, right, {});
  device.fetch();
  expect_close(first, expected, within(tolerance(c), epsilon(c.dtype)), c.name());
  ASSERT_EQ(first.memory(), second.memory()) << c.name() << ": two runs differ";
}

TEST(CudaMatmul, RandomShapes) {
  TESSERA_NEEDS_GPU();
  std::mt19937 random(7);
  const auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const ScalarType types[] = {kFloat32, kFloat32, kFloat64, kBFloat16, kFloat16};
  const MemoryOrder orders[] = {MemoryOrder::RowMajor, MemoryOrder::RowMajor, MemoryOrder::Transposed, MemoryOrder::Sliced};
  const auto size = [&] { return pick(0, 1) ? pick(1, 9) : pick(1, 90); };
  for (int i = 0; i < 300; ++i) {
    Case c{pick(0, 1) ? 1 : pick(2, 5), size(), size(), pick(0, 5) ? size() : pick(380, 800)};
    c.dtype = types[pick(0, 4)];
    c.out = orders[pick(0, 3)], c.a = orders[pick(0, 3)], c.b = orders[pick(0, 3)];
    c.broadcast_b = pick(0, 3) == 0;
    c.precision = static_cast<Float32Precision>(pick(0, 2));
    check(c);
    if (HasFatalFailure()) return;
  }
}

TEST(CudaMatmul, AlignedShapesAroundTheTiles) {
  TESSERA_NEEDS_GPU();
  const int64_t sizes[][4] = {{1, 128, 128, 64}, {1, 256, 384, 192}, {2, 136, 72, 200}, {1, 8, 8, 8},     {3, 64, 256, 32},
                              {1, 130, 264, 72}, {1, 264, 130, 72},  {1, 129, 257, 65}, {1, 512, 64, 16}, {1, 40, 1000, 2048}};
  for (const auto& s : sizes)
    for (MemoryOrder a : {MemoryOrder::RowMajor, MemoryOrder::Transposed})
      for (MemoryOrder b : {MemoryOrder::RowMajor, MemoryOrder::Transposed})
        for (auto [dtype, precision] :
             {std::pair{kBFloat16, Float32Precision::Highest}, {kFloat16, Float32Precision::Highest},
              {kFloat32, Float32Precision::Highest}, {kFloat32, Float32Precision::High}, {kFloat32, Float32Precision::Medium}}) {
          check({s[0], s[1], s[2], s[3], dtype, MemoryOrder::RowMajor, a, b, /*broadcast_b=*/s[0] == 3, precision, /*shift=*/0});
          if (HasFatalFailure()) return;
        }
}

TEST(CudaMatmul, EmptySumsAreZero) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16}) {
    const StridedBuffer a(type, {2, 3, 0}), b(type, {2, 0, 4}), out(type, {2, 3, 4}), none(type, {0, 3, 4});
    const OnDevice device{&a, &b, &out, &none};
    cuda::matmul(device(out.view), device(a.view), device(b.view), {});
    cuda::matmul(device(none.view), device(a.view), device(b.view), {});
    device.fetch();
    EXPECT_EQ(out.values(), std::vector<double>(24, 0.0));
  }
}

TEST(CudaMatmul, NotANumberFillsItsRow) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16})
    for (int64_t rows : {3, 200}) {
      const StridedBuffer a(type, {1, rows, 24}, {}, 1, 0), b(type, {1, 24, 40}, {}, 1, 0), out(type, {1, rows, 40}, {}, 1, 0);
      a.fill_random(4, -1, 1), b.fill_random(5, -1, 1);
      a.set(2 * 24 + 5, std::numeric_limits<double>::quiet_NaN());
      const OnDevice device{&a, &b, &out};
      cuda::matmul(device(out.view), device(a.view), device(b.view), {});
      device.fetch();
      const std::vector<double> values = out.values();
      for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(std::isnan(values[i]), i / 40 == 2) << i;
    }
}

}  // namespace
}  // namespace tessera::kernels
