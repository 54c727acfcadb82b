#include "tools/options/loss_options.h"

namespace tessera::tools {

std::vector<Setting> loss_settings(LossOptions& o) {
  return {
      {"--class-weights", &o.class_weights, "Weights of classes in the loss: none, or by median frequency", {"none", "median"}},
  };
}

}  // namespace tessera::tools
