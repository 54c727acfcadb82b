// CUDA batch and row normalisation against the reference: dtypes, memory orders, sizes around packs and blocks, the fused ReLU, NaN.
#include "kernels/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "kernels/row_norm/row_norm.h"
#include "tests/support/agreement.h"
#include "tests/support/image_memory.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

const std::vector<std::vector<int64_t>> kSizes = {{1, 1, 1, 2},   {2, 3, 5, 7},    {3, 4, 17, 9},  {1, 16, 33, 32},
                                                  {2, 24, 8, 8},  {5, 7, 1, 1},    {4, 64, 9, 8},  {2, 520, 6, 4},
                                                  {64, 32, 1, 1}, {1, 2560, 2, 3}, {3, 8, 30, 40}, {2, 5, 32, 40}};

// The operands of one problem, and room for all results.
struct Problem {
  ScalarType type, statistics;
  StridedBuffer input, grad_out, mean, var, invstd, weight, bias, out, sum_dy, sum_dy_xhat, grad_training, grad_evaluation;

  Problem(ScalarType t, const std::vector<int64_t>& sizes, const ImageMemory& memory, ScalarType parameter_type)
      : type(t),
        statistics(arithmetic_type(t)),
        input(in_memory(t, sizes, memory)),
        grad_out(in_memory(t, sizes, memory)),
        mean(statistics, {sizes[1]}),
        var(statistics, {sizes[1]}),
        invstd(statistics, {sizes[1]}),
        weight(parameter_type, {sizes[1]}),
        bias(parameter_type, {sizes[1]}),
        out(in_memory(t, sizes, memory)),
        sum_dy(statistics, {sizes[1]}),
        sum_dy_xhat(statistics, {sizes[1]}),
        grad_training(in_memory(t, sizes, memory)),
        grad_evaluation(in_memory(t, sizes, memory)) {
    input.fill_random(1, -1, 1);
    grad_out.fill_random(2, -1, 1);
    weight.fill([](int64_t c) { return 0.5 + static_cast<double>(c % 5); });
    bias.fill([](int64_t c) { return 0.25 * static_cast<double>(c % 3); });
  }
  double count() const { return static_cast<double>(input.view.numel() / input.view.sizes[1]); }
};

BatchNormChannels channels_of(const Problem& p, bool affine, bool relu) {
  return {p.mean.view, p.invstd.view, affine ? p.weight.view : View{}, affine ? p.bias.view : View{}, relu};
}

void run_reference(const Problem& p, bool affine) {
  reference::batch_norm_statistics(p.mean.view, p.var.view, p.input.view);
  reference::batch_norm_update(p.invstd.view, View{}, View{}, p.mean.view, p.var.view, 0, 1, 1e-5);
  const BatchNormChannels channels = channels_of(p, affine, false);
  reference::batch_norm_forward(p.out.view, p.input.view, channels);
  reference::batch_norm_backward_reduce(p.sum_dy.view, p.sum_dy_xhat.view, p.grad_out.view, p.input.view, channels);
  reference::batch_norm_backward(p.grad_training.view, p.grad_out.view, p.input.view, channels, p.sum_dy.view, p.sum_dy_xhat.view,
                                 true);
  reference::batch_norm_backward(p.grad_evaluation.view, p.grad_out.view, p.input.view, channels, View{}, View{}, false);
}

// With the statistics and sums of `p` itself, each kernel by its own: errors do not add up.
void run_cuda(const Problem& p, const Problem& expected, bool affine) {
  const OnDevice at{&p.input,         &p.grad_out,        &p.mean,
                    &p.var,           &p.weight,          &p.bias,
                    &p.out,           &p.sum_dy,          &p.sum_dy_xhat,
                    &p.grad_training, &p.grad_evaluation, &expected.mean,
                    &expected.invstd, &expected.sum_dy,   &expected.sum_dy_xhat};
  cuda::batch_norm_statistics(at(p.mean.view), at(p.var.view), at(p.input.view));
  const BatchNormChannels channels{at(expected.mean.view), at(expected.invstd.view), affine ? at(p.weight.view) : View{},
                                   affine ? at(p.bias.view) : View{}};
  cuda::batch_norm_forward(at(p.out.view), at(p.input.view), channels);
  cuda::batch_norm_backward_reduce(at(p.sum_dy.view), at(p.sum_dy_xhat.view), at(p.grad_out.view), at(p.input.view), channels);
  cuda::batch_norm_backward(at(p.grad_training.view), at(p.grad_out.view), at(p.input.view), channels, at(expected.sum_dy.view),
                            at(expected.sum_dy_xhat.view), true);
  cuda::batch_norm_backward(at(p.grad_evaluation.view), at(p.grad_out.view), at(p.input.view), channels, View{}, View{}, false);
  at.fetch();
}

