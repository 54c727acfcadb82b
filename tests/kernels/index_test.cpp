// Indexing and padding: the reference against literal values, the fast kernels against the reference.
#include "kernels/index/index.h"

#include <gtest/gtest.h>

#include <random>

#include "kernels/pad/pad.h"
#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

using Numbers = std::vector<double>;

const std::vector<std::vector<int>> kLayouts = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 1, 2, 0}};
const std::vector<std::vector<int64_t>> kSizes = {{2, 3, 5, 7}, {1, 1, 1, 1}, {3, 40, 4, 33}, {2, 16, 1, 9}};
constexpr ScalarType kTypes[] = {kFloat32, kFloat64, kBFloat16, kInt64, kUInt8};

void fill_values(StridedBuffer& block) {
  std::mt19937 engine(5);
  block.fill([&](int64_t) { return static_cast<double>(engine() % 17) - (block.view.dtype == kUInt8 ? 0 : 8); });
}

void fill_indices(StridedBuffer& block, int64_t size) {
  std::mt19937 engine(11);
  block.fill([&](int64_t) { return static_cast<int64_t>(engine() % static_cast<uint32_t>(size)); });
}

TEST(Gather, KnownValues) {
  for (Gather* gather : {&reference::gather, &cpu::gather}) {
    StridedBuffer in(kFloat32, {2, 3}), index(kInt64, {2, 2}), out(kFloat32, {2, 2});
    in.fill([](int64_t i) { return i; });
    const int64_t data[] = {2, 0, 1, 1};
    index.fill([&](int64_t i) { return data[i]; });
    gather(out.view, in.view, index.view, 1);
    EXPECT_EQ(out.values(), (Numbers{2, 0, 4, 4}));
    gather(out.view, in.view, (index.fill([&](int64_t i) { return data[i] / 2; }), index.view), 0);
    EXPECT_EQ(out.values(), (Numbers{3, 1, 0, 1}));
  }
}

TEST(ScatterAdd, KnownValues) {
  for (ScatterAdd* scatter_add : {&reference::scatter_add_acc, &cpu::scatter_add_acc}) {
    StridedBuffer out(kFloat32, {2, 3}), index(kInt64, {2, 2}), src(kFloat32, {2, 2});
    const int64_t data[] = {2, 2, 0, 1};
    index.fill([&](int64_t i) { return data[i]; });
    src.fill([](int64_t i) { return i + 1; });
    out.fill([](int64_t) { return 10; });
    scatter_add(out.view, index.view, src.view, 1);
    EXPECT_EQ(out.values(), (Numbers{10, 10, 13, 13, 14, 10}));
  }
}

// 1000 additions of 1 to a bfloat16 256 would all be lost, one by one: they are summed wide and rounded once.
TEST(ScatterAdd, HalvesAreSummedWide) {
  for (ScatterAdd* scatter_add : {&reference::scatter_add_acc, &cpu::scatter_add_acc}) {
    StridedBuffer out(kBFloat16, {1}), index(kInt64, {1000}), src(kBFloat16, {1000});
    out.fill([](int64_t) { return 256; });
    index.fill([](int64_t) { return 0; });
    src.fill([](int64_t) { return 1; });
    scatter_add(out.view, index.view, src.view, 0);
    EXPECT_EQ(out.values(), Numbers{1256});
  }
}

