// The registry's rows of the U-Nets: that of the notes, and those with a ResNet as encoder.
#include "models/registry_row.h"
#include "models/unet.h"
#include "models/unet_resnet.h"

namespace tessera::models {
namespace {

// The switches of all U-Nets. That of squeeze and excitation has a name of its own beside an encoder that has one too.
std::vector<ModelSetting> with_switches(std::vector<ModelSetting> settings, const char* se_reduction) {
  settings.push_back({"is_deconv", "false", "go up by transposed convolution, not bilinearly"});
  settings.push_back({se_reduction, "0", "squeeze and excitation after each two convolutions by this; 0: none"});
  settings.push_back({"attention", "none", "gate on the skip connections: none, additive, dot or cosine"});
  return settings;
}

template <class Options>
Options with_switches(Options options, const ModelOptions& model, const Settings& settings, const char* se_reduction) {
  return options.n_classes(model.num_classes)
      .is_deconv(settings.flag("is_deconv"))
      .se_reduction(settings.integer(se_reduction))
      .attention(settings.text("attention"));
}

constexpr const char *kReduction = "se_reduction", *kDecoderReduction = "decoder_se_reduction";

nn::AnyModule make_unet(const ModelOptions& options, const Settings& settings) {
  return UNet(with_switches(UNetOptions(), options, settings, kReduction)
                  .in_channels(options.in_channels)
                  .feature_scale(settings.integer("feature_scale"))
                  .is_batchnorm(settings.flag("is_batchnorm")));
}

// The encoder's tensors stand behind "encoder."; fc is no part of it.
void rename_encoder(std::string& name, Tensor&) {
  for (const char* part : {"conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4."})
    if (name.starts_with(part)) {
      name = "encoder." + name;
      return;
    }
}

}  // namespace

std::vector<RegistryRow> unet_rows() {
  std::vector<RegistryRow> rows = {
      {{"unet", "U-Net: a score for each pixel of the image, from features of five sizes", OutputKind::PixelScores,
        with_switches({{"feature_scale", "2", "divides the widths 64, 128, 256, 512, 1024"},
                       {"is_batchnorm", "true", "batch normalisation on the way down"}},
                      kReduction)},
       make_unet}};
  for (const NamedResNet& resnet : named_resnets())
    rows.push_back({{"unet_" + resnet.name, "U-Net with " + resnet.title + " as encoder: a score for each pixel of the image",
                     OutputKind::PixelScores, with_switches(backbone_settings(resnet.options), kDecoderReduction)},
                    [&resnet](const ModelOptions& model, const Settings& s) -> nn::AnyModule {
                      return UNetResNet(with_switches(UNetResNetOptions(backbone_options(resnet.options, model, s)), model, s,
                                                      kDecoderReduction));
                    },
                    rename_encoder});
  return rows;
}

}  // namespace tessera::models