// Without the ReLU, whose kink a rounding may miss: it has a test of its own.
void compare(ScalarType type, const std::vector<int64_t>& sizes, const ImageMemory& memory, bool affine,
             ScalarType parameter_type) {
  const std::string what = std::string(to_string(type)) + " " + testing::PrintToString(sizes) + " " + memory.name + " affine " +
                           std::to_string(affine);
  const Problem want(type, sizes, memory, parameter_type), got(type, sizes, memory, parameter_type);
  run_reference(want, affine);
  run_cuda(got, want, affine);
  const double u = epsilon(type) / 2, uc = epsilon(want.statistics) / 2, count = want.count(), chain = count * 0x1p-53;
  double scale = 1;  // small counts can have a small variance: the error is relative to the largest scale
  for (double invstd : want.invstd.values()) scale = std::max(scale, 5 * invstd);
  expect_close(got.mean, want.mean, within(8 * uc + chain, 0), what + " mean");
  expect_close(got.var, want.var, within(16 * uc + chain, 0), what + " var");
  expect_close(got.out, want.out, within(3 * scale * (u + (16 * uc + chain) * scale * scale), 0), what + " out");
  expect_close(got.sum_dy, want.sum_dy, within(16 * uc * std::max(1.0, count), 0), what + " sum_dy");
  expect_close(got.sum_dy_xhat, want.sum_dy_xhat, within(16 * uc * scale * std::max(1.0, count), 0), what + " sum_dy_xhat");
  const auto tolerance = within(4 * scale * (u + (32 * uc + chain) * scale * scale), 0);
  expect_close(got.grad_training, want.grad_training, tolerance, what + " grad_training");
  expect_close(got.grad_evaluation, want.grad_evaluation, tolerance, what + " grad_evaluation");
}

TEST(CudaBatchNorm, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const auto& sizes : kSizes)
      for (const ImageMemory& memory : kImageMemories) {
        if (sizes[1] > 1000 && memory.margin > 0) continue;  // the margin alone would be large
        for (bool affine : {true, false}) {
          if (!affine && sizes[1] != 16) continue;
          compare(type, sizes, memory, affine, arithmetic_type(type));
          if (HasFatalFailure()) return;
        }
      }
}

TEST(CudaBatchNorm, ParametersOfAnyType) {
  TESSERA_NEEDS_GPU();
  for (ScalarType parameter_type : kFloatingTypes)
    for (ScalarType type : {kBFloat16, kFloat32})
      for (size_t m : {size_t{0}, size_t{3}}) compare(type, {2, 16, 9, 8}, kImageMemories[m], true, parameter_type);
}

