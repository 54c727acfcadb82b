// CUDA pooling and resampling against the reference: dtypes, memory orders, windows, scale factors, NaN, outputs that do not divide.
#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "kernels/interpolate/interpolate.h"
#include "tests/support/agreement.h"
#include "tests/support/image_memory.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;
using Sizes = std::vector<int64_t>;

const Pool2dParams kWindows[] = {
    {.kernel = {2, 2}, .stride = {2, 2}},
    {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
    {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}},
    {.kernel = {2, 3}, .stride = {3, 1}, .padding = {0, 1}},
    {.kernel = {3, 4}, .stride = {3, 4}},
    {.kernel = {5, 4}, .stride = {2, 3}, .padding = {2, 2}},
    {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .dilation = {2, 3}},
    {.kernel = {2, 2}, .stride = {3, 3}, .dilation = {1, 2}},
};
const Sizes kImages[] = {{2, 3, 9, 8}, {1, 4, 12, 16}, {2, 16, 10, 9}, {1, 24, 8, 24}};

// Rounded up, as with ceil_mode, so that the last windows run past the input; each starts inside the input or its padding.
int64_t pooled_size(int64_t in, const Pool2dParams& p, size_t axis, bool ceil_mode) {
  const int64_t free = in + 2 * p.padding[axis] - p.dilation[axis] * (p.kernel[axis] - 1) - 1;
  const int64_t out = (free + (ceil_mode ? p.stride[axis] - 1 : 0)) / p.stride[axis] + 1;
  return ceil_mode && (out - 1) * p.stride[axis] >= in + p.padding[axis] ? out - 1 : out;
}

std::string describe(ScalarType type, const Sizes& sizes, const ImageMemory& memory, const Sizes& out) {
  return std::string(to_string(type)) + " " + testing::PrintToString(sizes) + " to " + testing::PrintToString(out) + " " +
         memory.name;
}

TEST(CudaPool, MaximumMatchesReference) {
  TESSERA_NEEDS_GPU();
  constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();
  for (ScalarType type : kFloatingTypes)
    for (const Sizes& sizes : kImages)
      for (const Pool2dParams& p : kWindows)
        for (bool ceil_mode : {false, true})
          for (const ImageMemory& memory : kImageMemories) {
            const Sizes pooled = {sizes[0], sizes[1], pooled_size(sizes[2], p, 0, ceil_mode),
                                  pooled_size(sizes[3], p, 1, ceil_mode)};
            const StridedBuffer in = in_memory(type, sizes, memory), g = in_memory(type, pooled, memory);
            const StridedBuffer want = in_memory(type, pooled, memory), got = in_memory(type, pooled, memory);
            const StridedBuffer want_index = in_memory(kInt32, pooled, memory), got_index = in_memory(kInt32, pooled, memory);
            const StridedBuffer want_grad = in_memory(type, sizes, memory), got_grad = in_memory(type, sizes, memory);
            in.fill([](int64_t i) { return static_cast<double>(i * 37 % 11 - 5); });  // many equal maxima
            in.set(0, -kInf), in.set(sizes[3] + 1, kNaN), in.set(sizes[3] + 2, kNaN);
            g.fill_random(2, -1, 1);
            reference::max_pool2d_forward(want.view, want_index.view, in.view, p);
            reference::max_pool2d_backward(want_grad.view, g.view, want_index.view, p);
            const StridedBuffer got_values = in_memory(type, pooled, memory);
            const OnDevice at{&in, &g, &got, &got_index, &got_values, &got_grad, &want_index};
            cuda::max_pool2d_forward(at(got.view), at(got_index.view), at(in.view), p);
            cuda::max_pool2d_values(at(got_values.view), at(in.view), p);
            cuda::max_pool2d_backward(at(got_grad.view), at(g.view), at(want_index.view), p);
            at.fetch();
            const std::string what = describe(type, sizes, memory, pooled);
            expect_close(got, want, exactly, what + " maximum");
            expect_close(got_values, want, exactly, what + " maximum without index");
            expect_close(got_index, want_index, exactly, what + " index");
            expect_close(got_grad, want_grad, exactly, what + " gradient");  // the same sums in the same order
            if (HasFatalFailure()) return;
          }
}

TEST(CudaPool, AverageMatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const Sizes& sizes : kImages)
      for (Pool2dParams p : kWindows)
        for (int variant = 0; variant < 4; ++variant)
          for (const ImageMemory& memory : kImageMemories) {
            p.dilation = {1, 1}, p.count_include_pad = variant % 2 == 0, p.divisor_override = variant == 3 ? 3 : 0;
            const bool ceil_mode = variant > 0;
            const Sizes pooled = {sizes[0], sizes[1], pooled_size(sizes[2], p, 0, ceil_mode),
                                  pooled_size(sizes[3], p, 1, ceil_mode)};
            const StridedBuffer in = in_memory(type, sizes, memory), g = in_memory(type, pooled, memory);
            const StridedBuffer want = in_memory(type, pooled, memory), got = in_memory(type, pooled, memory);
            const StridedBuffer want_grad = in_memory(type, sizes, memory), got_grad = in_memory(type, sizes, memory);
            in.fill_random(1, -1, 1), g.fill_random(2, -1, 1);
            reference::avg_pool2d_forward(want.view, in.view, p);
            reference::avg_pool2d_backward(want_grad.view, g.view, p);
            const OnDevice at{&in, &g, &got, &got_grad};
            cuda::avg_pool2d_forward(at(got.view), at(in.view), p);
            cuda::avg_pool2d_backward(at(got_grad.view), at(g.view), p);
            at.fetch();
            const std::string what = describe(type, sizes, memory, pooled);
            const auto tolerance = scaled(static_cast<double>(p.kernel[0] * p.kernel[1] + 4) * epsilon(type));
            expect_close(got, want, tolerance, what + " average");
            expect_close(got_grad, want_grad, tolerance, what + " gradient");
            if (HasFatalFailure()) return;
          }
}

