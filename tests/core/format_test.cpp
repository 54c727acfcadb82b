// What operator<< writes: the formats of libtorch.
#include "core/format.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "core/ops.h"

namespace tessera {
namespace {

template <class T> std::string text(const T& value) {
  std::ostringstream os;
  os << value;
  return os.str();
}

TEST(Format, VectorsAndMatrices) {
  EXPECT_EQ(text(tensor({1.0, -2.0, 30.0})), "  1\n -2\n 30\n[ CPUFloatType{3} ]");
  EXPECT_EQ(text(tensor({{1.5, 2.25}, {-3.0, 10.0}})), "  1.5000   2.2500\n -3.0000  10.0000\n[ CPUFloatType{2,2} ]");
  EXPECT_EQ(text(tensor({{true, false}})), " 1  0\n[ CPUBoolType{1,2} ]");
  EXPECT_EQ(text(tensor(2.5, kDouble)), "2.5\n[ CPUDoubleType{} ]");
  EXPECT_EQ(text(tensor({7})[0]), "7\n[ CPULongType{} ]");
  EXPECT_EQ(text(Tensor()), "[ Tensor (undefined) ]");
  EXPECT_EQ(text(zeros({0})), "[ CPUFloatType{0} ]");
  EXPECT_EQ(text(zeros({2, 0}, kInt)), "[ CPUIntType{2,0} ]");
}

TEST(Format, ScalesAndExponents) {
  EXPECT_EQ(text(tensor({100000.5, 200000.25})), "1e+05 *\n 1.0000\n 2.0000\n[ CPUFloatType{2} ]");
  EXPECT_EQ(text(tensor({0.001, 0.002})), "0.001 *\n 1.0000\n 2.0000\n[ CPUFloatType{2} ]");
  EXPECT_EQ(text(tensor({{0.001, 0.002}, {0.003, 0.004}})), "0.001 *\n 1.0000  2.0000\n  3.0000  4.0000\n[ CPUFloatType{2,2} ]");
  EXPECT_EQ(text(tensor({0.02, 1000.0})), " 2.0000e-02\n 1.0000e+03\n[ CPUFloatType{2} ]");
  EXPECT_EQ(text(tensor({0.1, 1000.5})), "    0.1000\n 1000.5000\n[ CPUFloatType{2} ]");
  EXPECT_EQ(text(tensor({1e-3, 1e3})), " 1.0000e-03\n 1.0000e+03\n[ CPUFloatType{2} ]");
  EXPECT_EQ(text(tensor({int64_t{12345678901}})), " 1.2346e+10\n[ CPULongType{1} ]");
  EXPECT_EQ(text(tensor({std::numeric_limits<double>::infinity(), 1.0})), "inf\n 1\n[ CPUFloatType{2} ]");
}

TEST(Format, MoreDimensionsAndLongRows) {
  EXPECT_EQ(text(arange(8).view({2, 2, 2})), "(1,.,.) = \n  0  1\n  2  3\n\n(2,.,.) = \n  4  5\n  6  7\n[ CPULongType{2,2,2} ]");
  const std::string wide = text(zeros({1, 30}));
  EXPECT_EQ(wide.substr(0, 21), "Columns 1 to 26 0  0 ") << wide;
  EXPECT_NE(wide.find("\nColumns 27 to 30 0  0  0  0\n"), std::string::npos) << wide;
}

TEST(Format, TheStreamKeepsItsFormat) {
  std::ostringstream os;
  os << tensor({1e-9, 1e9}) << ' ' << 0.5;
  EXPECT_EQ(os.str().substr(os.str().size() - 4), " 0.5");
}

TEST(Format, TypesDevicesNumbersAndSizes) {
  EXPECT_EQ(text(kFloat), "Float");
  EXPECT_EQ(text(kInt8), "Char");
  EXPECT_EQ(text(Device("cuda:1")), "cuda:1");
  EXPECT_EQ(text(Device(kCPU)), "cpu");
  EXPECT_EQ(text(Scalar(2)), "2");
  EXPECT_EQ(text(Scalar(true)), "true");
  EXPECT_EQ(text(zeros({2, 3}).sizes()), "[2, 3]");
}

}  // namespace
}  // namespace tessera