// Inputs and parameters of few bits: every product and sum is exact in float32, so that y = 0 is met exactly and often.
TEST(CudaBatchNorm, ReluAndItsMask) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const ImageMemory& memory : kImageMemories) {
      const std::vector<int64_t> sizes = {2, 16, 9, 24};
      const Problem want(type, sizes, memory, kFloat32), got(type, sizes, memory, kFloat32);
      for (const Problem* p : {&want, &got}) {
        p->input.fill([](int64_t i) { return static_cast<double>(i * 7 % 17 - 8); });
        p->grad_out.fill([](int64_t i) { return static_cast<double>(i * 5 % 13 - 6); });
        p->mean.fill([](int64_t c) { return static_cast<double>(c % 3 - 1); });
        p->invstd.fill([](int64_t c) { return c % 2 == 0 ? 0.5 : 1.0; });
        p->sum_dy.fill([](int64_t c) { return static_cast<double>(27 * (c % 4)); });  // count / 16 times a small number
        p->sum_dy_xhat.fill([](int64_t c) { return static_cast<double>(54 * (c % 3)); });
        p->input.set(5, std::numeric_limits<double>::quiet_NaN());
      }
      const BatchNormChannels host = channels_of(want, true, true);
      const OnDevice at{&got.input, &got.grad_out,      &got.mean, &got.invstd,          &got.weight, &got.bias,
                        &got.out,   &got.grad_training, &got.var,  &got.grad_evaluation, &got.sum_dy, &got.sum_dy_xhat};
      const BatchNormChannels device{at(got.mean.view), at(got.invstd.view), at(got.weight.view), at(got.bias.view), true};
      reference::batch_norm_forward(want.out.view, want.input.view, host);
      cuda::batch_norm_forward(at(got.out.view), at(got.input.view), device);
      reference::batch_norm_backward(want.grad_training.view, want.grad_out.view, want.input.view, host, want.sum_dy.view,
                                     want.sum_dy_xhat.view, true);
      cuda::batch_norm_backward(at(got.grad_training.view), at(got.grad_out.view), at(got.input.view), device,
                                at(got.sum_dy.view), at(got.sum_dy_xhat.view), true);
      reference::batch_norm_backward(want.grad_evaluation.view, want.grad_out.view, want.input.view, host, View{}, View{}, false);
      cuda::batch_norm_backward(at(got.grad_evaluation.view), at(got.grad_out.view), at(got.input.view), device, View{}, View{},
                                false);
      reference::batch_norm_backward_reduce(want.var.view, want.mean.view, want.grad_out.view, want.input.view, host);
      cuda::batch_norm_backward_reduce(at(got.var.view), at(got.sum_dy.view), at(got.grad_out.view), at(got.input.view), device);
      at.fetch();
      const std::string what = std::string(to_string(type)) + " " + memory.name;
      const auto tolerance = within(16 * epsilon(arithmetic_type(type)) + 4 * epsilon(type), 2 * epsilon(type));
      expect_close(got.out, want.out, within(0, epsilon(type)), what + " out");
      expect_close(got.grad_training, want.grad_training, tolerance, what + " grad_training");
      expect_close(got.grad_evaluation, want.grad_evaluation, tolerance, what + " grad_evaluation");
      expect_close(got.var, want.var, within(1e-3, 1e-5), what + " sum_dy");
      expect_close(got.sum_dy, want.mean, within(1e-3, 1e-5), what + " sum_dy_xhat");
      if (HasFatalFailure()) return;
    }
}

TEST(CudaBatchNorm, AddReluMatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const ImageMemory& memory : kImageMemories) {
      const std::vector<int64_t> sizes = {2, 16, 9, 24};
      const Problem want(type, sizes, memory, kFloat32), got(type, sizes, memory, kFloat32);
      const StridedBuffer residual = in_memory(type, sizes, memory);
      residual.fill([](int64_t i) { return static_cast<double>(i * 11 % 7 - 3); });
      for (const Problem* p : {&want, &got}) {  // exact in float32, as above
        p->input.fill([](int64_t i) { return static_cast<double>(i * 7 % 17 - 8); });
        p->mean.fill([](int64_t c) { return static_cast<double>(c % 3 - 1); });
        p->invstd.fill([](int64_t c) { return c % 2 == 0 ? 0.5 : 1.0; });
        p->input.set(5, std::numeric_limits<double>::quiet_NaN());
      }
      const BatchNormChannels host = channels_of(want, true, false);
      const OnDevice at{&got.input, &got.grad_out, &got.mean,        &got.invstd,        &got.weight, &got.bias,
                        &got.out,   &got.sum_dy,   &got.sum_dy_xhat, &got.grad_training, &residual};
      const BatchNormChannels device{at(got.mean.view), at(got.invstd.view), at(got.weight.view), at(got.bias.view)};
      reference::batch_norm_add_relu_forward(want.out.view, want.input.view, residual.view, host);
      cuda::batch_norm_add_relu_forward(at(got.out.view), at(got.input.view), at(residual.view), device);
      reference::batch_norm_add_relu_reduce(want.sum_dy.view, want.sum_dy_xhat.view, want.grad_training.view, want.grad_out.view,
                                            want.out.view, want.input.view, host);
      cuda::batch_norm_add_relu_reduce(at(got.sum_dy.view), at(got.sum_dy_xhat.view), at(got.grad_training.view),
                                       at(got.grad_out.view), at(got.out.view), at(got.input.view), device);
      at.fetch();
      const std::string what = std::string(to_string(type)) + " " + memory.name;
      expect_close(got.out, want.out, within(0, epsilon(type)), what + " out");
      expect_close(got.grad_training, want.grad_training, exactly, what + " masked");
      expect_close(got.sum_dy, want.sum_dy, within(1e-4, 0), what + " sum_dy");
      expect_close(got.sum_dy_xhat, want.sum_dy_xhat, within(1e-3, 0), what + " sum_dy_xhat");
      if (HasFatalFailure()) return;
    }
}

