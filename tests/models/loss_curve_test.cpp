// Ten steps of training in float64: the losses of three small networks.
//
// Weights, input and target come from the hash of golden/README.md; the loss is the mean cross-entropy; SGD with
// momentum 0.9 and weight decay 1e-4. Number k is the loss before step k + 1.
#include <gtest/gtest.h>

#include "models/fcn_resnet.h"
#include "models/unet.h"
#include "nn/optim/sgd.h"
#include "tests/models/golden_network.h"

namespace tessera::models {
namespace {

using testing_support::filled;
using testing_support::hash32;
using testing_support::unit;

// Computed by PyTorch 2.11 in float64 from the same hash.
const std::vector<double> kResNet18 = {4.1468893484967513, 0.44553428439624465, 0.067746459816959093, 0.031452453698163782,
                                       0.017119152774340722, 0.010198292886952225, 0.0066542359186073912, 0.0045834523056392813,
                                       0.003462687914806974, 0.002654824648157454};
const std::vector<double> kFCNResNet = {1.3886547679760681, 1.3880963519357188, 1.3872061126138258, 1.3862185169130912,
                                        1.3852528913142836, 1.3843079773716003, 1.3832960269817272, 1.3820862014248372,
                                        1.3805247511334973, 1.3784600688982105};
const std::vector<double> kUNet = {1.4442285976935905, 1.4183462992612412, 1.4071158097213898, 1.4000815893817515,
                                   1.3953624886134908, 1.393083291576285, 1.3916124775281664, 1.3900294191163036,
                                   1.3888611366262529, 1.3880398514983456};

void fill_from_hash(const nn::Module& module) {
  const NoGradGuard no_grad;
  uint32_t j = 0;
  for (const auto& p : module.named_parameters()) {
    const double scale = p->dim() >= 2 ? std::sqrt(6 / (static_cast<double>(p->numel()) / static_cast<double>(p->size(0)))) : 0.1;
    const double shift = p->dim() < 2 && p.key().ends_with("weight") ? 1 : 0;
    p->copy_(filled(p->sizes(), [&](uint32_t i) { return shift + scale * unit(i, j); }));
    ++j;
  }
}

void check_curve(const nn::AnyModule& network, IntArrayRef shape, uint32_t classes, double lr,
                 const std::vector<double>& expected) {
  network.ptr()->to(kFloat64);
  fill_from_hash(*network.ptr());
  const Tensor input = filled(shape, [](uint32_t i) { return 1.5 * unit(i, 1000); });
  optim::SGD optimizer(network.ptr()->parameters(), optim::SGDOptions(lr).momentum(0.9).weight_decay(1e-4));
  for (size_t step = 0; step < expected.size(); ++step) {
    const Tensor out = network.forward(input);
    DimVector sizes = out.layout().sizes;
    sizes.erase(1);
    const Tensor target = filled(sizes, [&](uint32_t i) { return (hash32(i, 2000) >> 8) % classes; }).to(kInt64);
    const Tensor loss = cross_entropy(out, target);
    EXPECT_LE(std::abs(loss.item<double>() - expected[step]), 1e-7 * expected[step])
        << "step " << step << fmt::format(": {:.17g}", loss.item<double>());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
}

TEST(LossCurve, ResNet) { check_curve(ResNet(resnet18().num_classes(10)), {2, 3, 64, 64}, 10, 0.001, kResNet18); }

TEST(LossCurve, FCN) {
  check_curve(FCNResNet(ResNetOptions(BlockKind::Basic, {1, 1, 1, 1}).num_classes(4)), {2, 3, 64, 64}, 4, 0.1, kFCNResNet);
}

TEST(LossCurve, UNet) { check_curve(UNet(UNetOptions().n_classes(4).feature_scale(16)), {2, 3, 32, 48}, 4, 0.05, kUNet); }

}  // namespace
}  // namespace tessera::models
