// Losses, schedules, freezing, averages, early stopping and stages, as the flags name them.
#include <cmath>
#include <numbers>

#include "core/ops.h"
#include "core/random.h"
#include "nn/optim/sgd.h"
#include "nn/serialize/safetensors.h"
#include "tests/support/numbers.h"
#include "tests/tools/event_reader.h"
#include "tests/tools/run_command.h"
#include "tools/checkpoint.h"
#include "tools/command.h"
#include "tools/schedule.h"
#include "tools/segmentation_loss.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;
using data::message_of;

TEST(LossByName, SumsWithFactors) {
  const std::vector<LossTerm> terms = parse_loss("ce + 0.5*dice+2*focal");
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[0].name, "ce");
  EXPECT_EQ(terms[0].weight, 1);
  EXPECT_EQ(terms[1].weight, 0.5);
  EXPECT_EQ(terms[2].name, "focal");
  for (const char* text : {"", "ce+", "0*ce", "-1*ce", "ce*0.5", "1*2*ce", "nan*ce", "x*ce"})
    EXPECT_TRUE(data::contains(message_of<UsageError>([&] { parse_loss(text); }), "--loss")) << text;
  EXPECT_TRUE(data::contains(message_of<UsageError>([] { parse_loss("ce+dize"); }), "Did you mean dice?"));

  manual_seed(1);
  const Tensor scores = randn({2, 3, 4, 5}), weights = tensor({1.0f, 0.5f, 2.0f});
  Tensor labels = full({2, 4, 5}, 255, kInt64);
  labels[0].fill_(1), labels[1][2].fill_(2);
  LossOptions options;
  options.loss = "ce+0.5*dice+2*focal";
  options.label_smoothing = 0.1;
  options.focal_gamma = 1.5;
  options.dice_beta = 2;
  const SegmentationLoss loss(options, 255, {1, 0.5f, 2}, kCPU);
  const double expected = cross_entropy(scores, labels, weights, kMean, 255, 0.1).item<double>() +
                          0.5 * dice_loss(scores, labels, 2, 1e-5, 255).item<double>() +
                          2 * focal_loss(scores, labels, weights, 0.5, 1.5, 255).item<double>();
  EXPECT_LE(std::abs(loss(scores, labels).item<double>() - expected), 4 * 0x1p-23 * expected);
  EXPECT_EQ(loss.weight(labels), 20 * 0.5 + 5 * 2);
}

// The rates of the first steps of a run of `epochs` epochs of `steps` steps at lr 1.
std::vector<double> rates(OptimizationOptions o, int64_t epochs, int64_t steps) {
  o.epochs = epochs;
  o.lr = 1;
  Tensor parameter = zeros({1}, requires_grad());
  optim::SGD optimizer({parameter}, optim::SGDOptions(1.0));
  Schedule schedule(optimizer, o, steps);
  std::vector<double> result;
  for (int64_t i = 0; i < epochs * steps; ++i) {
    result.push_back(optimizer.param_groups()[0].options().get_lr());
    schedule.after_step();
  }
  return result;
}

TEST(ScheduleByName, FollowsItsFormula) {
  OptimizationOptions o;
  o.schedule = "poly";
  o.lr_power = 0.5;
  std::vector<double> r = rates(o, 2, 4);
  for (size_t t = 0; t < 8; ++t) EXPECT_DOUBLE_EQ(r[t], std::sqrt(1 - t / 8.0)) << t;
  o.schedule = "cosine";
  o.warmup_epochs = 1;
  r = rates(o, 3, 4);
  for (size_t t = 0; t < 4; ++t) EXPECT_DOUBLE_EQ(r[t], (t + 1) / 4.0) << t;
  for (size_t t = 4; t < 12; ++t) EXPECT_DOUBLE_EQ(r[t], (1 + std::cos(std::numbers::pi * (t - 4) / 8.0)) / 2) << t;
  o.schedule = "step";
  o.warmup_epochs = 0;
  o.lr_step_size = 2;
  o.lr_gamma = 0.25;
  r = rates(o, 5, 2);
  EXPECT_EQ(r, (std::vector<double>{1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25, 0.0625, 0.0625}));
  o.schedule = "none";
  EXPECT_EQ(rates(o, 1, 3), (std::vector<double>{1, 1, 1}));
}

using Recipe = CommandTest;

// The tensors of a checkpoint whose names start so.
NamedTensors with_prefix(const fs::path& file, const std::string& prefix) {
  NamedTensors result;
  for (const auto& item : load_safetensors(file.string()).tensors)
    if (item.first.starts_with(prefix)) result.push_back(item);
  return result;
}

