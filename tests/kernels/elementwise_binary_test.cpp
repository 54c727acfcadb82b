// The fast binary kernels against the reference; NaN, infinity and exact integers.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/elementwise/elementwise.h"
#include "tests/support/agreement.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

const double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<BinaryOp>& binary_ops() {
  static const std::vector<BinaryOp> ops = [] {
    std::vector<BinaryOp> all;
    for (int i = 0; i < static_cast<int>(BinaryOp::Count); ++i) all.push_back(static_cast<BinaryOp>(i));
    return all;
  }();
  return ops;
}

bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::Eq && op <= BinaryOp::LogicalXor;
}

TEST(Elementwise, BinaryFastAgreesWithReferenceForAllSizes) {
  for (BinaryOp op : binary_ops())
    for (ScalarType dtype : {kFloat32, kFloat64})
      for (int64_t size = 0; size <= 71; ++size) {
        const int64_t n = size == 71 ? 1000 : size;
        const ScalarType out_dtype = is_comparison(op) ? kBool : dtype;
        const StridedBuffer a(dtype, {n}, {}, 1, n % 3), b(dtype, {n}, {}, 1, n % 5), fast(out_dtype, {n}),
            expected(out_dtype, {n});
        a.fill_random(1, op == BinaryOp::Pow ? 0 : -4, 4);
        b.fill_random(2, -4, 4);
        if (n > 3) b.set(0, a.get(0));  // a tie
        reference::binary(expected.view, a.view, b.view, op, 0.7);
        cpu::binary(fast.view, a.view, b.view, op, 0.7);
        expect_close(fast, expected, epsilons(8, fast.view.dtype, 4),
                     "op " + std::to_string(static_cast<int>(op)) + " size " + std::to_string(n));
      }
}

TEST(Elementwise, NanAndInfinityInBinary) {
  const std::vector<double> edges = {0.0, -0.0, 1, -1, kInf, -kInf, kNan};
  const int64_t n = static_cast<int64_t>(edges.size());
  const StridedBuffer a(kFloat32, {n, 1}), b(kFloat32, {1, n});
  a.fill(edges);
  b.fill(edges);
  for (BinaryOp op : binary_ops()) {
    const StridedBuffer fast(kFloat32, {n, n}), expected(kFloat32, {n, n});
    reference::binary(expected.view, a.expanded(1, n), b.expanded(0, n), op, 1);
    cpu::binary(fast.view, a.expanded(1, n), b.expanded(0, n), op, 1);
    expect_close(fast, expected, epsilons(2, fast.view.dtype, 0), "op " + std::to_string(static_cast<int>(op)));
  }
  const StridedBuffer maximum(kFloat32, {n, n});
  cpu::binary(maximum.view, a.expanded(1, n), b.expanded(0, n), BinaryOp::Maximum, 1);
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_TRUE(std::isnan(maximum.view.as<float>()[i * n + n - 1]));
    EXPECT_TRUE(std::isnan(maximum.view.as<float>()[(n - 1) * n + i]));
  }
}

TEST(Elementwise, IntegersAreExactAndWrap) {
  const int64_t big = (int64_t{1} << 53) + 1;
  int64_t a = big, b = 2, result = 0;
  const auto scalar = [](int64_t& x) { return View{&x, kInt64, 0, {}, {}}; };
  for (Binary* binary : {&reference::binary, &cpu::binary}) {
    binary(scalar(result), scalar(a), scalar(b), BinaryOp::Add, 1);
    EXPECT_EQ(result, big + 2);
    binary(scalar(result), scalar(a), scalar(b), BinaryOp::Mul, 1);
    EXPECT_EQ(result, 2 * big);
    int64_t base = 3, exponent = 33;
    binary(scalar(result), scalar(base), scalar(exponent), BinaryOp::Pow, 1);
    EXPECT_EQ(result, 5559060566555523);
  }
  uint8_t small = 200, sum = 0;
  const View in{&small, kUInt8, 0, {}, {}}, out{&sum, kUInt8, 0, {}, {}};
  cpu::binary(out, in, in, BinaryOp::Add, 1);
  EXPECT_EQ(sum, 144);
}

}  // namespace
}  // namespace tessera::kernels
