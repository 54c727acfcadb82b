// Training steps replayed as CUDA graphs: N of them leave the bits of N steps as they are, in all networks that `tessera bench` knows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/ops.h"
#include "core/random.h"
#include "models/registry.h"
#include "nn/nn.h"
#include "tests/support/message_of.h"
#include "tests/support/on_device.h"
#include "tools/precision.h"
#include "tools/train_step.h"

namespace tessera::tools {
namespace {

constexpr int64_t kClasses = 5, kIgnored = 4;

// [count, 3, size, size] pictures in host memory, and labels that follow from them; some are ignored.
data::Batch batch_of(int64_t count, int64_t size, int number) {
  Generator generator(static_cast<uint64_t>(number));
  const Tensor images = randn({count, 3, size, size}, generator);
  const Tensor labels = (images.select(1, 0) * 2 + 2).clamp(0, kIgnored).to(kInt64);
  return {images.contiguous(kChannelsLast), labels, {}};
}

struct Recipe {
  const char* name;
  const char* model;
  std::map<std::string, std::string> settings;
  OptimizationOptions optimization;
  LossOptions loss;
  std::string precision = "bf16";
};

OptimizationOptions optimization(const char* optimizer) {
  OptimizationOptions o;
  o.epochs = 4;
  o.optimizer = optimizer;
  o.lr = 1e-3;
  return o;
}

nn::AnyModule make_network(const Recipe& recipe) {
  manual_seed(7);
  return models::make_model(recipe.model, {.num_classes = kClasses, .settings = recipe.settings});
}

NamedTensors copies(NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().clone();
  return tensors;
}

// A training run on small pictures; its schedule changes the rate with each step.
class Training {
 public:
  Training(const Recipe& recipe, bool cuda_graph) : Training(make_network(recipe), recipe, cuda_graph) {}
  Training(const nn::AnyModule& network, const Recipe& recipe, bool cuda_graph)
      : network_(on_gpu(network)),
        loss_(recipe.loss, kIgnored, parse_class_weights(recipe.loss.class_weights), kCUDA),
        optimization_(*network_.ptr(), recipe.optimization, /*steps_per_epoch=*/5),
        step_(network_, loss_, optimization_, {kCUDA, recipe.precision, cuda_graph}) {
    use_precision(recipe.precision);
  }
  ~Training() { use_precision("fp32"); }

  void train(const data::Batch& batch) { EXPECT_TRUE(step_.run(batch, 1, ++number_)); }
  // Steps `from` to `to` on pictures of one size.
  void train(int from, int to) {
    for (int i = from; i < to; ++i) train(batch_of(2, 64, i));
  }
  // The losses since the last call.
  std::vector<double> losses() {
    RunningMean mean;
    return step_.collect(mean, /*all=*/true);
  }
  size_t graphs() const { return step_.graphs(); }

  Checkpoint save() const {
    Checkpoint checkpoint;
    optimization_.save(checkpoint);
    checkpoint.model = copies(checkpoint.model);
    checkpoint.trained = copies(checkpoint.trained);
    checkpoint.generator_offset = default_generator().offset();
    return checkpoint;
  }
  void load(const Checkpoint& checkpoint) {
    optimization_.load(checkpoint, "a checkpoint");
    default_generator().set_state(default_generator().seed(), checkpoint.generator_offset);
  }

 private:
  static nn::AnyModule on_gpu(nn::AnyModule network) {
    network.ptr()->to(kCUDA);
    network.ptr()->to(kChannelsLast);
    return network;
  }

