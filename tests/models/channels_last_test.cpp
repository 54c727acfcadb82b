// Channels-last from end to end: no layer of the networks, forward or backward, may convert the memory format on its way.
#include <gtest/gtest.h>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_profile.h"
#include "core/ops.h"
#include "models/registry.h"

namespace tessera::models {
namespace {

// Channels next to each other: a channels-last tensor, or a slice of its channels.
bool keeps_channels_together(const Tensor& x) {
  return x.dim() != 4 || x.size(1) == 1 || x.stride(1) == 1;
}

struct Case {
  std::string name;
  std::map<std::string, std::string> settings;
  int64_t height, width;
  int64_t concatenations = 0;  // each copies its two parts
};

class ChannelsLast : public testing::TestWithParam<bool> {};  // under autocast?

TEST_P(ChannelsLast, NothingIsConverted) {
  const Case cases[] = {{"unet", {{"feature_scale", "16"}, {"is_deconv", "true"}}, 32, 48, 4},
                        {"unet", {{"feature_scale", "16"}, {"is_deconv", "false"}}, 32, 48, 4},
                        {"fcn_resnet18", {}, 32, 64},
                        {"fcn_vgg16", {}, 32, 32}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const nn::AnyModule network = make_model(c.name, {.in_channels = 3, .num_classes = 5, .settings = c.settings});
    network.ptr()->to(kChannelsLast);
    const Tensor images = randn({2, 3, c.height, c.width}).contiguous(kChannelsLast);
    const Tensor labels = randint(5, {2, c.height, c.width});
    const KernelProfile profile;
    Tensor scores, loss;
    {
      const AutocastGuard guard(kCPU, kBFloat16, GetParam());
      scores = network.forward(images);
      loss = cross_entropy(scores, labels);
    }
    EXPECT_TRUE(scores.is_contiguous(kChannelsLast));
    // Each weight and bias of a convolution once, and the images.
    int64_t casts = GetParam() ? 1 : 0;
    autograd::visit_graph(loss.grad_fn(), [&](autograd::Node& node) {
      EXPECT_NE(node.op(), "contiguous");
      EXPECT_NE(node.op(), "clone");
      if (GetParam() && (node.op() == "conv2d" || node.op() == "conv_transpose2d"))
        casts += static_cast<int64_t>(node.needs_grad(1)) + static_cast<int64_t>(node.needs_grad(2));
      for (size_t i = 0; i < node.saved.size(); ++i)
        if (const Tensor saved = node.saved[i].unpack(node.shared_from_this()); saved.defined()) {
          EXPECT_TRUE(keeps_channels_together(saved)) << node.op() << " saved " << saved.sizes()[1] << " channels";
        }
      node.hooks.push_back([](const autograd::Node& at, const variable_list&, const variable_list& results) {
        for (const Tensor& result : results)
          if (result.defined()) {
            EXPECT_TRUE(keeps_channels_together(result)) << "gradient of " << at.op();
          }
      });
    });
    EXPECT_EQ(profile.calls("copy"), 2 * c.concatenations + casts) << "a copy in forward";
    loss.backward();
    EXPECT_EQ(profile.calls("copy"), 2 * c.concatenations + casts) << "a copy in backward";
    for (const auto& entry : network.ptr()->named_parameters()) {
      const Tensor& parameter = entry.value();
      if (!parameter.grad().defined()) continue;
      EXPECT_EQ(parameter.grad().strides(), parameter.strides()) << entry.key();
      EXPECT_EQ(parameter.grad().dtype(), kFloat32) << entry.key();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precision, ChannelsLast, testing::Bool(),
                         [](const auto& info) { return info.param ? "bfloat16" : "float32"; });

}  // namespace
}  // namespace tessera::models
