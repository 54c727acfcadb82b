// Reductions: the reference against literal values, the fast kernels against the reference over sizes, layouts and types.
#include "kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Deterministic values in [-1, 1) times `scale`; whole numbers in [0, 4) for the integer types.
void fill_random(StridedBuffer& block, double scale = 1) {
  std::mt19937 engine(7);
  const bool floating = is_floating_point(block.view.dtype);
  block.fill([&](int64_t) { return floating ? scale * (engine() / 2147483648.0 - 1) : static_cast<double>(engine() % 4); });
}

std::vector<int64_t> keepdim(std::vector<int64_t> sizes, const std::vector<int>& dims) {
  for (int d : dims) sizes[d] = 1;
  return sizes;
}

double tolerance(ScalarType type) {
  switch (type) {
    case kFloat64: return 1e-13;
    case kFloat32: return 1.2e-7;
    case kBFloat16: return 8e-3;
    case kFloat16: return 1e-3;
    default: return 0;
  }
}

const std::vector<std::vector<int>> kLayouts = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 3, 2}};
const std::vector<std::vector<int>> kDimSets = {{0}, {1}, {2}, {3}, {0, 2, 3}, {2, 3}, {1, 2}, {0, 1, 2, 3}, {1, 3}, {0, 3}, {}};
const std::vector<std::vector<int64_t>> kSizes = {{2, 3, 5, 7},  {1, 1, 1, 1}, {3, 1, 4, 65},  {2, 21, 9, 33},
                                                  {4, 64, 6, 5}, {2, 0, 3, 4}, {1, 600, 1, 2}, {2, 17, 8, 31}};
constexpr ReduceOp kOps[] = {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Min,
                             ReduceOp::All, ReduceOp::Any,  ReduceOp::L1,   ReduceOp::L2};

bool is_extreme(ReduceOp op) {
  return op == ReduceOp::Max || op == ReduceOp::Min;
}

TEST(Reduce, ReferenceKnownValues) {
  StridedBuffer in(kFloat64, {2, 3}), out(kFloat64, {2, 1});
  const double data[] = {1, -2, 3, 0.5, 0, 4};
  in.fill([&](int64_t i) { return data[i]; });
  const std::pair<ReduceOp, std::vector<double>> cases[] = {
      {ReduceOp::Sum, {2, 4.5}}, {ReduceOp::Mean, {2.0 / 3, 1.5}}, {ReduceOp::Prod, {-6, 0}},
      {ReduceOp::Max, {3, 4}},   {ReduceOp::Min, {-2, 0}},         {ReduceOp::All, {1, 0}},
      {ReduceOp::Any, {1, 1}},   {ReduceOp::L1, {6, 4.5}},         {ReduceOp::L2, {std::sqrt(14.0), std::sqrt(16.25)}}};
  for (const auto& [op, expected] : cases) {
    reference::reduce(out.view, in.view, op);
    EXPECT_EQ(out.values(), expected) << static_cast<int>(op);
  }
}

TEST(Reduce, FastMatchesReference) {
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32, kUInt8, kBool}) {
    for (const auto& sizes : kSizes) {
      for (const auto& layout : kLayouts) {
        for (int64_t gap : {1, 3}) {
          if (gap == 3 && type != kFloat32) continue;
          StridedBuffer in(type, sizes, layout, gap);
          fill_random(in);
          for (const auto& dims : kDimSets) {
            const auto out_sizes = keepdim(sizes, dims);
            for (ReduceOp op : kOps) {
              if (is_extreme(op) && in.view.numel() == 0) continue;
              const bool floating = is_floating_point(type) || op == ReduceOp::Mean || op == ReduceOp::L2;
              const ScalarType out_type = is_floating_point(type) ? type : floating ? kFloat64 : kInt64;
              StridedBuffer fast(out_type, out_sizes, layout), slow(out_type, out_sizes);
              cpu::reduce(fast.view, in.view, op);
              reference::reduce(slow.view, in.view, op);
              expect_close(fast, slow, scaled(floating && !is_extreme(op) ? tolerance(out_type) : 0),
                           std::string(to_string(type)) + " op " + std::to_string(static_cast<int>(op)));
              if (HasFatalFailure()) return;
            }
          }
        }
      }
    }
  }
}

TEST(Reduce, ExpandedInput) {
  StridedBuffer in(kFloat32, {5, 1, 9});
  fill_random(in);
  in.view.sizes[1] = 40;
  in.view.strides[1] = 0;
  for (const auto& dims : std::vector<std::vector<int>>{{0}, {1}, {2}, {0, 1}, {0, 1, 2}}) {
    StridedBuffer fast(kFloat32, keepdim({5, 40, 9}, dims)), slow(kFloat32, keepdim({5, 40, 9}, dims));
    cpu::reduce(fast.view, in.view, ReduceOp::Sum);
    reference::reduce(slow.view, in.view, ReduceOp::Sum);
    expect_close(fast, slow, scaled(1.2e-7), "expanded");
  }
}

