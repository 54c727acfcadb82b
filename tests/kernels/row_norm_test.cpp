#include "kernels/row_norm/row_norm.h"

#include <gtest/gtest.h>

#include "tests/support/agreement.h"
#include "tests/support/image.h"

namespace tessera {
namespace {

using namespace testing_support;

template <class T> View matrix_view(std::vector<T>& values, int64_t rows, int64_t length) {
  View view{values.data(), scalar_type_v<T>, 2, {}, {}};
  view.sizes[0] = rows, view.sizes[1] = length;
  view.strides[0] = length, view.strides[1] = 1;
  return view;
}

template <class C> View row_view(std::vector<C>& values) {
  View view{values.data(), scalar_type_v<C>, 1, {}, {}};
  view.sizes[0] = static_cast<int64_t>(values.size());
  view.strides[0] = 1;
  return view;
}

template <class T> class RowNormTest : public testing::Test {};
using Types = testing::Types<float, double, BFloat16, Half>;
TYPED_TEST_SUITE(RowNormTest, Types);

TYPED_TEST(RowNormTest, FastAgreesWithReference) {
  using T = TypeParam;
  using C = compute_t<T>;
  for (const int64_t rows : {1, 3, 40})
    for (const int64_t length : {1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 1023, 1025, 5000, 20001}) {
      SCOPED_TRACE(testing::Message() << rows << " rows of " << length);
      const double centre = is_half_v<T> ? 0 : 3;
      std::vector<T> x = Image<T>({1, 1, rows, length}, ImageLayout::Contiguous).fill(3, centre).values();
      std::vector<T> g = Image<T>({1, 1, rows, length}, ImageLayout::Contiguous).fill(4).values();
      std::vector<T> want(x.size()), got(x.size()), want_dx(x.size()), got_dx(x.size());
      const auto count = static_cast<size_t>(rows);
      std::vector<C> mean(count), invstd(count), got_mean(count), got_invstd(count);
      // A large eps keeps the scale of short rows near 1.
      kernels::reference::row_norm_forward(matrix_view(want, rows, length), row_view(mean), row_view(invstd),
                                           matrix_view(x, rows, length), 0.1);
      kernels::cpu::row_norm_forward(matrix_view(got, rows, length), row_view(got_mean), row_view(got_invstd),
                                     matrix_view(x, rows, length), 0.1);
      kernels::reference::row_norm_backward(matrix_view(want_dx, rows, length), matrix_view(g, rows, length),
                                            matrix_view(want, rows, length), row_view(invstd));
      kernels::cpu::row_norm_backward(matrix_view(got_dx, rows, length), matrix_view(g, rows, length),
                                      matrix_view(want, rows, length), row_view(invstd));
      const double chain = static_cast<double>(length) * 0x1p-53;  // the reference's own running sums
      const double u = unit_roundoff<T>(), uc = unit_roundoff<C>() + chain;
      ASSERT_LE(max_difference(mean, got_mean), 8 * uc);
      ASSERT_LE(max_difference(invstd, got_invstd), 32 * uc);
      ASSERT_LE(max_difference(want, got), 8 * u + 64 * uc);
      ASSERT_LE(max_difference(want_dx, got_dx), 32 * u + 128 * uc);
    }
}

TEST(RowNorm, ReferenceAgreesWithHandComputedValues) {
  std::vector<double> x{1, 3, 5, 7}, xhat(4), mean(1), invstd(1);  // mean 4, variance 5; with eps = 4: invstd = 1/3
  kernels::reference::row_norm_forward(matrix_view(xhat, 1, 4), row_view(mean), row_view(invstd), matrix_view(x, 1, 4), 4.0);
  EXPECT_LE(max_difference(xhat, std::vector<double>{-1, -1.0 / 3, 1.0 / 3, 1}), 1e-15);
  EXPECT_LE(std::abs(mean[0] - 4), 0);
}

TEST(RowNorm, LargeMeansKeepTheirDigits) {
  std::vector<float> x = Image<float>({1, 1, 2, 9999}, ImageLayout::Contiguous).fill(3, 10000).values();
  std::vector<float> want(x.size()), got(x.size()), mean(2), invstd(2), got_mean(2), got_invstd(2);
  kernels::reference::row_norm_forward(matrix_view(want, 2, 9999), row_view(mean), row_view(invstd), matrix_view(x, 2, 9999),
                                       1e-5);
  kernels::cpu::row_norm_forward(matrix_view(got, 2, 9999), row_view(got_mean), row_view(got_invstd), matrix_view(x, 2, 9999),
                                 1e-5);
  EXPECT_LE(max_difference(mean, got_mean), 1e-3);
  EXPECT_LE(max_difference(invstd, got_invstd), 4e-6);
}

}  // namespace
}  // namespace tessera
