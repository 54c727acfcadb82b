// CUDA random numbers are the reference's; optimizer steps agree with the reference's.
#include "kernels/random/random.h"

#include <gtest/gtest.h>

#include <functional>

#include "kernels/optimizer/optimizer.h"
#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

TEST(CudaRandom, SameNumbersAsTheReference) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kUInt8, kBool})
    for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{{0}, {1}, {3}, {4099}, {3, 5, 7, 9}})
      for (MemoryOrder order : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast, MemoryOrder::Spread}) {
        const StridedBuffer fast(type, sizes, order), slow(type, sizes);
        const OnDevice device{&fast};
        const uint64_t seed = 0x123456789ABCDEF0, offset = 77;
        if (is_floating_point(type)) {
          cuda::random_uniform(device(fast.view), seed, offset, -0.7, 1.9);
          reference::random_uniform(slow.view, seed, offset, -0.7, 1.9);
          device.fetch();
          expect_close(fast, slow, exactly, "uniform");
          cuda::random_normal(device(fast.view), seed, offset, 0.5, 2);
          reference::random_normal(slow.view, seed, offset, 0.5, 2);
          device.fetch();
          expect_close(fast, slow, scaled(type == kFloat32 || type == kFloat64 ? 16 * epsilon(type) : epsilon(type)), "normal");
        }
        if (type != kBool) {
          cuda::random_integers(device(fast.view), seed, offset, 3, 100);
          reference::random_integers(slow.view, seed, offset, 3, 100);
          device.fetch();
          expect_close(fast, slow, exactly, "integers");
        }
        cuda::random_bernoulli(device(fast.view), seed, offset, 0.3);
        reference::random_bernoulli(slow.view, seed, offset, 0.3);
        device.fetch();
        expect_close(fast, slow, exactly, "bernoulli");
        if (HasFatalFailure()) return;
      }
}

struct StepCase {
  const char* name;
  std::function<void(bool gpu, const View&, const View&, const View&, const View&, const View&)> step;  // p, a, b, c, g
};

template <class Step, class Params> auto with(Step* gpu_step, Step* cpu_step, const Params& params) {
  return [=](bool gpu, const View& p, const View& a, const View& b, const View& c, const View& g) {
    Step* step = gpu ? gpu_step : cpu_step;
    if constexpr (std::is_same_v<Step, AdamStep>) step(std::array{AdamTensors{p, a, b, c, g}}, params, {});
    else if constexpr (std::is_same_v<Step, RmspropStep>) step(std::array{RmspropTensors{p, a, b, c, g}}, params, {});
    else if constexpr (std::is_same_v<Step, SgdStep>) step(std::array{SgdTensors{p, a, g}}, params, {});
    else step(std::array{AdagradTensors{p, a, g}}, params, {});
  };
}

TEST(CudaOptimizer, MatchesReference) {
  TESSERA_NEEDS_GPU();
  const std::vector<StepCase> runs = {
      {"sgd", with(cuda::sgd_step, reference::sgd_step, SgdParams{.lr = 0.1, .weight_decay = 0.01})},
      {"sgd momentum", with(cuda::sgd_step, reference::sgd_step,
                            SgdParams{.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01, .nesterov = true})},
      {"sgd first", with(cuda::sgd_step, reference::sgd_step, SgdParams{.lr = 0.1, .momentum = 0.9, .first_step = true})},
      {"rmsprop", with(cuda::rmsprop_step, reference::rmsprop_step,
                       RmspropParams{.lr = 0.01, .alpha = 0.9, .eps = 1e-3, .momentum = 0.5, .centered = true})},
      {"adam", with(cuda::adam_step, reference::adam_step,
                    AdamParams{.lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.1, .amsgrad = true, .step = 3})},
      {"adamw", with(cuda::adam_step, reference::adam_step,
                     AdamParams{.lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.1, .decoupled = true})},
      {"adagrad", with(cuda::adagrad_step, reference::adagrad_step, AdagradParams{.lr = 0.1, .eps = 1e-3, .step = 2})}};
  for (const StepCase& run : runs)
    for (ScalarType type : {kFloat32, kFloat64, kBFloat16})
      for (int64_t n : {0, 1, 7, 1029})
        for (int layout = 0; layout < 2; ++layout) {
          std::vector<StridedBuffer> fast, slow;
          for (int k = 0; k < 5; ++k)
            for (auto* side : {&fast, &slow}) {
              side->emplace_back(type, std::vector<int64_t>{2, n}, layout == 0 ? std::vector<int>{0, 1} : std::vector<int>{1, 0},
                                 layout == 0 ? 1 : 2, /*shift=*/layout);
              side->back().fill_random(static_cast<unsigned>(k), k == 0 || k == 4 ? -1 : 2, k == 0 || k == 4 ? 1 : 3);
            }
          const OnDevice device{&fast[0], &fast[1], &fast[2], &fast[3], &fast[4]};
          run.step(true, device(fast[0].view), device(fast[1].view), device(fast[2].view), device(fast[3].view), device(fast[4].view));
          run.step(false, slow[0].view, slow[1].view, slow[2].view, slow[3].view, slow[4].view);
          device.fetch();
          for (size_t k = 0; k < 5; ++k)
            expect_close(fast[k], slow[k], scaled((type == kBFloat16 ? 1 : 16) * epsilon(type)), run.name);
          if (HasFatalFailure()) return;
        }
}

}  // namespace
}  // namespace tessera::kernels
