// What the op of batch normalisation does on a GPU alone: the fused end of a residual block, and gradients that are slices.
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"
#include "tests/support/on_device.h"

namespace tessera {
namespace {

using namespace testing_support;

// Runs f on leaves of the given values, once on the CPU and once on the GPU, and compares output and gradients for a cotangent.
template <class F> void expect_same_on_both(const TensorList& values, F&& f) {
  TensorList results[2];
  for (const bool gpu : {false, true}) {
    TensorList leaves;
    for (const Tensor& v : values) leaves.push_back((gpu ? v.detach().cuda() : v.detach().clone()).requires_grad_());
    const Tensor out = f(leaves);
    out.backward(hashed(out.sizes(), 99).detach().to(out.device()));
    results[gpu].push_back(out.detach().cpu());
    for (const Tensor& leaf : leaves) results[gpu].push_back(leaf.grad().cpu());
  }
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_LE(difference(results[0][i], results[1][i]), 1e-12) << "result " << i;
}

TEST(CudaNormOp, TheEndOfAResidualBlock) {
  TESSERA_NEEDS_GPU();
  for (const MemoryFormat format : {kContiguous, kChannelsLast})
    for (const bool training : {true, false})
      expect_same_on_both({hashed({2, 16, 5, 6}, 1, format), hashed({2, 16, 5, 6}, 2, format), hashed({16}, 3), hashed({16}, 4)},
                          [&](const TensorList& in) {
                            const TensorOptions options = in[0].options().requires_grad(false);
                            return batch_norm_add_relu(in[0], in[1], in[2], in[3], zeros({16}, options), ones({16}, options),
                                                       training, 0.1, 1e-5);
                          });
}

// The gradient of the first half of a channels-last cat has gaps between its pixels.
TEST(CudaNormOp, GradientOfASlice) {
  TESSERA_NEEDS_GPU();
  for (const MemoryFormat format : {kContiguous, kChannelsLast})
    expect_same_on_both({hashed({2, 8, 6, 4}, 1, format), hashed({2, 8, 6, 4}, 2, format)}, [&](const TensorList& in) {
      return cat({batch_norm_relu(in[0], {}, {}, {}, {}, true, 0.1, 1e-5), batch_norm(in[1], {}, {}, {}, {}, true, 0.1, 1e-5)},
                 1);
    });
}

}  // namespace
}  // namespace tessera