TEST(CudaBatchNorm, LargeMeansKeepTheirDigits) {
  TESSERA_NEEDS_GPU();
  for (size_t m : {size_t{0}, size_t{1}, size_t{3}}) {
    const std::vector<int64_t> sizes = {2, 8, 111, 96};
    const Problem want(kFloat32, sizes, kImageMemories[m], kFloat32), got(kFloat32, sizes, kImageMemories[m], kFloat32);
    for (const Problem* p : {&want, &got}) {
      for (int64_t i = 0; i < p->input.view.numel(); ++i) p->input.set(i, p->input.get(i) + 10000);
      p->input.set(0, 0.0);  // far from the others, and the first of its channel
    }
    reference::batch_norm_statistics(want.mean.view, want.var.view, want.input.view);
    const OnDevice at{&got.input, &got.mean, &got.var};
    cuda::batch_norm_statistics(at(got.mean.view), at(got.var.view), at(got.input.view));
    at.fetch();
    expect_close(got.mean, want.mean, within(1e-3, 0), "mean");  // one unit in the last place of 10000
    expect_close(got.var, want.var, within(2e-6, 1e-5), "var");  // about 1/3, and 4700 in channel 0
  }
}

TEST(CudaBatchNorm, UpdatesRunningEstimates) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16}) {
    const ScalarType statistics = arithmetic_type(type);
    const StridedBuffer mean(statistics, {300}), var(statistics, {300}), want_invstd(statistics, {300}),
        got_invstd(statistics, {300});
    const StridedBuffer want_mean(type, {300}), want_var(type, {300}), got_mean(type, {300}), got_var(type, {300});
    mean.fill_random(1, -1, 1), var.fill_random(2, 0, 1);
    for (const StridedBuffer* b : {&want_mean, &got_mean}) b->fill_random(3, -1, 1);
    for (const StridedBuffer* b : {&want_var, &got_var}) b->fill_random(4, 0, 1);
    reference::batch_norm_update(want_invstd.view, want_mean.view, want_var.view, mean.view, var.view, 0.1, 1.25, 1e-5);
    const OnDevice at{&mean, &var, &got_invstd, &got_mean, &got_var};
    cuda::batch_norm_update(at(got_invstd.view), at(got_mean.view), at(got_var.view), at(mean.view), at(var.view), 0.1, 1.25,
                            1e-5);
    at.fetch();
    expect_close(got_invstd, want_invstd, within(0, epsilon(statistics)), "invstd");
    expect_close(got_mean, want_mean, within(epsilon(type), 0), "running mean");
    expect_close(got_var, want_var, within(epsilon(type), 0), "running var");
  }
}

TEST(CudaBatchNorm, TrainingStatisticsMatchReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const ImageMemory& memory : kImageMemories) {
      const Problem want(type, {3, 24, 9, 8}, memory, kFloat32), got(type, {3, 24, 9, 8}, memory, kFloat32);
      for (const Problem* p : {&want, &got}) {  // weight and bias stand for the running estimates
        p->weight.fill({0.25}), p->bias.fill({0.75});
      }
      reference::batch_norm_training_statistics(want.mean.view, want.invstd.view, want.weight.view, want.bias.view, want.input.view,
                                                0.1, 1.25, 1e-5);
      const OnDevice at{&got.input, &got.mean, &got.invstd, &got.weight, &got.bias};
      cuda::batch_norm_training_statistics(at(got.mean.view), at(got.invstd.view), at(got.weight.view), at(got.bias.view),
                                           at(got.input.view), 0.1, 1.25, 1e-5);
      at.fetch();
      const auto tolerance = scaled(8 * epsilon(arithmetic_type(type)));
      expect_close(got.mean, want.mean, tolerance, "mean");
      expect_close(got.invstd, want.invstd, tolerance, "invstd");
      expect_close(got.weight, want.weight, scaled(8 * epsilon(kFloat32)), "running mean");
      expect_close(got.bias, want.bias, scaled(8 * epsilon(kFloat32)), "running var");
      if (HasFatalFailure()) return;
    }
}

