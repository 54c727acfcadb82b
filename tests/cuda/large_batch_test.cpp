// A large batch gives the bits of its parts. Some kernels go through long strips, rings in shared memory and several turns of a loop
// only on tensors that are too large for the reference, which the parts are compared with elsewhere.
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/on_device.h"

namespace tessera {
namespace {

using namespace testing_support;

Tensor repeated(const Tensor& part, int64_t times) { return cat(TensorList(static_cast<size_t>(times), part)); }

// f works on each picture by itself. Compares its output, and its gradient for one cotangent.
template <class F> void expect_bits_of_parts(const Tensor& part, int64_t times, const std::string& what, F&& f) {
  const Tensor small = part.detach().clone().requires_grad_(), large = repeated(part, times).detach().requires_grad_();
  const Tensor want = f(small), got = f(large);
  const Tensor cotangent = hashed(want.sizes(), 9).detach().to(kCUDA, want.dtype()).contiguous(kChannelsLast);
  want.backward(cotangent);
  got.backward(repeated(cotangent, times));
  EXPECT_TRUE(got.equal(repeated(want, times))) << what;
  EXPECT_TRUE(large.grad().equal(repeated(small.grad(), times))) << what << " gradient";
}

Tensor scores(ScalarType type, IntArrayRef sizes) { return hashed(sizes, 1).detach().to(kCUDA, type).contiguous(kChannelsLast); }

std::string name(const char* op, ScalarType type) { return std::string(op) + " " + to_string(type); }

// 1.6 million pixels: each warp takes several pieces of 32.
TEST(CudaLargeBatch, ClassesOfPixels) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kBFloat16, kFloat32})
    for (int64_t classes : {12, 21}) {
      const Tensor part = scores(type, {2, classes, 65, 97});
      expect_bits_of_parts(part, 128, name("log_softmax", type), [](const Tensor& x) { return log_softmax(x, 1); });
      const Tensor target = randint(classes, {2, 65, 97}, TensorOptions().device(kCUDA));
      expect_bits_of_parts(part, 128, name("cross_entropy", type), [&](const Tensor& x) {
        return cross_entropy(x, repeated(target, x.size(0) / 2), {}, kNone).unsqueeze(1);
      });
    }
}

// 31 million elements: each thread of a pass over the image takes more packs than it has on their way.
TEST(CudaLargeBatch, Images) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kBFloat16, kFloat32}) {
    const Tensor part = scores(type, {2, 64, 60, 64});
    const TensorOptions options = TensorOptions().device(kCUDA);
    const Tensor mean = full({64}, 0.25, options), var = full({64}, 0.5, options);
    expect_bits_of_parts(part, 64, name("batch_norm", type),
                         [&](const Tensor& x) { return batch_norm_relu(x, {}, {}, mean, var, false, 0.1, 1e-5); });
    expect_bits_of_parts(part, 64, name("max_pool2d", type), [](const Tensor& x) { return max_pool2d(x, 3, 2, 1); });
    expect_bits_of_parts(part, 64, name("upsample", type), [](const Tensor& x) {
      return upsample_bilinear2d(x, {120, 128}, true);
    });
  }
}

}  // namespace
}  // namespace tessera
