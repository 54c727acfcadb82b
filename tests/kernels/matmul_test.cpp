// Matrix product kernels: the reference against values worked out by hand, the fast one against the reference.
#include "kernels/matmul/matmul.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

void check(int64_t batches, int64_t rows, int64_t columns, int64_t depth, ScalarType dtype, MemoryOrder out_layout,
           MemoryOrder a_layout, MemoryOrder b_layout, bool broadcast_b = false) {
  const std::string what = std::to_string(batches) + "x" + std::to_string(rows) + "x" + std::to_string(columns) + " depth " +
                           std::to_string(depth) + " " + to_string(dtype) + " layouts " + std::to_string(int(out_layout)) +
                           std::to_string(int(a_layout)) + std::to_string(int(b_layout));
  std::mt19937 random(static_cast<uint32_t>(rows * 1009 + columns * 31 + depth));
  StridedBuffer a(dtype, {batches, rows, depth}, a_layout), b(dtype, {batches, depth, columns}, b_layout);
  a.fill_random(random, -1, 1), b.fill_random(random, -1, 1);
  View right = b.view;
  if (broadcast_b) right.strides[0] = 0;
  StridedBuffer fast(dtype, {batches, rows, columns}, out_layout), slow(dtype, {batches, rows, columns});
  with_threads(1, [&] { cpu::matmul(fast.view, a.view, right, {}); });
  const std::vector<double> alone = fast.values();
  with_threads(3, [&] { cpu::matmul(fast.view, a.view, right, {}); });
  ASSERT_EQ(alone, fast.values()) << what << ": bits depend on the thread count";
  reference::matmul(slow.view, a.view, right, {});
  expect_close(fast, slow, within(epsilon(arithmetic_type(dtype)) * double(depth + 2), epsilon(dtype)), what);
}

TEST(MatmulKernels, ReferenceMatchesValuesWorkedOutByHand) {
  double left[4] = {1, 2, 3, 4}, right[4] = {5, 6, 7, 8}, result[4];
  const View a{left, kFloat64, 3, {1, 2, 2}, {4, 2, 1}}, b{right, kFloat64, 3, {1, 2, 2}, {4, 2, 1}};
  const View transposed{right, kFloat64, 3, {1, 2, 2}, {4, 1, 2}}, out{result, kFloat64, 3, {1, 2, 2}, {4, 2, 1}};
  reference::matmul(out, a, b, {});
  EXPECT_EQ(std::vector<double>(result, result + 4), (std::vector<double>{19, 22, 43, 50}));
  reference::matmul(out, a, transposed, {});
  EXPECT_EQ(std::vector<double>(result, result + 4), (std::vector<double>{17, 23, 39, 53}));
}

TEST(MatmulKernels, FastMatchesReferenceOnRandomShapes) {
  std::mt19937 random(7);
  const auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const ScalarType types[] = {kFloat32, kFloat32, kFloat64, kBFloat16, kFloat16};
  const MemoryOrder layouts[] = {MemoryOrder::RowMajor, MemoryOrder::RowMajor, MemoryOrder::Transposed, MemoryOrder::Sliced};
  const auto size = [&] { return pick(0, 1) ? pick(1, 9) : pick(1, 90); };
  for (int i = 0; i < 600; ++i) {
    check(pick(0, 1) ? 1 : pick(2, 5), size(), size(), pick(0, 5) ? size() : pick(380, 800), types[pick(0, 4)],
          layouts[pick(0, 3)], layouts[pick(0, 3)], layouts[pick(0, 3)], pick(0, 3) == 0);
    if (HasFatalFailure()) return;
  }
}

TEST(MatmulKernels, FastMatchesReferenceAroundTheVectorAndTileSizes) {
  for (int64_t size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 63, 64, 65})
    for (MemoryOrder b : {MemoryOrder::RowMajor, MemoryOrder::Transposed})
      for (ScalarType dtype : {kFloat32, kFloat64}) {
        check(1, size, 5, 7, dtype, MemoryOrder::RowMajor, MemoryOrder::RowMajor, b);
        check(1, 5, size, 7, dtype, MemoryOrder::RowMajor, MemoryOrder::RowMajor, b);
        check(1, 3, 5, size, dtype, MemoryOrder::RowMajor, MemoryOrder::RowMajor, b);
        check(1, 30, size, 33, dtype, MemoryOrder::Transposed, MemoryOrder::Transposed, b);
        if (HasFatalFailure()) return;
      }
}

TEST(MatmulKernels, EmptySumsAreZero) {
  const StridedBuffer a(kFloat32, {2, 3, 0}), b(kFloat32, {2, 0, 4}), out(kFloat32, {2, 3, 4});
  cpu::matmul(out.view, a.view, b.view, {});
  EXPECT_EQ(out.values(), std::vector<double>(24, 0.0));
  const StridedBuffer none(kFloat32, {0, 3, 4});
  cpu::matmul(none.view, StridedBuffer(kFloat32, {0, 3, 2}).view, StridedBuffer(kFloat32, {0, 2, 4}).view, {});
}

TEST(MatmulKernels, NotANumberFillsItsRow) {
  std::mt19937 random(4);
  for (int64_t rows : {3, 40}) {
    StridedBuffer a(kFloat32, {1, rows, 20}), b(kFloat32, {1, 20, 37}), out(kFloat32, {1, rows, 37});
    a.fill_random(random, -1, 1), b.fill_random(random, -1, 1);
    a.view.as<float>()[2 * 20 + 5] = std::numeric_limits<float>::quiet_NaN();
    cpu::matmul(out.view, a.view, b.view, {});
    const std::vector<double> values = out.values();
    for (int64_t i = 0; i < rows * 37; ++i) EXPECT_EQ(std::isnan(values[i]), i / 37 == 2) << i;
  }
}

}  // namespace
}  // namespace tessera::kernels
