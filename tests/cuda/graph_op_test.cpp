// What a CUDA graph cannot hold is refused while it is recorded, and what lives from replay to replay lies outside of it.
#include <gtest/gtest.h>

#include <functional>

#include "core/autocast.h"
#include "core/cuda_graph.h"
#include "core/ops.h"
#include "core/random.h"
#include "nn/ema.h"
#include "nn/layers/linear.h"
#include "tests/support/message_of.h"
#include "tests/support/on_device.h"

namespace tessera {
namespace {

using testing_support::message_of;

struct Refusal {
  const char* name;
  const char* says;
  std::function<void(const Tensor&)> work;  // on 3 numbers on the GPU
};

class GraphRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(GraphRefuses, WhileItIsRecorded) {
  TESSERA_NEEDS_GPU();
  const Tensor x = full({3}, 2.0, kCUDA);
  cuda::CUDAGraph graph;
  const std::string message = message_of<DeviceError>([&] { graph.capture([&] { GetParam().work(x * 2); }); });
  EXPECT_TRUE(message.starts_with(GetParam().says)) << message;
  EXPECT_NE(message.find("a CUDA graph is being recorded"), std::string::npos) << message;
  EXPECT_THROW(graph.replay(), ValueError);
  EXPECT_EQ(x.sum().item<double>(), 6) << "the device is not usable afterwards";
  EXPECT_NO_THROW(zeros({3}).pin_memory().to(kCUDA, /*non_blocking=*/true)) << "pinned memory is not usable afterwards";
}

std::vector<Refusal> refusals() {
  return {{"Item", "item:", [](const Tensor& x) { x.sum().item(); }},
          {"Comparison", "item:", [](const Tensor& x) { (void)x.equal(x); }},
          {"CopyToHost", "to:", [](const Tensor& x) { x.cpu(); }},
          {"CopyFromHost", "to:", [](const Tensor&) { zeros({3}).to(kCUDA); }},
          {"CopyFromPinnedMemory", "to:", [](const Tensor&) { zeros({3}).pin_memory().to(kCUDA, /*non_blocking=*/true); }},
          {"CopyIntoHostTensor", "copy_:", [](const Tensor& x) { zeros({3}).copy_(x); }},
          {"CopyIntoPinnedTensor", "copy_:", [](const Tensor& x) { zeros({3}).pin_memory().copy_(x, /*non_blocking=*/true); }},
          {"CopyFromHostTensor", "copy_:", [](const Tensor& x) { x.copy_(zeros({3})); }},
          {"Bytes", "copy_bytes:",
           [](const Tensor& x) {
             const float number = 1;
             kernels::cuda::copy_bytes(x.data_ptr(), &number, sizeof(number));
           }},
          {"Synchronize", "synchronize:", [](const Tensor&) { cuda::synchronize(); }},
          {"StreamSynchronize", "Stream::synchronize:", [](const Tensor&) { cuda::current_stream().synchronize(); }},
          {"EventSynchronize", "Event::synchronize:", [](const Tensor&) { cuda::Event().synchronize(); }},
          {"OtherGenerator", "random:",
           [](const Tensor&) {
             Generator own(3);
             rand({3}, own, kCUDA);
           }},
          {"AverageOfWeights", "EMA::update:", [](const Tensor&) { nn::EMA(*nn::Linear(2, 2)).update(); }}};
}

INSTANTIATE_TEST_SUITE_P(, GraphRefuses, testing::ValuesIn(refusals()), [](const auto& info) { return info.param.name; });

// Conversions that autocast keeps are of one side: those from before are no part of a replay, a recording's hold nothing yet.
TEST(GraphAutocast, ConvertedWeightsFollowTheWeights) {
  TESSERA_NEEDS_GPU();
  const Tensor x = ones({64, 64}, kCUDA), weight = full({64, 64}, 1.0, kCUDA).requires_grad_();
  const AutocastGuard guard(kCUDA);
  EXPECT_EQ(matmul(x, weight).sum().item<double>(), 64.0 * 64 * 64);
  Tensor y;
  cuda::CUDAGraph graph;
  graph.capture([&] { y = matmul(x, weight).sum(); });
  EXPECT_EQ(matmul(x, weight).sum().item<double>(), 64.0 * 64 * 64);
  weight.detach().fill_(2);
  graph.replay();
  EXPECT_EQ(y.item<double>(), 2.0 * 64 * 64 * 64);
}

}  // namespace
}  // namespace tessera
