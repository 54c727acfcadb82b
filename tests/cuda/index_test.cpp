// CUDA indexing, padding and counting against the reference; the same bits on two runs.
#include "kernels/index/index.h"

#include <gtest/gtest.h>

#include <random>

#include "kernels/count/count.h"
#include "kernels/pad/pad.h"
#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

const std::vector<std::vector<int>> kLayouts = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 1, 2, 0}};
constexpr ScalarType kTypes[] = {kFloat32, kFloat64, kBFloat16, kInt64, kUInt8};

void fill_values(const StridedBuffer& block) {
  std::mt19937 engine(5);
  block.fill([&](int64_t) { return static_cast<double>(engine() % 17) - (block.view.dtype == kUInt8 ? 0 : 8); });
}

void fill_indices(const StridedBuffer& block, int64_t size) {
  std::mt19937 engine(11);
  block.fill([&](int64_t) { return static_cast<int64_t>(engine() % static_cast<uint32_t>(size)); });
}

TEST(CudaIndex, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kTypes)
    for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{{2, 3, 5, 7}, {1, 1, 1, 1}, {3, 40, 4, 33}, {2, 16, 1, 9}})
      for (const auto& layout : kLayouts)
        for (int dim = 0; dim < 4; ++dim) {
          auto index_sizes = sizes;
          index_sizes[static_cast<size_t>(dim)] = 13;
          const int64_t size = sizes[static_cast<size_t>(dim)];
          const StridedBuffer in(type, sizes, layout), index(kInt64, index_sizes), list(kInt64, {13}), fast(type, index_sizes, layout),
              slow(type, index_sizes), src(type, index_sizes, layout), sum(type, sizes), slow_sum(type, sizes);
          for (const StridedBuffer* b : {&in, &src, &sum, &slow_sum}) fill_values(*b);
          for (const StridedBuffer* b : {&index, &list}) fill_indices(*b, size);
          const OnDevice device{&in, &index, &list, &fast, &src, &sum};
          cuda::gather(device(fast.view), device(in.view), device(index.view), dim);
          reference::gather(slow.view, in.view, index.view, dim);
          device.fetch();
          expect_close(fast, slow, exactly, "gather");
          cuda::index_select(device(fast.view), device(in.view), device(list.view), dim);
          reference::index_select(slow.view, in.view, list.view, dim);
          device.fetch();
          expect_close(fast, slow, exactly, "index_select");
          cuda::scatter_add_acc(device(sum.view), device(index.view), device(src.view), dim);
          reference::scatter_add_acc(slow_sum.view, index.view, src.view, dim);
          device.fetch();
          expect_close(sum, slow_sum, exactly, "scatter_add");  // whole numbers: sums are exact but for the halves' rounding
          cuda::index_add_acc(device(sum.view), device(list.view), device(src.view), dim);
          reference::index_add_acc(slow_sum.view, list.view, src.view, dim);
          device.fetch();
          expect_close(sum, slow_sum, exactly, "index_add");
          cuda::index_copy(device(sum.view), device(list.view), device(src.view), dim);
          reference::index_copy(slow_sum.view, list.view, src.view, dim);
          device.fetch();
          expect_close(sum, slow_sum, exactly, "index_copy");
          if (HasFatalFailure()) return;
        }
}

// By lines (many of them) and by targets (one long line), with sums that depend on their order.
TEST(CudaIndex, ScatterAddHasTheBitsOfTheReference) {
  TESSERA_NEEDS_GPU();
  for (const auto& [sizes, count] : std::vector<std::pair<std::vector<int64_t>, int64_t>>{{{300, 2000}, 50}, {{50, 1}, 20000}}) {
    const std::vector<int64_t> index_sizes = {count, sizes[1]};
    const StridedBuffer index(kInt64, index_sizes), src(kFloat32, index_sizes), sum(kFloat32, sizes), slow(kFloat32, sizes);
    fill_indices(index, sizes[0]);
    src.fill_random(3, -1, 1);
    for (const StridedBuffer* b : {&sum, &slow}) b->fill([](int64_t i) { return 0.1 * static_cast<double>(i % 10); });
    const OnDevice device{&index, &src, &sum};
    cuda::scatter_add_acc(device(sum.view), device(index.view), device(src.view), 0);
    reference::scatter_add_acc(slow.view, index.view, src.view, 0);
    device.fetch();
    expect_close(sum, slow, exactly, "scatter_add");
  }
}