TEST(Index, FastMatchesReference) {
  for (ScalarType type : kTypes) {
    for (const auto& sizes : kSizes) {
      for (const auto& layout : kLayouts) {
        for (int dim = 0; dim < 4; ++dim) {
          StridedBuffer in(type, sizes, layout, 2);
          fill_values(in);
          auto small = sizes;
          small[dim] = dim == 2 ? 1 : 6;
          small[(dim + 1) % 4] = (sizes[(dim + 1) % 4] + 1) / 2;  // smaller than the input is allowed
          StridedBuffer index(kInt64, small), fast(type, small, layout), slow(type, small);
          fill_indices(index, sizes[dim]);
          cpu::gather(fast.view, in.view, index.view, dim);
          reference::gather(slow.view, in.view, index.view, dim);
          expect_close(fast, slow, exactly, "gather");

          StridedBuffer fast_sum(type, sizes, layout), slow_sum(type, sizes);
          fill_values(fast_sum);
          fill_values(slow_sum);
          cpu::scatter_add_acc(fast_sum.view, index.view, slow.view, dim);
          reference::scatter_add_acc(slow_sum.view, index.view, slow.view, dim);
          expect_close(fast_sum, slow_sum, exactly, "scatter_add");

          auto selected = sizes;
          selected[dim] = 6;
          StridedBuffer which(kInt64, {6}, {}, 3), fast_rows(type, selected, layout), slow_rows(type, selected);
          fill_indices(which, sizes[dim]);
          cpu::index_select(fast_rows.view, in.view, which.view, dim);
          reference::index_select(slow_rows.view, in.view, which.view, dim);
          expect_close(fast_rows, slow_rows, exactly, "index_select");
          cpu::index_add_acc(fast_sum.view, which.view, fast_rows.view, dim);
          reference::index_add_acc(slow_sum.view, which.view, slow_rows.view, dim);
          expect_close(fast_sum, slow_sum, exactly, "index_add");
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(ScatterAdd, BitsDoNotDependOnThreads) {
  StridedBuffer index(kInt64, {300, 70}), src(kFloat32, {300, 70}), one(kFloat32, {50, 70}), many(kFloat32, {50, 70});
  fill_indices(index, 50);
  src.fill([](int64_t i) { return 1.0 / static_cast<double>(i + 1); });
  for (const StridedBuffer* sums : {&one, &many}) sums->fill({0});
  with_threads(1, [&] { cpu::scatter_add_acc(one.view, index.view, src.view, 0); });
  with_threads(5, [&] { cpu::scatter_add_acc(many.view, index.view, src.view, 0); });
  EXPECT_EQ(one.memory(), many.memory());
}

TEST(Pad, KnownValues) {
  const std::pair<PadMode, Numbers> cases[] = {
      {PadMode::Constant, {9, 9, 1, 2, 3, 9}}, {PadMode::Reflect, {3, 2, 1, 2, 3, 2}}, {PadMode::Replicate, {1, 1, 1, 2, 3, 3}}};
  const std::vector<int64_t> before = {2};
  for (const auto& [mode, expected] : cases) {
    for (PadForward* pad_forward : {&reference::pad_forward, &cpu::pad_forward}) {
      StridedBuffer in(kFloat32, {3}), out(kFloat32, {6});
      in.fill([](int64_t i) { return i + 1; });
      pad_forward(out.view, in.view, before, mode, 9);
      EXPECT_EQ(out.values(), expected);
    }
  }
  for (PadBackward* pad_backward : {&reference::pad_backward, &cpu::pad_backward}) {
    StridedBuffer grad_in(kFloat32, {3}), grad_out(kFloat32, {6});
    grad_out.fill([](int64_t i) { return i + 1; });
    pad_backward(grad_in.view, grad_out.view, before, PadMode::Constant);
    EXPECT_EQ(grad_in.values(), (Numbers{3, 4, 5}));
    pad_backward(grad_in.view, grad_out.view, before, PadMode::Reflect);
    EXPECT_EQ(grad_in.values(), (Numbers{3, 2 + 4 + 6, 1 + 5}));
    pad_backward(grad_in.view, grad_out.view, before, PadMode::Replicate);
    EXPECT_EQ(grad_in.values(), (Numbers{6, 4, 11}));
  }
}

TEST(Pad, FastMatchesReference) {
  const std::vector<int64_t> befores[] = {{0, 0, 2, 1}, {1, 0, 0, 3}, {0, 2, 1, 0}, {0, 0, 0, 0}, {-1, 0, -2, 2}};
  const std::vector<int64_t> behinds[] = {{0, 0, 1, 2}, {0, 1, 3, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}, {0, 1, 1, -3}};
  for (ScalarType type : {kFloat32, kFloat64, kFloat16}) {
    for (const auto& layout : kLayouts) {
      for (PadMode mode : {PadMode::Constant, PadMode::Reflect, PadMode::Replicate}) {
        for (size_t k = 0; k < std::size(befores); ++k) {
          if (k == 4 && mode != PadMode::Constant) continue;
          const std::vector<int64_t> sizes = {3, 4, 5, 21};
          auto padded = sizes;
          for (int d = 0; d < 4; ++d) padded[d] += befores[k][d] + behinds[k][d];
          StridedBuffer in(type, sizes, layout, 2), fast(type, padded, layout), slow(type, padded);
          fill_values(in);
          cpu::pad_forward(fast.view, in.view, befores[k], mode, 0.5);
          reference::pad_forward(slow.view, in.view, befores[k], mode, 0.5);
          expect_close(fast, slow, exactly, "pad_forward");
          StridedBuffer fast_grad(type, sizes, layout, 2), slow_grad(type, sizes);
          cpu::pad_backward(fast_grad.view, fast.view, befores[k], mode);
          reference::pad_backward(slow_grad.view, slow.view, befores[k], mode);
          expect_close(fast_grad, slow_grad, exactly, "pad_backward");
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tessera::kernels
