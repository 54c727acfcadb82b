// CUDA softmax, negative log-likelihood and cross-entropy against the reference: dtypes, memory orders, 1 to 200 classes, extreme
// logits, ignored and invalid targets, the same bits on two runs.
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/cuda.h"
#include "core/ops.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/cuda/target_check.h"
#include "kernels/nll_loss/nll_loss.h"
#include "kernels/softmax/softmax.h"
#include "tests/support/agreement.h"
#include "tests/support/image_memory.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;
using Sizes = std::vector<int64_t>;

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();

// Around the numbers of classes that are held in registers (8, 12, 16, 24), odd and even, and beyond; pixels around packs and blocks.
const Sizes kScores[] = {{2, 1, 3, 5},   {2, 7, 9, 8},    {1, 8, 20, 27}, {2, 9, 7, 11}, {3, 12, 10, 16}, {2, 14, 6, 11},
                         {2, 17, 5, 13}, {2, 21, 16, 18}, {1, 24, 7, 74}, {2, 25, 5, 6}, {1, 200, 4, 9}};

struct Softmax {
  const char* name;
  SoftmaxForward *reference, *cuda;
  SoftmaxBackward *reference_backward, *cuda_backward;
};
const Softmax kSoftmaxes[] = {
    {"softmax", reference::softmax_forward, cuda::softmax_forward, reference::softmax_backward, cuda::softmax_backward},
    {"log_softmax", reference::log_softmax_forward, cuda::log_softmax_forward, reference::log_softmax_backward,
     cuda::log_softmax_backward},
};

TEST(CudaSoftmax, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (const Softmax& op : kSoftmaxes)
    for (ScalarType type : kFloatingTypes)
      for (const Sizes& sizes : kScores)
        for (int dim : {1, 3, 0})
          for (const ImageMemory& memory : kImageMemories) {
            if (sizes[1] > 100 && memory.margin > 0) continue;
            const StridedBuffer in = in_memory(type, sizes, memory), g = in_memory(type, sizes, memory);
            const StridedBuffer want = in_memory(type, sizes, memory), got = in_memory(type, sizes, memory);
            const StridedBuffer want_grad = in_memory(type, sizes, memory), got_grad = in_memory(type, sizes, memory);
            in.fill_random(1, -5, 5), g.fill_random(2, -1, 1);
            in.set(0, 1e4), in.set(3, -kInf), in.set(7, kNaN), in.set(11, kInf);
            op.reference(want.view, in.view, dim);
            op.reference_backward(want_grad.view, g.view, want.view, dim);
            const OnDevice at{&in, &g, &got, &got_grad, &want};
            op.cuda(at(got.view), at(in.view), dim);
            op.cuda_backward(at(got_grad.view), at(g.view), at(want.view), dim);
            at.fetch();
            const std::string what = std::string(op.name) + " " + to_string(type) + " " + testing::PrintToString(sizes) +
                                     " dim " + std::to_string(dim) + " " + memory.name;
            const double rounding = epsilon(arithmetic_type(type)) * (16 + static_cast<double>(sizes[static_cast<size_t>(dim)]));
            expect_close(got, want, scaled(rounding + epsilon(type)), what);
            expect_close(got_grad, want_grad, scaled(4 * rounding + epsilon(type)), what + " gradient");
            if (HasFatalFailure()) return;
          }
}

// --- Losses -------------------------------------------------------------------------------------------------------------------------

struct Problem {
  StridedBuffer logits, grad_logits, target, weight, loss, normalizer, total_weight, first_invalid, grad_loss;
  CrossEntropyParams params;
  bool weighted;

