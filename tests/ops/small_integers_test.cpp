// int8 and int16 through all kinds of ops.
#include <gtest/gtest.h>

#include <sstream>

#include "core/format.h"
#include "core/indexing.h"
#include "core/ops.h"
#include "core/type_promotion.h"

namespace tessera {
namespace {

class SmallIntegers : public testing::TestWithParam<ScalarType> {
 protected:
  Tensor of(const TensorData& data) const { return tensor(data, GetParam()); }
};

TEST_P(SmallIntegers, Names) {
  EXPECT_EQ(kChar, kInt8);
  EXPECT_EQ(kShort, kInt16);
  EXPECT_EQ(scalar_type_v<int8_t>, kInt8);
  EXPECT_EQ(scalar_type_v<int16_t>, kInt16);
  EXPECT_EQ(element_size(GetParam()), GetParam() == kInt8 ? 1u : 2u);
  EXPECT_TRUE(is_integral(GetParam()));
  EXPECT_TRUE(of({1}).is_signed());
}

TEST_P(SmallIntegers, ConversionsBothWays) {
  const Tensor x = tensor({-100.75, -1.0, 0.0, 2.5, 127.0});
  EXPECT_TRUE(equal(x.to(GetParam()), of({-100, -1, 0, 2, 127})));
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32})
    EXPECT_TRUE(equal(of({-100, -1, 0, 2, 127}).to(type), tensor({-100, -1, 0, 2, 127}).to(type))) << to_string(type);
  EXPECT_TRUE(equal(of({-1, 0, 2}).to(kBool), tensor({true, false, true})));
  EXPECT_EQ(tensor({300}).to(kInt8).item<int>(), 44);  // the low bits
  EXPECT_EQ(of({-7}).item<int64_t>(), -7);
}

TEST_P(SmallIntegers, Arithmetic) {
  const Tensor x = of({-3, 0, 5}), y = of({2, 4, -1});
  EXPECT_TRUE(equal(x + y, of({-1, 4, 4})));
  EXPECT_EQ((x * y).dtype(), GetParam());
  EXPECT_TRUE(equal(x * 2, of({-6, 0, 10})));
  EXPECT_EQ((x + 0.5).dtype(), kFloat32);
  EXPECT_EQ((x / y).dtype(), kFloat32);
  EXPECT_TRUE(equal(x > y, tensor({false, false, true})));
  EXPECT_TRUE(equal(maximum(x, y), of({2, 4, 5})));
  EXPECT_TRUE(equal(abs(x).clamp(1, 4), of({3, 1, 4})));
  EXPECT_TRUE(equal(where(x > 0, x, 0), of({0, 0, 5})));
  EXPECT_TRUE(equal(relu(x).neg(), of({0, 0, -5})));
  EXPECT_TRUE(equal(full({2, 3}, 100, kInt8).add_(100), full({2, 3}, -56, kInt8)));  // wraps
}

TEST_P(SmallIntegers, Reductions) {
  const Tensor x = of({{100, 101, -7}, {100, 3, 120}});
  EXPECT_EQ(x.sum().dtype(), kInt64);
  EXPECT_EQ(x.sum().item<int64_t>(), 417);
  EXPECT_TRUE(equal(x.sum({0}), tensor({200, 104, 113})));
  EXPECT_TRUE(equal(x.amax({1}), of({101, 120})));
  EXPECT_EQ(x.min().item<int>(), -7);
  EXPECT_TRUE(equal(x.argmax(1), tensor({1, 2})));
  EXPECT_TRUE(equal(x.cumsum(1), tensor({{100, 201, 194}, {100, 103, 223}})));
  EXPECT_EQ(x.mean(kFloat64).item<double>(), 69.5);
  EXPECT_TRUE((x != 0).all().item<bool>());
}

TEST_P(SmallIntegers, Indexing) {
  const Tensor x = of({{1, 2, 3}, {4, 5, 6}});
  EXPECT_TRUE(equal(x.index({of({1, 0})}), of({{4, 5, 6}, {1, 2, 3}})));
  EXPECT_TRUE(equal(x.index({x > 2}), of({3, 4, 5, 6})));
  EXPECT_TRUE(equal(x[of({1})[0]], of({4, 5, 6})));
  x.index_put_({tensor({0, 1}), tensor({2, 0})}, 9);
  x[0][0] = 7;
  EXPECT_TRUE(equal(x, of({{7, 2, 9}, {9, 5, 6}})));
  EXPECT_TRUE(equal(x.t().contiguous().index_select(0, tensor({2})), of({{9, 6}})));
  EXPECT_TRUE(equal(cat({x, x}, 1).slice(1, 2, 4), of({{9, 7}, {6, 9}})));
  EXPECT_TRUE(equal(x.scatter_add(1, tensor({{0, 0}, {2, 2}}), of({{1, 1}, {2, 2}})), of({{9, 2, 9}, {9, 5, 10}})));
}

TEST_P(SmallIntegers, Printing) {
  std::ostringstream os;
  os << of({-1, 20});
  EXPECT_EQ(os.str(), std::string(" -1\n 20\n[ CPU") + (GetParam() == kInt8 ? "Char" : "Short") + "Type{2} ]");
}

INSTANTIATE_TEST_SUITE_P(Types, SmallIntegers, testing::Values(kInt8, kInt16),
                         [](const auto& param) { return std::string(to_string(param.param)); });

TEST(TypePromotion, AmongIntegers) {
  EXPECT_EQ(promote_types(kUInt8, kInt8), kInt16);
  EXPECT_EQ(promote_types(kInt8, kInt16), kInt16);
  EXPECT_EQ(promote_types(kInt16, kUInt8), kInt16);
  EXPECT_EQ(promote_types(kInt16, kInt32), kInt32);
  EXPECT_EQ(promote_types(kInt64, kUInt8), kInt64);
  EXPECT_EQ(promote_types(kInt8, kBool), kInt8);
  EXPECT_EQ(promote_types(kInt16, kFloat16), kFloat16);
}

}  // namespace
}  // namespace tessera