TEST(Reduce, OutputTypeDiffersFromInput) {
  StridedBuffer in(kBFloat16, {1000}), out(kFloat32, {1});
  in.fill([](int64_t) { return 1.0; });
  cpu::reduce(out.view, in.view, ReduceOp::Sum);
  EXPECT_EQ(*out.view.as<float>(), 1000.0f);
  StridedBuffer bits(kBool, {1000}), any(kBool, {1});
  bits.fill([](int64_t i) { return i == 999 ? 1 : 0; });
  cpu::reduce(any.view, bits.view, ReduceOp::Any);
  EXPECT_TRUE(*any.view.as<bool>());
  cpu::reduce(any.view, bits.view, ReduceOp::All);
  EXPECT_FALSE(*any.view.as<bool>());
}

// A float32 accumulator would stop at 2^24 = 16777216.
TEST(Reduce, LongFloatSumIsExact) {
  constexpr int64_t kCount = 20'000'000;
  std::vector<float> ones(kCount, 1.0f);
  StridedBuffer in(kFloat32, {1}), out(kFloat32, {1});
  in.view.data = ones.data();
  in.view.sizes[0] = kCount;
  cpu::reduce(out.view, in.view, ReduceOp::Sum);
  EXPECT_EQ(*out.view.as<float>(), 2e7f);
}

// The longest chain of additions here: 2048 / 32 in a piece, 5 joining lanes, 16 pieces a part, 5 joining parts.
TEST(Reduce, DoubleSumIsBlocked) {
  std::vector<double> values(1'000'001);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.1 + static_cast<double>(i % 7);
  long double exact = 0;
  for (double v : values) exact += v;
  StridedBuffer in(kFloat64, {1}), out(kFloat64, {1});
  in.view.data = values.data();
  in.view.sizes[0] = static_cast<int64_t>(values.size());
  cpu::reduce(out.view, in.view, ReduceOp::Sum);
  const double relative = std::abs(static_cast<double>((*out.view.as<double>() - exact) / exact));
  EXPECT_LE(relative, 90 * std::numeric_limits<double>::epsilon() / 2);
}

TEST(Reduce, PartsMatchReference) {
  for (const auto& layout : kLayouts) {
    StridedBuffer in(kFloat32, {2, 19, 70, 61}, layout);
    fill_random(in);
    for (const auto& dims : kDimSets) {
      StridedBuffer fast(kFloat32, keepdim({2, 19, 70, 61}, dims)), slow(kFloat32, keepdim({2, 19, 70, 61}, dims));
      for (ReduceOp op : {ReduceOp::Sum, ReduceOp::Max}) {
        cpu::reduce(fast.view, in.view, op);
        reference::reduce(slow.view, in.view, op);
        expect_close(fast, slow, scaled(1.2e-7), "parts");
      }
    }
  }
}

TEST(Reduce, BitsDoNotDependOnThreads) {
  for (const auto& layout : {kLayouts[0], kLayouts[1]}) {
    StridedBuffer in(kFloat64, {2, 24, 90, 70}, layout);
    fill_random(in);
    for (const auto& dims : kDimSets) {
      StridedBuffer one(kFloat64, keepdim({2, 24, 90, 70}, dims)), many(kFloat64, keepdim({2, 24, 90, 70}, dims));
      with_threads(1, [&] { cpu::reduce(one.view, in.view, ReduceOp::Sum); });
      with_threads(5, [&] { cpu::reduce(many.view, in.view, ReduceOp::Sum); });
      EXPECT_EQ(one.memory(), many.memory());
    }
  }
}

TEST(Reduce, NanAndInfinity) {
  for (int64_t size : {1, 3, 31, 32, 33, 100, 5000}) {
    for (int64_t at : {int64_t{0}, size / 2, size - 1}) {
      StridedBuffer in(kFloat32, {size}), out(kFloat32, {1});
      in.fill([&](int64_t i) { return i == at ? kNan : -kInf; });
      for (ReduceOp op : {ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min, ReduceOp::L2}) {
        cpu::reduce(out.view, in.view, op);
        EXPECT_TRUE(std::isnan(*out.view.as<float>())) << size << " " << at;
      }
      in.fill([&](int64_t) { return -kInf; });
      cpu::reduce(out.view, in.view, ReduceOp::Max);
      EXPECT_EQ(*out.view.as<float>(), -kInf);
    }
  }
}

TEST(Variance, KnownValuesAndLargeMean) {
  for (Variance* variance : {&reference::variance, &cpu::variance}) {
    StridedBuffer in(kFloat32, {4}), var(kFloat32, {1}), mean(kFloat32, {1});
    in.fill([](int64_t i) { return 1e6 + static_cast<double>(i); });  // variance of 0, 1, 2, 3: 5/3
    variance(var.view, mean.view, in.view, 1);
    EXPECT_FLOAT_EQ(*var.view.as<float>(), 5.0f / 3);
    EXPECT_FLOAT_EQ(*mean.view.as<float>(), 1000001.5f);
    variance(var.view, View{}, in.view, 0);
    EXPECT_FLOAT_EQ(*var.view.as<float>(), 1.25f);
    in.view.sizes[0] = 1;  // one element, correction 1: 0 / 0
    variance(var.view, View{}, in.view, 1);
    EXPECT_TRUE(std::isnan(*var.view.as<float>()));
  }
}