TEST(CudaPool, AdaptiveAverageMatchesReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : kFloatingTypes)
    for (const Sizes& sizes : kImages)
      for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {2, 3}, {7, 5}, {13, 11}})
        for (const ImageMemory& memory : kImageMemories) {
          const Sizes pooled = {sizes[0], sizes[1], height, width};
          const StridedBuffer in = in_memory(type, sizes, memory), g = in_memory(type, pooled, memory);
          const StridedBuffer want = in_memory(type, pooled, memory), got = in_memory(type, pooled, memory);
          const StridedBuffer want_grad = in_memory(type, sizes, memory), got_grad = in_memory(type, sizes, memory);
          in.fill_random(1, -1, 1), g.fill_random(2, -1, 1);
          reference::adaptive_avg_pool2d_forward(want.view, in.view);
          reference::adaptive_avg_pool2d_backward(want_grad.view, g.view);
          const OnDevice at{&in, &g, &got, &got_grad};
          cuda::adaptive_avg_pool2d_forward(at(got.view), at(in.view));
          cuda::adaptive_avg_pool2d_backward(at(got_grad.view), at(g.view));
          at.fetch();
          const std::string what = describe(type, sizes, memory, pooled);
          expect_close(got, want, scaled(16 * epsilon(type)), what + " average");
          expect_close(got_grad, want_grad, scaled(32 * epsilon(type)), what + " gradient");
          if (HasFatalFailure()) return;
        }
}

// --- Resampling ---------------------------------------------------------------------------------------------------------------------

struct Resampling {
  const char* name;
  InterpolateForward *reference, *cuda;
  InterpolateBackward *reference_backward, *cuda_backward;
  bool linear;
};
const Resampling kResamplings[] = {
    {"nearest", reference::nearest2d_forward, cuda::nearest2d_forward, reference::nearest2d_backward, cuda::nearest2d_backward,
     false},
    {"bilinear", reference::bilinear2d_forward, cuda::bilinear2d_forward, reference::bilinear2d_backward,
     cuda::bilinear2d_backward, true},
};

TEST(CudaInterpolate, MatchesReference) {
  TESSERA_NEEDS_GPU();
  for (const Resampling& method : kResamplings)
    for (ScalarType type : kFloatingTypes)
      for (const Sizes& sizes : kImages)
        for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
                 {2 * sizes[2], 2 * sizes[3]}, {1, 1}, {sizes[2], sizes[3]}, {5, 7}, {37, 61}, {4, 50}})
          for (bool align_corners : {false, true})
            for (const ImageMemory& memory : kImageMemories) {
              if (align_corners && !method.linear) continue;
              const Sizes large = {sizes[0], sizes[1], height, width};
              const InterpolateParams params{align_corners, static_cast<double>(sizes[2]) / static_cast<double>(height),
                                             static_cast<double>(sizes[3]) / static_cast<double>(width)};
              const StridedBuffer in = in_memory(type, sizes, memory), g = in_memory(type, large, memory);
              const StridedBuffer want = in_memory(type, large, memory), got = in_memory(type, large, memory);
              const StridedBuffer want_grad = in_memory(type, sizes, memory), got_grad = in_memory(type, sizes, memory);
              in.fill_random(1, -1, 1), g.fill_random(2, -1, 1);
              method.reference(want.view, in.view, params);
              method.reference_backward(want_grad.view, g.view, params);
              const OnDevice at{&in, &g, &got, &got_grad};
              method.cuda(at(got.view), at(in.view), params);
              method.cuda_backward(at(got_grad.view), at(g.view), params);
              at.fetch();
              const std::string what = std::string(method.name) + " " + describe(type, sizes, memory, large) + " align " +
                                       std::to_string(align_corners);
              // Source positions are below 32 and rounded twice; the gradient sums up to `reach` terms.
              const double position = 64 * epsilon(arithmetic_type(type)),
                           reach = 4 * static_cast<double>(height * width) / static_cast<double>(sizes[2] * sizes[3]) + 4;
              expect_close(got, want, scaled(method.linear ? 4 * position + 2 * epsilon(type) : 0), what);
              expect_close(got_grad, want_grad, scaled(reach * (position + epsilon(arithmetic_type(type))) + epsilon(type)),
                           what + " gradient");
              if (HasFatalFailure()) return;
            }
}

TEST(CudaInterpolate, ScaleFactorsThatSkipPixels) {
  TESSERA_NEEDS_GPU();
  for (const Resampling& method : kResamplings)
    for (double scale : {0.3, 0.5, 2.7, 4.0}) {
      const StridedBuffer in(kFloat64, {1, 2, 23, 31}), g(kFloat64, {1, 2, 17, 19});
      const StridedBuffer want(kFloat64, {1, 2, 17, 19}), got(kFloat64, {1, 2, 17, 19}), want_grad(kFloat64, {1, 2, 23, 31}),
          got_grad(kFloat64, {1, 2, 23, 31});
      in.fill_random(1, -1, 1), g.fill_random(2, -1, 1);
      const InterpolateParams params{false, scale, scale};
      method.reference(want.view, in.view, params);
      method.reference_backward(want_grad.view, g.view, params);
      const OnDevice at{&in, &g, &got, &got_grad};
      method.cuda(at(got.view), at(in.view), params);
      method.cuda_backward(at(got_grad.view), at(g.view), params);
      at.fetch();
      expect_close(got, want, scaled(1e-13), method.name);
      expect_close(got_grad, want_grad, scaled(1e-12), method.name);
    }
}

}  // namespace
}  // namespace tessera::kernels
