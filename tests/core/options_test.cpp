// Options, devices, numbers, sizes and factories, as programs written for libtorch use them.
#include "core/options.h"

#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/indexing.h"
#include "core/ops.h"

namespace tessera {
namespace {

TEST(Device, TextAndIndex) {
  EXPECT_EQ(Device("cpu"), Device(kCPU));
  EXPECT_EQ(Device("cpu").index(), -1);
  EXPECT_EQ(Device("cuda:3"), Device(kCUDA, 3));
  EXPECT_FALSE(Device("cuda").has_index());
  EXPECT_EQ(Device("cuda").resolved(), Device(kCUDA, 0));
  EXPECT_EQ(Device("cpu:0").resolved(), Device(kCPU));
  for (const char* bad : {"", "cud:1", "cuda:", "cpu::1", ":1", "3", "cpu:1", "cuda:-1"})
    EXPECT_THROW(Device{bad}, ValueError) << bad;
}

TEST(Options, BuilderAndFreeFunctions) {
  const TensorOptions options = dtype(kByte).device(kCUDA, 2).device_index(3).requires_grad(true);
  EXPECT_EQ(options.dtype(), kUInt8);
  EXPECT_EQ(options.device(), Device(kCUDA, 3));
  EXPECT_TRUE(options.requires_grad());
  EXPECT_FALSE(TensorOptions().has_requires_grad());
  EXPECT_EQ(device({kCUDA, 1}).device().index(), 1);
  EXPECT_EQ(TensorOptions("cpu:0").device().index(), 0);
  EXPECT_THROW(ones({2}).to(requires_grad()), ValueError);
  EXPECT_EQ(ones({2}).to(zeros({1}, kInt)).dtype(), kInt32);
  EXPECT_EQ(ones({2}).to(Device("cpu"), kLong).dtype(), kInt64);
}

TEST(Scalar, KindsAndSpellings) {
  EXPECT_TRUE(Scalar(2.5).isFloatingPoint());
  EXPECT_TRUE(Scalar(true).isBoolean());
  EXPECT_TRUE(Scalar(true).isIntegral(true));
  EXPECT_FALSE(Scalar(true).isIntegral(false));
  EXPECT_EQ(Scalar(2.9).toInt(), 2);
  EXPECT_EQ(Scalar(3).toDouble(), 3.0);
}

TEST(IntArrayRef, ComparesWithVectors) {
  const Tensor x = zeros({2, 3});
  EXPECT_TRUE(x.sizes() == (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE((std::vector<int64_t>{3, 1}) == x.strides());
  EXPECT_TRUE(x.sizes().equals({2, 3}));
  EXPECT_FALSE(x.sizes() == IntArrayRef({2}));
}

TEST(Factories, LiteralsDecideTheDtype) {
  EXPECT_EQ(tensor({1, 2}).dtype(), kInt64);
  EXPECT_EQ(tensor({1.f}).dtype(), kFloat32);
  EXPECT_EQ(tensor(true).dtype(), kBool);
  EXPECT_EQ(tensor(std::vector<float>{1, 2}).dtype(), kFloat32);
  EXPECT_EQ(tensor(std::vector<int>{}).dtype(), kInt64);
  EXPECT_EQ(tensor(ArrayRef<int>({1, 2})).dtype(), kInt64);
  EXPECT_TRUE(tensor({{}, {}}).sizes() == IntArrayRef({2, 0}));
  EXPECT_THROW(tensor({1, 2.0}), TypeError);
  EXPECT_THROW(tensor({{true}, {2}}), TypeError);
  EXPECT_THROW(tensor({{1, 2}, {3}}), ShapeError);
  set_default_dtype(kFloat64);
  EXPECT_EQ(tensor({1.f}).dtype(), kFloat64);
  set_default_dtype(kFloat32);
}

TEST(Factories, FromBlobWithStridesAndDeleter) {
  int deleted = 0;
  std::vector<int32_t> values = {1, 2, 3, 4, 5, 6};
  {
    const Tensor t = from_blob(
        values.data(), {2, 3}, {1, 2}, [&](void*) { ++deleted; }, kInt32);
    EXPECT_TRUE(equal(t, tensor({{1, 3, 5}, {2, 4, 6}}, kInt32)));
    EXPECT_FALSE(t.is_view());
    const Tensor held = t[0];
  }
  EXPECT_EQ(deleted, 1);
  EXPECT_TRUE(from_blob(values.data(), {6}, dtype(kInt32)).is_same(Tensor()) == false);
}

TEST(Tensor, WritesThroughAnElement) {
  const Tensor x = zeros({2, 2});
  x[0] = tensor({1.0, 2.0});
  x[1][0] = 3;
  EXPECT_TRUE(equal(x, tensor({{1.0, 2.0}, {3.0, 0.0}})));
  Tensor row = x[0];
  row = x[1];  // a variable: refers to another tensor
  EXPECT_EQ(x[0][0].item<float>(), 1.0f);
  EXPECT_TRUE(equal(row, tensor({3.0, 0.0})));
}

TEST(Tensor, InPlaceOpsChain) {
  const Tensor x = tensor({1.0, -4.0});
  x.abs_().sqrt_().mul_(3).add_(1).neg_().square_().pow_(0.5).clamp_min_(5);
  EXPECT_TRUE(equal(x, tensor({5.0, 7.0})));
  x.masked_fill_(x > 6, -1);
  EXPECT_TRUE(equal(x, tensor({5.0, -1.0})));
  EXPECT_THROW(masked_fill(tensor({1, 2}), tensor({true, false}), 0.5), TypeError);
  EXPECT_TRUE(equal(masked_fill(tensor({1, 2}), tensor({true, false}), 3.0), tensor({3, 2})));
  EXPECT_THROW(dropout(ones({3}, kInt64)), TypeError);
}

TEST(Tensor, Reductions) {
  const Tensor x = tensor({{1.0, 5.0}, {3.0, 3.0}});
  EXPECT_TRUE(equal(x.std(0), std(x, 0)));
  EXPECT_EQ(x.var(/*unbiased=*/false).item<float>(), 2.0f);
  EXPECT_EQ(x.var(true).dim(), 0);
  EXPECT_EQ(var(x, false).item<float>(), 2.0f);
  EXPECT_EQ(std::get<1>(var_mean(x, false)).item<float>(), 3.0f);
  EXPECT_TRUE(equal(std::get<0>(std_mean(x, 1)), std(x, 1)));
  EXPECT_TRUE(equal(max(x, tensor({2.0, 4.0})), tensor({{2.0, 5.0}, {3.0, 4.0}})));
  EXPECT_TRUE(equal(x.min(x.t()), tensor({{1.0, 3.0}, {3.0, 3.0}})));
  EXPECT_TRUE(equal(std::get<1>(x.max(1)), tensor({1, 0})));
  const Tensor odd = tensor({NAN, INFINITY, 1.0});
  EXPECT_TRUE(equal(isinf(odd), tensor({false, true, false})));
  EXPECT_TRUE(equal(odd.isfinite(), tensor({false, false, true})));
  EXPECT_FALSE(odd.allclose(odd));
  EXPECT_TRUE(odd.allclose(odd, 1e-5, 1e-8, /*equal_nan=*/true));
}

TEST(Indexing, Errors) {
  const Tensor x = zeros({2, 3});
  EXPECT_THROW(x.index({}), IndexError);
  EXPECT_THROW(x.index({0, 5}), IndexError);
  EXPECT_THROW(x.index({tensor({0, 2})}), IndexError);
  EXPECT_THROW(x.index({tensor({0.5})}), TypeError);
  EXPECT_THROW(x.index({tensor({true, false, true})}), IndexError);
  EXPECT_THROW(x.index({tensor({0, 1}), tensor({0, 1, 2})}), ShapeError);
  EXPECT_THROW(x.index_put_({tensor({0, 1})}, ones({3, 3})), ShapeError);
  EXPECT_THROW(x.index({Slice(None, None, -1)}), ValueError);
  EXPECT_THROW(TensorIndex(".."), IndexError);
  EXPECT_THROW(index_select(x, 0, tensor({-1})), IndexError);
  EXPECT_THROW(gather(x, 1, tensor({{-1}})), IndexError);
  EXPECT_TRUE(equal(arange(4).index({tensor({-1, 0})}), tensor({3, 0})));
}

}  // namespace
}  // namespace tessera
