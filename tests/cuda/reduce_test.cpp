// CUDA reductions against the reference: every op, dtype, memory order and set of dimensions; chunks; the same bits on two runs.
#include "kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void fill_random(const StridedBuffer& block) {
  std::mt19937 engine(7);
  const bool floating = is_floating_point(block.view.dtype);
  block.fill([&](int64_t) { return floating ? engine() / 2147483648.0 - 1 : static_cast<double>(engine() % 4); });
}

std::vector<int64_t> keepdim(std::vector<int64_t> sizes, const std::vector<int>& dims) {
  for (int d : dims) sizes[static_cast<size_t>(d)] = 1;
  return sizes;
}

double tolerance(ScalarType type) { return type == kFloat64 ? 1e-13 : epsilon(type); }

const std::vector<std::vector<int>> kLayouts = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}};
const std::vector<std::vector<int>> kDimSets = {{0}, {1}, {3}, {0, 2, 3}, {2, 3}, {1, 2}, {0, 1, 2, 3}, {0, 3}, {}};
const std::vector<std::vector<int64_t>> kSizes = {{2, 3, 5, 7}, {1, 1, 1, 1}, {3, 1, 4, 64}, {2, 24, 9, 33},
                                                  {2, 0, 3, 4}, {1, 600, 1, 2}, {2, 16, 64, 80}};
constexpr ReduceOp kOps[] = {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Min,
                             ReduceOp::All, ReduceOp::Any,  ReduceOp::L1,   ReduceOp::L2};
bool is_extreme(ReduceOp op) { return op == ReduceOp::Max || op == ReduceOp::Min; }

TEST(CudaReduce, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kUInt8, kBool})
    for (const auto& sizes : kSizes)
      for (const auto& layout : kLayouts)
        for (int64_t shift : {0, 1}) {
          const StridedBuffer in(type, sizes, layout, 1, shift);
          fill_random(in);
          for (const auto& dims : kDimSets)
            for (ReduceOp op : kOps) {
              if (is_extreme(op) && in.view.numel() == 0) continue;
              if (shift == 1 && op != ReduceOp::Sum) continue;
              const bool floating = is_floating_point(type) || op == ReduceOp::Mean || op == ReduceOp::L2;
              const ScalarType out_type = is_floating_point(type) ? type : floating ? kFloat64 : kInt64;
              const auto out_sizes = keepdim(sizes, dims);
              const StridedBuffer fast(out_type, out_sizes, layout), slow(out_type, out_sizes);
              const OnDevice device{&in, &fast};
              cuda::reduce(device(fast.view), device(in.view), op);
              reference::reduce(slow.view, in.view, op);
              device.fetch();
              expect_close(fast, slow, scaled(floating && !is_extreme(op) ? tolerance(out_type) : 0),
                           std::string(to_string(type)) + " op " + std::to_string(static_cast<int>(op)));
              if (HasFatalFailure()) return;
            }
        }
}

// Large enough for many chunks; twice the same bits.
TEST(CudaReduce, LongSumsRepeat) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16, kFloat64})
    for (const auto& dims : std::vector<std::vector<int>>{{0, 1, 2, 3}, {0, 2, 3}, {0, 1}, {1}})
      for (const auto& layout : {kLayouts[0], kLayouts[1]}) {
        const std::vector<int64_t> sizes = {4, 32, 100, 120};
        const StridedBuffer in(type, sizes, layout, 1, 0);
        fill_random(in);
        const StridedBuffer first(kFloat64, keepdim(sizes, dims)), second(kFloat64, keepdim(sizes, dims)),
            slow(kFloat64, keepdim(sizes, dims));
        const OnDevice device{&in, &first, &second};
        cuda::reduce(device(first.view), device(in.view), ReduceOp::Sum);
        cuda::reduce(device(second.view), device(in.view), ReduceOp::Sum);
        reference::reduce(slow.view, in.view, ReduceOp::Sum);
        device.fetch();
        expect_close(first, slow, scaled(1e-10), "long sum");
        EXPECT_EQ(first.memory(), second.memory());
      }
}

TEST(CudaReduce, SumOverThePixelsOfChannelsLast) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16, kFloat16})
    for (int64_t channels : {1, 3, 8, 12, 21, 24, 64, 100, 512, 2056})
      for (int64_t shift : {0, 1}) {
        const StridedBuffer in(type, {2, channels, 64, 48}, {0, 2, 3, 1}, 1, shift);
        const std::vector<int64_t> out{1, channels, 1, 1};
        const StridedBuffer first(kFloat32, out), second(kFloat32, out), slow(kFloat32, out);
        fill_random(in);
        const OnDevice device{&in, &first, &second};
        for (ReduceOp op : {ReduceOp::Sum, ReduceOp::Mean}) {
          cuda::reduce(device(first.view), device(in.view), op);
          cuda::reduce(device(second.view), device(in.view), op);
          reference::reduce(slow.view, in.view, op);
          device.fetch();
          // Both sums are exact to a few epsilons of float64; the results are rounded once.
          expect_close(first, slow, within(1e-9, epsilon(kFloat32)), std::to_string(channels) + " channels of " + to_string(type));
          EXPECT_EQ(first.memory(), second.memory());
          if (HasFatalFailure()) return;
        }
      }
}

