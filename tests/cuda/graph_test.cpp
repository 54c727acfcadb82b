// CUDA graphs: recorded work gives the bits of the work itself.
#include "core/cuda_graph.h"

#include <gtest/gtest.h>

#include "core/allocator.h"
#include "core/autocast.h"
#include "core/ops.h"
#include "core/random.h"
#include "models/unet.h"
#include "nn/nn.h"
#include "nn/optim/adam.h"
#include "nn/optim/lr_scheduler.h"
#include "tests/support/on_device.h"

namespace tessera {
namespace {

TEST(CudaGraph, ReplaysOnNewInputs) {
  TESSERA_NEEDS_GPU();
  const Tensor x = full({1000}, 1, kCUDA);
  Tensor y;
  cuda::CUDAGraph graph;
  graph.capture([&] { y = x * 2 + 1; });
  const Tensor bystander = full({1000}, 7, kCUDA);  // must not get memory that a replay writes
  for (double value : {3.0, -1.0}) {
    x.fill_(value);
    graph.replay();
    EXPECT_EQ(y.cpu().sum().item<double>(), 1000 * (2 * value + 1));
  }
  EXPECT_EQ(bystander.sum().item<double>(), 7000);
  EXPECT_THROW(cuda::CUDAGraph().replay(), ValueError);
}

TEST(CudaGraph, KeepsItsScratchMemory) {
  TESSERA_NEEDS_GPU();
  const Tensor x = rand({1 << 20}, kCUDA);
  Tensor y;
  cuda::CUDAGraph graph;
  graph.capture([&] { y = (((x + 1) * 2 - 2) * 0.5).sum(); });
  empty_cache();
  std::vector<Tensor> others;
  for (int i = 0; i < 8; ++i) others.push_back(full({1 << 20}, 1.0 * i, kCUDA));
  graph.replay();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(others[static_cast<size_t>(i)].mean().item<double>(), i) << "a replay wrote over a tensor";
  EXPECT_EQ(y.item<float>(), (((x + 1) * 2 - 2) * 0.5).sum().item<float>());
}

TEST(CudaGraph, RandomNumbersGoOn) {
  TESSERA_NEEDS_GPU();
  const auto draw = [] { return rand({500}, kCUDA) + dropout(ones({500}, kCUDA), 0.5, true); };
  manual_seed(3);
  std::vector<Tensor> expected;
  for (int i = 0; i < 4; ++i) expected.push_back(draw().cpu());
  const uint64_t offset = default_generator().offset();
  manual_seed(3);
  Tensor y;
  cuda::CUDAGraph graph;
  EXPECT_TRUE(draw().cpu().equal(expected[0]));
  graph.capture([&] { y = draw(); });
  for (size_t i = 1; i < 4; ++i) {
    graph.replay();
    EXPECT_TRUE(y.cpu().equal(expected[i])) << "replay " << i;
  }
  EXPECT_EQ(default_generator().offset(), offset);
  manual_seed(4);
  EXPECT_THROW(graph.replay(), ValueError);
}

// Steps of a small U-Net in bfloat16 under AdamW and a changing rate; returns the losses and the parameters.
TensorList train(bool captured, double p, int steps) {
  manual_seed(11);
  const models::UNet network(models::UNetOptions().n_classes(4).feature_scale(16).is_deconv(true));
  network->to(kCUDA);
  network->to(kChannelsLast);
  optim::AdamW optimizer(network->parameters(), optim::AdamWOptions(1e-2));
  optim::OneCycleLR schedule(optimizer, 1e-2, 20);
  const Tensor images = empty({2, 3, 32, 32}, TensorOptions(kCUDA).memory_format(kChannelsLast));
  const Tensor labels = zeros({2, 32, 32}, TensorOptions(kCUDA).dtype(kInt64));
  Tensor loss;
  const auto step = [&] {
    optimizer.zero_grad();
    {
      const AutocastGuard guard(kCUDA);
      loss = cross_entropy(dropout(network(images), p, true), labels);
    }
    loss.backward();
    optimizer.step();
  };
  cuda::CUDAGraph graph;
  TensorList results;
  for (int i = 0; i < steps; ++i) {
    Generator data(static_cast<uint64_t>(i));
    images.copy_(randn({2, 3, 32, 32}, data));
    labels.copy_(images.cpu().select(1, 0).gt(0).to(kInt64));
    if (!captured || i == 0) {
      step();
    } else {
      if (i == 1) graph.capture(step);
      optimizer.advance();
      graph.replay();
    }
    schedule.step();
    results.push_back(loss.detach().cpu());
  }
  for (const Tensor& parameter : network->parameters()) results.push_back(parameter.detach().cpu());
  for (const Tensor& buffer : network->buffers()) results.push_back(buffer.cpu());
  return results;
}

TEST(CudaGraph, TrainingStepsHaveTheSameBits) {
  TESSERA_NEEDS_GPU();
  for (double p : {0.0, 0.3}) {
    const TensorList plain = train(false, p, 6), replayed = train(true, p, 6);
    ASSERT_EQ(plain.size(), replayed.size());
    for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(plain[i].equal(replayed[i])) << "result " << i << ", dropout " << p;
    EXPECT_LT(plain[5].item<float>(), plain[0].item<float>());
  }
}

TEST(CudaOptimizer, ManyParametersInOneLaunch) {
  TESSERA_NEEDS_GPU();
  TensorList here, there;
  for (int i = 0; i < 300; ++i) {  // more than one table holds, sizes around packs and chunks
    const int64_t n = i % 7 == 0 ? 5000 + i : 1 + i % 37;
    here.push_back(randn({n}).requires_grad_());
    there.push_back(here.back().detach().cuda().requires_grad_());
    here.back().mutable_grad() = randn({n});
    there.back().mutable_grad() = here.back().grad().cuda();
  }
  optim::Adam on_cpu(here, optim::AdamOptions(0.1).amsgrad(true)), on_gpu(there, optim::AdamOptions(0.1).amsgrad(true));
  const Tensor flag = zeros({1}, TensorOptions(kCUDA).dtype(kBool));
  on_gpu.skip_where(flag);
  for (int step = 0; step < 3; ++step) {
    on_cpu.step();
    on_gpu.step();
  }
  for (size_t i = 0; i < here.size(); ++i) EXPECT_TRUE(there[i].detach().cpu().allclose(here[i].detach(), 1e-5, 1e-6)) << i;
  flag.fill_(1);
  const Tensor before = there[7].detach().clone();
  on_gpu.step();
  EXPECT_TRUE(there[7].detach().equal(before));
}

}  // namespace
}  // namespace tessera
