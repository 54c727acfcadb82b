// The registry's rows of the U-Nets.
#include "models/registry_row.h"
#include "models/unet.h"

namespace tessera::models {
namespace {

nn::AnyModule make_unet(const ModelOptions& options, const Settings& settings) {
  return UNet(UNetOptions()
                  .in_channels(options.in_channels)
                  .n_classes(options.num_classes)
                  .feature_scale(settings.integer("feature_scale"))
                  .is_deconv(settings.flag("is_deconv"))
                  .is_batchnorm(settings.flag("is_batchnorm")));
}

}  // namespace

std::vector<RegistryRow> unet_rows() {
  return {
      {{"unet",
        "U-Net: a score for each pixel of the image, from features of five sizes",
        OutputKind::PixelScores,
        {{"feature_scale", "2", "divides the widths 64, 128, 256, 512, 1024"},
         {"is_deconv", "false", "go up by transposed convolution, not bilinearly"},
         {"is_batchnorm", "true", "batch normalisation on the way down"}}},
       make_unet},
  };
}

}  // namespace tessera::models