TEST(CudaReduce, NanWins) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16, kFloat64}) {
    const StridedBuffer in(type, {3, 500}), out(type, {3, 1}), index(kInt64, {3, 1});
    in.fill([](int64_t i) { return i == 777 || i == 800 ? kNan : static_cast<double>(i % 7); });
    const OnDevice device{&in, &out, &index};
    for (ReduceOp op : {ReduceOp::Max, ReduceOp::Min, ReduceOp::Sum}) {
      cuda::reduce(device(out.view), device(in.view), op);
      device.fetch();
      EXPECT_TRUE(out.get(0) == out.get(0) && out.get(2) == out.get(2));
      EXPECT_TRUE(std::isnan(out.get(1)));
    }
    cuda::arg_reduce(device(out.view), device(index.view), device(in.view), 1, Extreme::Max);
    device.fetch();
    EXPECT_EQ(index.values(), (std::vector<double>{6, 277, 0}));  // 1000 % 7 = 6
    EXPECT_TRUE(std::isnan(out.get(1)));
  }
}

TEST(CudaVariance, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16})
    for (const auto& sizes : {kSizes[0], kSizes[3], kSizes[6]})
      for (const auto& layout : kLayouts)
        for (const auto& dims : kDimSets)
          for (double shift : {0.0, 1000.0}) {
            const StridedBuffer in(type, sizes, layout, 1, 0);
            std::mt19937 engine(7);
            in.fill([&](int64_t) { return shift + engine() / 2147483648.0 - 1; });
            const auto out_sizes = keepdim(sizes, dims);
            const StridedBuffer fast(type, out_sizes), slow(type, out_sizes), mean(type, out_sizes), slow_mean(type, out_sizes);
            const OnDevice device{&in, &fast, &mean};
            cuda::variance(device(fast.view), device(mean.view), device(in.view), 0);
            reference::variance(slow.view, slow_mean.view, in.view, 0);
            device.fetch();
            expect_close(fast, slow, scaled(type == kFloat64 ? 1e-9 : epsilon(type)), "variance");
            expect_close(mean, slow_mean, scaled(tolerance(type)), "mean");
            if (HasFatalFailure()) return;
          }
}

TEST(CudaArgReduce, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kInt64, kUInt8})
    for (const auto& sizes : kSizes)
      for (const auto& layout : kLayouts)
        for (int dim = 0; dim < 4; ++dim)
          for (Extreme which : {Extreme::Max, Extreme::Min}) {
            if (sizes[static_cast<size_t>(dim)] == 0) continue;
            const StridedBuffer in(type, sizes, layout);
            std::mt19937 engine(7);
            in.fill([&](int64_t) { return static_cast<double>(engine() % 11); });  // many ties
            const auto out_sizes = keepdim(sizes, {dim});
            const StridedBuffer values(type, out_sizes), index(kInt64, out_sizes, layout), slow_values(type, out_sizes),
                slow_index(kInt64, out_sizes);
            const OnDevice device{&in, &values, &index};
            cuda::arg_reduce(device(values.view), device(index.view), device(in.view), dim, which);
            reference::arg_reduce(slow_values.view, slow_index.view, in.view, dim, which);
            device.fetch();
            expect_close(index, slow_index, exactly, "index");
            expect_close(values, slow_values, exactly, "value");
            if (HasFatalFailure()) return;
          }
}

// Many outputs of few candidates: the classes of pixels.
TEST(CudaArgReduce, FewCandidates) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16, kInt64})
    for (const auto& layout : kLayouts) {
      const StridedBuffer in(type, {2, 12, 50, 60}, layout), index(kInt64, {2, 1, 50, 60}), slow(kInt64, {2, 1, 50, 60});
      std::mt19937 engine(7);
      in.fill([&](int64_t i) { return i % 501 == 7 && type != kInt64 ? kNan : static_cast<double>(engine() % 5); });
      const OnDevice device{&in, &index};
      for (Extreme which : {Extreme::Max, Extreme::Min}) {
        cuda::arg_reduce(View{}, device(index.view), device(in.view), 1, which);
        reference::arg_reduce(View{}, slow.view, in.view, 1, which);
        device.fetch();
        expect_close(index, slow, exactly, "index");
      }
    }
}

TEST(CudaCumsum, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kInt64, kBool})
    for (const auto& sizes : std::vector<std::vector<int64_t>>{{2, 3, 5}, {3, 5000, 2}, {1, 1, 1}, {2, 0, 3}, {70, 64, 3}})
      for (MemoryOrder order : {MemoryOrder::RowMajor, MemoryOrder::Reversed, MemoryOrder::Sliced})
        for (int dim = 0; dim < 3; ++dim)
          for (bool reverse : {false, true}) {
            const ScalarType out_type = is_floating_point(type) ? type : kInt64;
            const StridedBuffer in(type, sizes, order), fast(out_type, sizes, order), slow(out_type, sizes);
            fill_random(in);
            const OnDevice device{&in, &fast};
            cuda::cumsum(device(fast.view), device(in.view), dim, reverse);
            reference::cumsum(slow.view, in.view, dim, reverse);
            device.fetch();
            expect_close(fast, slow, scaled(type == kFloat64 ? 1e-11 : is_floating_point(type) ? epsilon(type) : 0), "cumsum");
            if (HasFatalFailure()) return;
          }
}

}  // namespace
}  // namespace tessera::kernels
