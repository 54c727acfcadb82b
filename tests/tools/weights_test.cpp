#include "tools/weights.h"

#include "core/ops.h"
#include "models/registry.h"
#include "nn/serialize/state_dict.h"
#include "tests/support/numbers.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using data::contains;
using testing_support::numbers;

nn::AnyModule unet(int64_t classes) {
  return models::make_model("unet", {.num_classes = classes, .settings = {{"feature_scale", "16"}}});
}

class WeightsTest : public testing::Test {
 protected:
  std::string save(const NamedTensors& tensors) const {
    save_weights(folder_ / "w.safetensors", {.format = "", .tensors = tensors, .metadata = {}, .left_out = {}});
    return folder_ / "w.safetensors";
  }
  data::TemporaryFolder folder_;
};

TEST_F(WeightsTest, AllOrNothing) {
  manual_seed(1);
  const nn::AnyModule a = unet(3), b = unet(3), other = unet(5);
  NamedTensors state = nn::state_dict(*a.ptr());
  EXPECT_TRUE(contains(take_weights(*b.ptr(), "unet", save(state), false), "all "));
  for (size_t i = 0; i < state.size(); ++i) EXPECT_EQ(numbers(nn::state_dict(*b.ptr())[i].second), numbers(state[i].second));
  const std::vector<double> before = numbers(nn::state_dict(*other.ptr())[0].second);
  try {
    take_weights(*other.ptr(), "unet", save(state), false);
    ADD_FAILURE() << "five classes are not three";
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with((folder_ / "w.safetensors").string())) << message;
    EXPECT_TRUE(contains(message, "final.weight ([3, 4, 1, 1] given, [5, 4, 1, 1] wanted)")) << message;
    EXPECT_TRUE(contains(message, "--partial")) << message;
  }
  EXPECT_EQ(numbers(nn::state_dict(*other.ptr())[0].second), before) << "nothing was taken";
}

TEST_F(WeightsTest, PartialTakesWhatFitsAndListsTheRest) {
  manual_seed(2);
  const nn::AnyModule a = unet(3), b = unet(5);
  NamedTensors state = nn::state_dict(*a.ptr());
  const auto missing = state[0];
  state.erase(state.begin());
  state.emplace_back("head\x1b.weight", ones({2}));
  const std::vector<double> final_before = numbers(b.ptr()->named_parameters()["final.weight"]);
  const std::string report = take_weights(*b.ptr(), "unet", save(state), true);
  EXPECT_TRUE(
      contains(report, "not taken, of another shape (2): final.weight [3, 4, 1, 1] for [5, 4, 1, 1], final.bias [3] for [5]"))
      << report;
  EXPECT_TRUE(contains(report, "not taken, the network has none (1): head?.weight")) << report;
  EXPECT_TRUE(contains(report, "as initialised, the file has none (1): " + missing.first)) << report;
  EXPECT_EQ(numbers(b.ptr()->named_parameters()["final.weight"]), final_before);
  EXPECT_EQ(numbers(nn::state_dict(*b.ptr())[1].second), numbers(state[0].second));
  EXPECT_THROW(take_weights(*b.ptr(), "unet", save({{"x", ones({1})}}), true), FileError);
}

TEST_F(WeightsTest, OldFilesLackTheCountOfBatches) {
  const nn::AnyModule a = unet(3);
  NamedTensors state = nn::state_dict(*a.ptr());
  std::erase_if(state, [](const auto& t) { return t.first.ends_with("num_batches_tracked"); });
  ASSERT_LT(state.size(), nn::state_dict(*a.ptr()).size());
  EXPECT_NO_THROW(take_weights(*a.ptr(), "unet", save(state), false));
}

// torchvision's ResNet-18, whose names models::make_model("resnet18") has, as the backbone of a dense network.
TEST_F(WeightsTest, ABackboneLoadsByTorchvisionsNames) {
  manual_seed(3);
  const nn::AnyModule resnet = models::make_model("resnet18", {.num_classes = 10});
  const nn::AnyModule fcn = models::make_model("fcn_resnet18", {.num_classes = 4});
  const std::string report = take_weights(*fcn.ptr(), "fcn_resnet18", save(nn::state_dict(*resnet.ptr())), true);
  EXPECT_TRUE(contains(report, "not taken, the network has none (2): fc.weight, fc.bias")) << report;
  EXPECT_EQ(numbers(fcn.ptr()->named_parameters()["0.weight"]), numbers(resnet.ptr()->named_parameters()["conv1.weight"]));
}

using WeightsCommand = CommandTest;

TEST_F(WeightsCommand, TrainStartsFromAFileOfAnotherClassCount) {
  const nn::AnyModule a =
      models::make_model("unet", {.num_classes = 12, .settings = {{"feature_scale", "16"}, {"is_deconv", "true"}}});
  save_weights(folder("w.pth"), {.format = "", .tensors = nn::state_dict(*a.ptr()), .metadata = {}, .left_out = {}});
  expect_error(tessera(kTiny + "-e 1 -o run --weights w.pth"), 1, {"w.pth", "final.weight", "--partial"});
  expect_error(tessera(kTiny + "-e 1 -o run --partial"), 2, {"--partial", "--weights"});
  const Result run = tessera(kTiny + "-e 1 -o run --weights w.pth --partial");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(contains(run.out, "not taken, of another shape (2): final.weight")) << run.out;
  const Result resumed = tessera("train --resume -o run");  // the checkpoint's weights, not the file's
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_FALSE(contains(resumed.out, "weights from")) << resumed.out;
}

}  // namespace
}  // namespace tessera::tools
