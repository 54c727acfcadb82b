// Settings of the loss.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct LossOptions {
  std::string class_weights = "none";  // or "median"
};

std::vector<Setting> loss_settings(LossOptions& options);

}  // namespace tessera::tools