TEST(CudaPad, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16})
    for (const auto& layout : kLayouts)
      for (PadMode mode : {PadMode::Constant, PadMode::Reflect, PadMode::Replicate})
        for (const auto& widths : std::vector<std::array<int64_t, 4>>{{1, 2, 3, 1}, {0, 0, 0, 0}, {4, 4, 4, 4}, {-1, 2, 0, -2}}) {
          if (mode != PadMode::Constant && (widths[0] < 0 || widths[3] < 0)) continue;
          const std::vector<int64_t> sizes = {2, 3, 5, 6},
                                     out_sizes = {2, 3, 5 + widths[0] + widths[1], 6 + widths[2] + widths[3]};
          const std::vector<int64_t> before = {0, 0, widths[0], widths[2]};
          const StridedBuffer in(type, sizes, layout), fast(type, out_sizes, layout), slow(type, out_sizes), grad(type, sizes, layout),
              slow_grad(type, sizes);
          in.fill_random(1, -1, 1);
          const OnDevice device{&in, &fast, &grad};
          cuda::pad_forward(device(fast.view), device(in.view), before, mode, 1.5);
          reference::pad_forward(slow.view, in.view, before, mode, 1.5);
          device.fetch();
          expect_close(fast, slow, exactly, "pad");
          cuda::pad_backward(device(grad.view), device(fast.view), before, mode);
          reference::pad_backward(slow_grad.view, slow.view, before, mode);
          device.fetch();
          expect_close(grad, slow_grad, scaled(epsilon(type)), "pad backward");
          if (HasFatalFailure()) return;
        }
}

// Labels that can be read two at a time, if they are adjacent.
StridedBuffer aligned(const std::vector<int64_t>& sizes, const std::vector<int>& order = {}) {
  return StridedBuffer(kInt64, sizes, order, /*gap=*/1, /*shift=*/0);
}

TEST(CudaCount, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (int64_t n : {0, 1, 999, 70000})
    for (int64_t bins : {1, 12, 300, 20000}) {
      const StridedBuffer labels = aligned({n}), weights(kFloat32, {n}), count(kInt64, {bins}), slow(kInt64, {bins}),
                          spread(kInt64, {bins}, MemoryOrder::Spread), sum(kFloat64, {bins}), slow_sum(kFloat64, {bins});
      fill_indices(labels, bins);
      weights.fill_random(2, -1, 1);
      const OnDevice device{&labels, &weights, &count, &spread, &sum};
      cuda::bincount(device(count.view), device(labels.view), View{});
      cuda::bincount(device(spread.view), device(labels.view), View{});
      cuda::bincount(device(sum.view), device(labels.view), device(weights.view));
      reference::bincount(slow.view, labels.view, View{});
      reference::bincount(slow_sum.view, labels.view, weights.view);
      device.fetch();
      expect_close(count, slow, exactly, "bincount");
      expect_close(spread, slow, exactly, "bincount with gaps");
      expect_close(sum, slow_sum, scaled(1e-11), "weighted bincount");
    }
  for (int64_t classes : {1, 12, 150})
    for (int64_t width : {41, 2000})
      for (const std::vector<int>& order : {std::vector<int>{2, 0, 1}, std::vector<int>{0, 1, 2}}) {
        const std::vector<int64_t> sizes = {2, 31, width};
        const StridedBuffer target = aligned(sizes), guess = aligned(sizes, order), fast(kInt64, {classes, classes}),
                            slow(kInt64, {classes, classes});
        fill_indices(target, classes + 2);
        guess.fill([&](int64_t i) { return i % (classes + 1) - (i % 19 == 0); });
        const OnDevice device{&target, &guess, &fast};
        cuda::confusion_matrix(device(fast.view), device(target.view), device(guess.view));
        reference::confusion_matrix(slow.view, target.view, guess.view);
        device.fetch();
        expect_close(fast, slow, exactly, "confusion_matrix");
      }
  const StridedBuffer labels(kInt64, {5, 7}, MemoryOrder::Transposed), hot(kFloat32, {5, 7, 9}), slow(kFloat32, {5, 7, 9});
  fill_indices(labels, 9);
  const OnDevice device{&labels, &hot};
  cuda::one_hot(device(hot.view), device(labels.view));
  reference::one_hot(slow.view, labels.view);
  device.fetch();
  expect_close(hot, slow, exactly, "one_hot");
}

}  // namespace
}  // namespace tessera::kernels