TEST_F(Recipe, FrozenPartsStayAsTheyWere) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o first").code, 0);
  const Result run = tessera(kTiny + "-e 1 --weights first/last.safetensors --freeze conv1 --freeze conv2. --seed 1 -o run");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("of them trained"), std::string::npos);
  for (const char* part : {"conv1.", "conv2.", "conv3."}) {
    const NamedTensors before = with_prefix(folder("first/last.safetensors"), part);
    const NamedTensors after = with_prefix(folder("run/last.safetensors"), part);
    ASSERT_EQ(before.size(), after.size());
    ASSERT_GT(before.size(), 4u);  // the batch norms' statistics, too
    bool same = true;
    for (size_t i = 0; i < before.size(); ++i)
      same = same && testing_support::numbers(before[i].second) == testing_support::numbers(after[i].second);
    EXPECT_EQ(same, part != std::string("conv3.")) << part;
  }
  expect_error(tessera(kTiny + "--freeze encoder -o run"), 2, {"--freeze", "'encoder'", "conv1"});
  expect_error(tessera(kTiny + "--freeze c --freeze up --freeze final -o run"), 2, {"--freeze", "all parameters"});
}

TEST_F(Recipe, TheAverageIsWhatIsSavedForPredict) {
  ASSERT_EQ(tessera(kTiny + "-e 2 --ema 0.5 -o run").code, 0);
  const Checkpoint c = load_checkpoint(folder("run/last.safetensors"));
  EXPECT_EQ(c.ema_updates, 12);
  ASSERT_EQ(c.trained.size(), c.model.size());
  EXPECT_NE(testing_support::numbers(c.model[0].second), testing_support::numbers(c.trained[0].second));
  EXPECT_EQ(tessera("predict -m run/last.safetensors -i run/scenes -o p").code, 0);
  EXPECT_EQ(tessera(kTiny + "-e 1 --weights run/last.safetensors -o next").code, 0);
}

TEST_F(Recipe, StopsEarlyAndGoesOnWithMorePatience) {
  // A rate of next to nothing: each validation is the first again.
  const Result run = tessera(kTiny + "-e 9 --optimizer sgd --lr 1e-30 --schedule none --no-batchnorm --patience 2 -o run");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("Stopped early: 2 validations"), std::string::npos) << run.out;
  EXPECT_EQ(load_checkpoint(folder("run/last.safetensors")).progress.history.size(), 3u);
  ASSERT_EQ(tessera("train --resume -o run --patience 3").code, 0);
  EXPECT_EQ(load_checkpoint(folder("run/last.safetensors")).progress.history.size(), 4u);
}

TEST_F(Recipe, EventsHaveTheUsualTags) {
  ASSERT_EQ(tessera(kTiny + "-e 2 --log-every 4 --val-every 2 -o run").code, 0);
  const std::vector<std::string> tags = logged(folder("run"));
  for (const char* tag : {"train/loss 4", "train/loss 8", "train/loss 12", "lr 6", "lr 12", "val/loss 12", "val/mIoU 12",
                          "IoU/background 12", "val/pred 12", "final.weight 12"})
    EXPECT_EQ(std::count(tags.begin(), tags.end(), tag), 1) << tag;
  EXPECT_EQ(std::count(tags.begin(), tags.end(), "val/loss 6"), 0);
  ASSERT_EQ(tessera(kTiny + "-e 1 --no-tensorboard -o quiet").code, 0);
  EXPECT_TRUE(logged(folder("quiet")).empty());
}

TEST_F(Recipe, TwoStages) {
  const Result run = tessera(kTiny + "-e 1 --two-stage --stage-epochs 2 --class-weights 1,1,1,1,1,1,2 -o run");
  ASSERT_EQ(run.code, 0) << run.err;
  const Checkpoint first = load_checkpoint(folder("run/stage1/last.safetensors"));
  EXPECT_EQ(first.classes.names, (std::vector<std::string>{"background", "foreground"}));
  EXPECT_EQ(first.progress.epoch, 2);
  const Checkpoint second = load_checkpoint(folder("run/last.safetensors"));
  EXPECT_EQ(second.classes.num_classes(), 7);
  EXPECT_EQ(second.progress.epoch, 1);
  EXPECT_NE(run.out.find("not taken, of another shape (2): final.weight"), std::string::npos) << run.out;
  expect_error(tessera(kTiny + "--two-stage --background 7 -o x"), 2, {"--background", "7"});
}

TEST_F(Recipe, ClassWeightsAreCheckedAndBounded) {
  expect_error(tessera(kTiny + "-e 1 --class-weights 1,2 -o run"), 2, {"--class-weights", "2 numbers for 7 classes"});
  expect_error(tessera(kTiny + "-e 1 --class-weights 1,x -o run"), 2, {"--class-weights", "'x'"});
  ASSERT_EQ(tessera(kTiny + "-e 1 --class-weights median --class-weights-max 0.5 -o bounded").code, 0);
  ASSERT_EQ(tessera(kTiny + "-e 1 --class-weights median -o free").code, 0);
  EXPECT_NE(read_text(folder("bounded/metrics.csv")), read_text(folder("free/metrics.csv")));
}

}  // namespace
}  // namespace tessera::tools