  Problem(ScalarType type, const Sizes& s, const ImageMemory& memory, bool with_weights, double smoothing)
      : logits(in_memory(type, s, memory)),
        grad_logits(in_memory(type, s, memory)),
        target(kInt64, {s[0], s[2], s[3]}),
        weight(arithmetic_type(type), {s[1]}),
        loss(arithmetic_type(type), {s[0], s[2], s[3]}),
        normalizer(arithmetic_type(type), {s[0], s[2], s[3]}),
        total_weight(arithmetic_type(type), {1}),
        first_invalid(kInt64, {1}),
        grad_loss(arithmetic_type(type), {s[0], s[2], s[3]}),
        params{255, smoothing},
        weighted(with_weights) {
    logits.fill_random(1, -5, 5);
    std::mt19937 generator(2);
    weight.fill([&](int64_t) { return 0.5 + static_cast<double>(generator() % 1024) / 1024; });  // their sum is exact in float32
    grad_loss.fill_random(3, -1, 1);
    target.fill([&](int64_t i) { return i % 7 == 3 ? 255.0 : static_cast<double>((i * 5 + i / 3) % s[1]); });
  }
  View weights() const { return weighted ? weight.view : View{}; }
};

void run(const Problem& p, bool fused, bool expanded_gradient, bool on_device) {
  View grad_loss = p.grad_loss.view;
  if (expanded_gradient) grad_loss.strides = {};
  const NllLossParams nll{p.params.ignore_index};
  if (!on_device) {
    if (fused) {
      reference::cross_entropy_forward(p.loss.view, p.normalizer.view, p.total_weight.view, p.first_invalid.view, p.logits.view,
                                       p.target.view, p.weights(), p.params);
      reference::cross_entropy_backward(p.grad_logits.view, grad_loss, p.logits.view, p.normalizer.view, p.target.view,
                                        p.weights(), p.params);
    } else {
      reference::nll_loss_forward(p.loss.view, p.total_weight.view, p.first_invalid.view, p.logits.view, p.target.view,
                                  p.weights(), nll);
      reference::nll_loss_backward(p.grad_logits.view, grad_loss, p.target.view, p.weights(), nll);
    }
    return;
  }
  const OnDevice at{&p.logits,     &p.grad_logits,  &p.target,        &p.weight,   &p.loss,
                    &p.normalizer, &p.total_weight, &p.first_invalid, &p.grad_loss};
  if (fused) {
    cuda::cross_entropy_forward(at(p.loss.view), at(p.normalizer.view), at(p.total_weight.view), at(p.first_invalid.view),
                                at(p.logits.view), at(p.target.view), at(p.weights()), p.params);
    cuda::cross_entropy_backward(at(p.grad_logits.view), at(grad_loss), at(p.logits.view), at(p.normalizer.view),
                                 at(p.target.view), at(p.weights()), p.params);
  } else {
    cuda::nll_loss_forward(at(p.loss.view), at(p.total_weight.view), at(p.first_invalid.view), at(p.logits.view),
                           at(p.target.view), at(p.weights()), nll);
    cuda::nll_loss_backward(at(p.grad_logits.view), at(grad_loss), at(p.target.view), at(p.weights()), nll);
  }
  at.fetch();
}

void expect_same(const Problem& got, const Problem& want, const std::string& what) {
  const ScalarType type = got.logits.view.dtype;
  const double rounding = epsilon(arithmetic_type(type)) * (64 + static_cast<double>(got.logits.view.sizes[1]));
  expect_close(got.loss, want.loss, scaled(rounding), what + " loss");
  expect_close(got.total_weight, want.total_weight, within(0, epsilon(arithmetic_type(type))), what + " total weight");
  expect_close(got.grad_logits, want.grad_logits, within(rounding, epsilon(type)), what + " gradient");
  EXPECT_EQ(got.first_invalid.get(0), want.first_invalid.get(0)) << what;
}

TEST(CudaLosses, MatchReference) {
  TESSERA_NEEDS_GPU();
  for (bool fused : {true, false})
    for (ScalarType type : kFloatingTypes)
      for (const Sizes& sizes : kScores)
        for (const ImageMemory& memory : kImageMemories)
          for (int variant = 0; variant < 4; ++variant) {  // weights, smoothing, and a gradient of one number
            const bool weighted = variant % 2 == 1;
            const double smoothing = variant >= 2 && fused ? 0.1 : 0;
            if (sizes[1] > 100 && memory.margin > 0) continue;
            const Problem want(type, sizes, memory, weighted, smoothing), got(type, sizes, memory, weighted, smoothing);
            for (const Problem* p : {&want, &got}) p->logits.set(1, 5000.0), p->logits.set(4, -kInf);
            run(want, fused, variant == 2, false);
            run(got, fused, variant == 2, true);
            expect_same(got, want,
                        std::string(fused ? "cross_entropy " : "nll_loss ") + to_string(type) + " " +
                            testing::PrintToString(sizes) + " " + memory.name + " variant " + std::to_string(variant));
            if (HasFatalFailure()) return;
          }
}

