// What a CUDA graph cannot hold is refused while it is recorded, and what lives from replay to replay lies outside of it.
#include <gtest/gtest.h>

#include <functional>

#include "core/autocast.h"
#include "core/cuda_graph.h"
#include "core/ops.h"
#include "core/random.h"
#include "nn/ema.h"
#include "nn/layers/linear.h"
#include "nn/optim/adam.h"
#include "nn/optim/sgd.h"
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
          {"AverageOfWeights", "EMA::update:", [](const Tensor&) { nn::EMA(*nn::Linear(2, 2)).update(); }},
          {"FirstStepOfAnOptimizer", "step:", [](const Tensor& x) {
             const Tensor weight = x.detach().clone().requires_grad_();
             weight.mutable_grad() = ones_like(weight);
             optim::SGD({weight}, optim::SGDOptions(0.1)).step();
           }}};
}

INSTANTIATE_TEST_SUITE_P(, GraphRefuses, testing::ValuesIn(refusals()), [](const auto& info) { return info.param.name; });

// A weight w of which a step has the gradient w, in an optimizer that has made one step.
template <class Optimizer> class Problem {
 public:
  template <class Options> explicit Problem(const Options& options) : optimizer_({weight_}, options) { step(); }

  void step() {
    optimizer_.zero_grad();
    (weight_ * weight_).sum().mul(0.5).backward();
    optimizer_.step();
  }
  void capture() {
    graph_.capture([&] {
      (weight_.detach() * 3).sum();  // takes memory of the graph and frees it before the optimizer's turn
      step();
    });
  }
  void replay() {
    optimizer_.advance();
    graph_.replay();
  }
  Optimizer& optimizer() { return optimizer_; }
  Tensor weight() const { return weight_.detach().cpu(); }

 private:
  const Tensor weight_ = full({64}, 2.0, kCUDA).requires_grad_();
  Optimizer optimizer_;
  cuda::CUDAGraph graph_;
};

TEST(GraphOptimizer, LoadedStateIsThatOfTheReplays) {
  TESSERA_NEEDS_GPU();
  Problem<optim::AdamW> plain(optim::AdamWOptions(0.1)), replayed(optim::AdamWOptions(0.1));
  const optim::OptimizerState state = plain.optimizer().state_dict();
  replayed.capture();
  for (int i = 0; i < 3; ++i) replayed.replay();
  EXPECT_FALSE(replayed.weight().equal(plain.weight()));
  replayed.optimizer().load_state_dict(state);
  replayed.optimizer().param_groups()[0].params()[0].detach().copy_(plain.weight());
  for (int i = 0; i < 3; ++i) {
    plain.optimizer().param_groups()[0].options().set_lr(0.01 * i);
    replayed.optimizer().param_groups()[0].options().set_lr(0.01 * i);
    plain.step();
    replayed.replay();
    EXPECT_TRUE(replayed.weight().equal(plain.weight())) << "step " << i;
  }
  EXPECT_TRUE(
      replayed.optimizer().state_dict().tensors.at("0.exp_avg").equal(plain.optimizer().state_dict().tensors.at("0.exp_avg")));
}

TEST(GraphOptimizer, StateThatAReplayCannotUseIsRefused) {
  TESSERA_NEEDS_GPU();
  Problem<optim::SGD> problem(optim::SGDOptions(0.1).momentum(0.9));
  const optim::OptimizerState state = problem.optimizer().state_dict();
  problem.capture();
  const Tensor before = problem.weight();
  EXPECT_THROW(problem.optimizer().load_state_dict({{}, state.numbers}), ValueError) << "the momentum's memory is the graph's";
  problem.replay();
  EXPECT_FALSE(problem.weight().equal(before)) << "not usable afterwards";

  Problem<optim::SGD> without(optim::SGDOptions(0.1));
  without.capture();
  without.optimizer().param_groups()[0].options().set("momentum", 0.9);
  EXPECT_NE(message_of<DeviceError>([&] { without.optimizer().advance(); }).find("momentum_buffer"), std::string::npos);
}

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