TEST(CudaBatchNorm, SameBitsTwice) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16})
    for (size_t m : {size_t{0}, size_t{3}, size_t{6}}) {
      const std::vector<int64_t> sizes = {4, 32, 120, 96};
      const Problem first(type, sizes, kImageMemories[m], kFloat32), second(type, sizes, kImageMemories[m], kFloat32);
      for (const Problem* p : {&first, &second}) {
        p->mean.fill({0.25}), p->invstd.fill({1.5});
        const OnDevice at{&p->input, &p->grad_out, &p->mean, &p->invstd, &p->var, &p->sum_dy, &p->sum_dy_xhat};
        const BatchNormChannels channels{at(p->mean.view), at(p->invstd.view), View{}, View{}, true};
        cuda::batch_norm_backward_reduce(at(p->sum_dy.view), at(p->sum_dy_xhat.view), at(p->grad_out.view), at(p->input.view),
                                         channels);
        cuda::batch_norm_statistics(at(p->mean.view), at(p->var.view), at(p->input.view));
        at.fetch();
      }
      EXPECT_EQ(first.mean.values(), second.mean.values());
      EXPECT_EQ(first.var.values(), second.var.values());
      EXPECT_EQ(first.sum_dy.values(), second.sum_dy.values());
      EXPECT_EQ(first.sum_dy_xhat.values(), second.sum_dy_xhat.values());
    }
}

TEST(CudaRowNorm, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const auto& [rows, length] : std::vector<std::pair<int64_t, int64_t>>{
             {1, 1}, {5, 7}, {300, 64}, {9, 1000}, {3, 5003}, {9, 6000}, {2, 8192}, {6, 40007}})
      for (int64_t shift : {0, 1})
        for (double centre : {0.0, 100.0}) {
          const std::vector<int64_t> sizes = {rows, length};
          const ScalarType statistics = arithmetic_type(type);
          const StridedBuffer in(type, sizes, {}, 1, shift), g(type, sizes, {}, 1, shift);
          const StridedBuffer want(type, sizes, {}, 1, shift), got(type, sizes, {}, 1, shift);
          const StridedBuffer want_grad(type, sizes, {}, 1, shift), got_grad(type, sizes, {}, 1, shift);
          const StridedBuffer want_mean(statistics, {rows}), want_invstd(statistics, {rows}), got_mean(statistics, {rows}),
              got_invstd(statistics, {rows});
          in.fill_random(1, centre - 1, centre + 1);
          g.fill_random(2, -1, 1);
          reference::row_norm_forward(want.view, want_mean.view, want_invstd.view, in.view, 1e-5);
          reference::row_norm_backward(want_grad.view, g.view, want.view, want_invstd.view);
          const OnDevice at{&in, &g, &got, &got_grad, &got_mean, &got_invstd, &want, &want_invstd};
          cuda::row_norm_forward(at(got.view), at(got_mean.view), at(got_invstd.view), at(in.view), 1e-5);
          cuda::row_norm_backward(at(got_grad.view), at(g.view), at(want.view), at(want_invstd.view));
          at.fetch();
          const std::string what = std::string(to_string(type)) + " " + std::to_string(rows) + "x" + std::to_string(length);
          double scale = 1;
          for (double invstd : want_invstd.values()) scale = std::max(scale, invstd);
          const double u = epsilon(type), uc = epsilon(statistics) * (1 + centre), chain = static_cast<double>(length) * 0x1p-52;
          expect_close(got_mean, want_mean, within(4 * uc + chain, 0), what + " mean");
          expect_close(got_invstd, want_invstd, within(0, (16 * uc + chain) * scale * scale), what + " invstd");
          expect_close(got, want, within(3 * scale * (u + (16 * uc + chain) * scale * scale), 0), what + " xhat");
          expect_close(got_grad, want_grad, within(8 * scale * (u + 16 * uc + chain), 0), what + " gradient");
          if (HasFatalFailure()) return;
        }
}

}  // namespace
}  // namespace tessera::kernels