TEST(CudaLosses, NaNAndAllIgnored) {
  TESSERA_NEEDS_GPU();
  for (const ImageMemory& memory : kImageMemories) {
    const Problem want(kFloat32, {1, 5, 4, 4}, memory, true, 0), got(kFloat32, {1, 5, 4, 4}, memory, true, 0);
    for (const Problem* p : {&want, &got}) {
      p->logits.set(0, kNaN), p->logits.set(1, kInf), p->logits.set(3, kNaN);  // pixel 3 is ignored: its gradient is exactly 0
      for (int64_t c = 0; c < 5; ++c) p->logits.set(c * 16 + 2, -kInf);
    }
    run(want, true, false, false);
    run(got, true, false, true);
    expect_same(got, want, memory.name);
    const Problem none(kFloat32, {1, 5, 4, 4}, memory, false, 0);
    none.target.fill({255});
    run(none, true, false, true);
    EXPECT_EQ(none.total_weight.get(0), 0);
    EXPECT_EQ(none.first_invalid.get(0), -1);
    for (double g : none.grad_logits.values()) EXPECT_EQ(g, 0);
  }
}

// The first wrong target is reported once; the pixel counts as ignored.
TEST(CudaLosses, InvalidTargetsAreReported) {
  TESSERA_NEEDS_GPU();
  for (bool fused : {true, false})
    for (int64_t bad : {-1, 21, 1000000000}) {
      const Sizes sizes = {2, 21, 30, 40};
      const Problem want(kBFloat16, sizes, kImageMemories[3], false, 0), got(kBFloat16, sizes, kImageMemories[3], false, 0);
      for (const Problem* p : {&want, &got}) p->target.set(1500, bad), p->target.set(2399, bad), p->target.set(0, 20.0);
      run(want, fused, false, false);
      run(got, fused, false, true);
      expect_same(got, want, "invalid target");
      EXPECT_EQ(got.first_invalid.get(0), 1500);
      const auto report = cuda::take_invalid_target();
      ASSERT_TRUE(report.has_value());
      EXPECT_EQ(report->fused, fused);
      EXPECT_EQ(report->target, bad);
      EXPECT_EQ(report->pixel, 1500);
      EXPECT_EQ(report->classes, 21);
      EXPECT_EQ(report->ignore_index, 255);
      EXPECT_FALSE(cuda::take_invalid_target().has_value());
    }
}

// The op throws at the next wait.
TEST(CudaLosses, InvalidTargetsThrowAtTheNextWait) {
  TESSERA_NEEDS_GPU();
  const Tensor scores = randn({2, 3, 4, 4}, TensorOptions().device(tessera::kCUDA));
  const Tensor target = full({2, 4, 4}, 3, TensorOptions().dtype(kLong).device(kCUDA));
  const Tensor loss = cross_entropy(scores, target);
  EXPECT_THROW(loss.item<float>(), IndexError);
  EXPECT_NO_THROW(loss.item<float>());
  cross_entropy(scores, target);
  EXPECT_THROW(tessera::cuda::synchronize(), IndexError);
}

TEST(CudaLosses, SameBitsTwice) {
  TESSERA_NEEDS_GPU();
  for (size_t m : {size_t{0}, size_t{3}})
    for (bool fused : {true, false}) {
      const Sizes sizes = {4, 12, 100, 120};
      const Problem first(kBFloat16, sizes, kImageMemories[m], true, 0.1), second(kBFloat16, sizes, kImageMemories[m], true, 0.1);
      run(first, fused, false, true);
      run(second, fused, false, true);
      EXPECT_EQ(first.loss.values(), second.loss.values());
      EXPECT_EQ(first.total_weight.values(), second.total_weight.values());
      EXPECT_EQ(first.grad_logits.values(), second.grad_logits.values());
    }
}

}  // namespace
}  // namespace tessera::kernels