TEST(Variance, FastMatchesReference) {
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16}) {
    for (const auto& sizes : kSizes) {
      for (const auto& layout : kLayouts) {
        StridedBuffer in(type, sizes, layout);
        fill_random(in, 3);
        for (const auto& dims : kDimSets) {
          StridedBuffer fast(type, keepdim(sizes, dims)), slow(type, keepdim(sizes, dims));
          StridedBuffer fast_mean(type, keepdim(sizes, dims), {3, 0, 1, 2}), slow_mean(type, keepdim(sizes, dims));
          cpu::variance(fast.view, fast_mean.view, in.view, 1);
          reference::variance(slow.view, slow_mean.view, in.view, 1);
          expect_close(fast, slow, scaled(tolerance(type)), "variance");
          expect_close(fast_mean, slow_mean, scaled(tolerance(type)), "mean");
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(ArgReduce, FirstPlaceAndNan) {
  for (ArgReduce* arg_reduce : {&reference::arg_reduce, &cpu::arg_reduce}) {
    StridedBuffer in(kFloat32, {3, 4}), index(kInt64, {3, 1}), value(kFloat32, {3, 1});
    const double data[] = {1, 5, 5, 2, -kInf, -kInf, -kInf, -kInf, 9, kNan, kNan, 10};
    in.fill([&](int64_t i) { return data[i]; });
    arg_reduce(value.view, index.view, in.view, 1, Extreme::Max);
    EXPECT_EQ(index.values(), (std::vector<double>{1, 0, 1}));
    EXPECT_EQ(value.view.as<float>()[0], 5.0f);
    EXPECT_TRUE(std::isnan(value.view.as<float>()[2]));
    arg_reduce(View{}, index.view, in.view, 1, Extreme::Min);
    EXPECT_EQ(index.values(), (std::vector<double>{0, 0, 1}));
  }
}

TEST(ArgReduce, FastMatchesReference) {
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kInt64, kUInt8, kBool}) {
    for (const auto& sizes : kSizes) {
      for (const auto& layout : kLayouts) {
        StridedBuffer in(type, sizes, layout);
        std::mt19937 engine(3);
        in.fill(
            [&](int64_t) { return engine() % 64 == 0 && is_floating_point(type) ? kNan : static_cast<double>(engine() % 9); });
        for (int dim = 0; dim < 4; ++dim) {
          if (sizes[dim] == 0) continue;
          const auto out_sizes = keepdim(sizes, {dim});
          StridedBuffer fast(kInt64, out_sizes, layout), slow(kInt64, out_sizes);
          StridedBuffer fast_value(type, out_sizes), slow_value(type, out_sizes);
          for (Extreme which : {Extreme::Max, Extreme::Min}) {
            cpu::arg_reduce(fast_value.view, fast.view, in.view, dim, which);
            reference::arg_reduce(slow_value.view, slow.view, in.view, dim, which);
            expect_close(fast, slow, exactly, "index");
            expect_close(fast_value, slow_value, exactly, "value");
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST(ArgReduce, LongLine) {
  StridedBuffer in(kFloat32, {100'000}), index(kInt64, {1});
  fill_random(in);
  for (int64_t at : {0, 2047, 2048, 31, 99'999}) {
    const float before = in.view.as<float>()[at];
    in.view.as<float>()[at] = 2;
    cpu::arg_reduce(View{}, index.view, in.view, 0, Extreme::Max);
    EXPECT_EQ(*index.view.as<int64_t>(), at);
    in.view.as<float>()[at] = before;
  }
}

TEST(Cumsum, KnownValues) {
  for (Cumsum* cumsum : {&reference::cumsum, &cpu::cumsum}) {
    StridedBuffer in(kInt32, {4}), out(kInt64, {4});
    in.fill([](int64_t i) { return i + 1; });
    cumsum(out.view, in.view, 0, false);
    EXPECT_EQ(out.values(), (std::vector<double>{1, 3, 6, 10}));
    cumsum(out.view, in.view, 0, true);
    EXPECT_EQ(out.values(), (std::vector<double>{10, 9, 7, 4}));
  }
}

TEST(Cumsum, FastMatchesReference) {
  for (ScalarType type : {kFloat32, kFloat64, kFloat16, kInt64}) {
    for (const auto& sizes : kSizes) {
      for (const auto& layout : kLayouts) {
        StridedBuffer in(type, sizes, layout), fast(type, sizes, layout), slow(type, sizes);
        fill_random(in);
        for (int dim = 0; dim < 4; ++dim) {
          for (bool reverse : {false, true}) {
            cpu::cumsum(fast.view, in.view, dim, reverse);
            reference::cumsum(slow.view, in.view, dim, reverse);
            expect_close(fast, slow, scaled(tolerance(type)), "cumsum");
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tessera::kernels