  nn::AnyModule network_;
  SegmentationLoss loss_;
  Optimization optimization_;
  TrainStep step_;
  int64_t number_ = 0;
};

void expect_equal(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
}

// Weights, running statistics, averages and optimizer states, with their numbers.
void expect_equal(const Checkpoint& a, const Checkpoint& b) {
  expect_equal(a.model, b.model);
  expect_equal(a.trained, b.trained);
  expect_equal(a.optimizer_tensors, b.optimizer_tensors);
  EXPECT_EQ(a.optimizer, b.optimizer);
  EXPECT_EQ(a.schedule, b.schedule);
  EXPECT_EQ(a.ema_updates, b.ema_updates);
  EXPECT_EQ(a.generator_offset, b.generator_offset);
}

struct Outcome {
  std::vector<double> losses;
  Checkpoint state;
};

class GraphTraining : public testing::TestWithParam<Recipe> {
 protected:
  static constexpr int kMiddle = 5, kSteps = 8;
};

TEST_P(GraphTraining, HasTheBitsOfStepsAsTheyAre) {
  TESSERA_NEEDS_GPU();
  std::vector<Outcome> outcomes;
  for (const bool graph : {false, true}) {
    Training run(GetParam(), graph);
    run.train(0, kSteps);
    EXPECT_EQ(run.graphs(), graph ? 1 : 0);
    outcomes.push_back({run.losses(), run.save()});
  }
  EXPECT_EQ(outcomes[0].losses, outcomes[1].losses);
  EXPECT_NE(outcomes[0].losses.front(), outcomes[0].losses.back());
  expect_equal(outcomes[0].state, outcomes[1].state);
}

TEST_P(GraphTraining, GoesOnFromTheMiddle) {
  TESSERA_NEEDS_GPU();
  Training run(GetParam(), true);
  run.train(0, kMiddle);
  const Checkpoint middle = run.save();
  run.train(kMiddle, kSteps);
  const Checkpoint end = run.save();
  run.load(middle);  // into what its graph works on
  run.train(kMiddle, kSteps);
  expect_equal(end, run.save());

  Training other(GetParam(), true);
  other.load(middle);
  other.train(kMiddle, kSteps);
  expect_equal(end, other.save());
  EXPECT_EQ(other.graphs(), 1);
}

std::vector<Recipe> recipes() {
  const std::map<std::string, std::string> up = {{"feature_scale", "16"}, {"is_deconv", "true"}},
                                           bilinear = {{"feature_scale", "16"}, {"is_deconv", "false"}};
  const OptimizationOptions adamw = optimization("adamw"), sgd = optimization("sgd");
  std::vector<Recipe> all = {{"ResNet18AdamW", "fcn_resnet18", {}, adamw, {}},
                             {"ResNet18Sgd", "fcn_resnet18", {}, sgd, {}, "tf32"},
                             {"Vgg16AdamW", "fcn_vgg16", {}, adamw, {}},
                             {"Vgg16Sgd", "fcn_vgg16", {}, sgd, {}, "tf32"},
                             {"UNetDeconvAdamW", "unet", up, adamw, {}},
                             {"UNetDeconvSgd", "unet", up, sgd, {}, "tf32"},
                             {"UNetBilinearAdamW", "unet", bilinear, adamw, {}},
                             {"UNetBilinearSgd", "unet", bilinear, sgd, {}, "fp32"}};
  Recipe everything{"EverySetting", "unet", bilinear, adamw, {}, "fp32"};
  everything.optimization.clip_grad = 0.5;
  everything.optimization.ema = 0.9;
  everything.loss.loss = "ce+0.5*focal";
  everything.loss.class_weights = "1,2,0.5,3,1";
  everything.loss.label_smoothing = 0.1;
  all.push_back(everything);
  return all;
}

INSTANTIATE_TEST_SUITE_P(, GraphTraining, testing::ValuesIn(recipes()), [](const auto& info) { return info.param.name; });

const Recipe kSmall{"Small", "unet", {{"feature_scale", "32"}}, optimization("adamw"), {}, "fp32"};

TEST(GraphTrainingStep, FourSizesOfBatchHaveGraphs) {
  TESSERA_NEEDS_GPU();
  std::vector<Outcome> outcomes;
  for (const bool graph : {false, true}) {
    Training run(kSmall, graph);
    for (int i = 0; i < 18; ++i) run.train(batch_of(1 + i % 2, 32 + 16 * (i % 3), i));  // six sizes, in turn
    EXPECT_EQ(run.graphs(), graph ? TrainStep::kMostGraphs : 0);
    outcomes.push_back({run.losses(), run.save()});
  }
  EXPECT_EQ(outcomes[0].losses, outcomes[1].losses);
  expect_equal(outcomes[0].state, outcomes[1].state);
}

// Batch norm without a momentum divides by the number of batches, which the host reads from the device.
TEST(GraphTrainingStep, OneThatCannotBeRecordedRunsAsItIs) {
  TESSERA_NEEDS_GPU();
  std::vector<Outcome> outcomes;
  for (const bool graph : {false, true}) {
    manual_seed(7);
    const nn::Sequential network(nn::Conv2d(nn::Conv2dOptions(3, 8, 3).padding(1)),
                                 nn::BatchNorm2d(nn::BatchNormOptions(8).momentum(std::nullopt)),
                                 nn::Conv2d(nn::Conv2dOptions(8, kClasses, 1)));
    Training run(nn::AnyModule(network), kSmall, graph);
    testing::internal::CaptureStderr();
    run.train(0, 6);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), graph ? 1 : 0) << said;
    EXPECT_EQ(said.find("item: a CUDA graph is being recorded") != std::string::npos, graph) << said;
    EXPECT_EQ(run.graphs(), 0);
    outcomes.push_back({run.losses(), run.save()});
  }
  EXPECT_EQ(outcomes[0].losses, outcomes[1].losses);
  expect_equal(outcomes[0].state, outcomes[1].state);
}

TEST(GraphTrainingStep, WhatIsWrongInAReplayIsReported) {
  TESSERA_NEEDS_GPU();
  for (const bool graph : {false, true}) {
    Training run(kSmall, graph);
    run.train(0, 4);
    const Checkpoint before = run.save();
    data::Batch batch = batch_of(2, 64, 4);
    batch.images.select(0, 1).fill_(NAN);
    run.train(batch);
    const std::string message = testing_support::message_of<ValueError>([&] { run.losses(); });
    EXPECT_NE(message.find("the loss is nan in epoch 1, batch 5"), std::string::npos) << message;
    autograd::set_detect_anomaly(false);  // which the explanation has turned on
    const Checkpoint after = run.save();
    expect_equal(before.optimizer_tensors, after.optimizer_tensors);
    for (size_t k = 0; k < before.model.size(); ++k) {
      const auto& [name, value] = before.model[k];
      const bool is_parameter = name.ends_with("weight") || name.ends_with("bias");
      EXPECT_TRUE(!is_parameter || value.equal(after.model[k].second)) << name;
    }
  }
  Training run(kSmall, true);
  run.train(0, 4);
  data::Batch batch = batch_of(2, 64, 4);
  batch.labels.select(0, 1).fill_(77);
  run.train(batch);
  EXPECT_NE(testing_support::message_of<IndexError>([&] { run.losses(); }).find("target 77"), std::string::npos);
}

}  // namespace
}  // namespace tessera::tools
