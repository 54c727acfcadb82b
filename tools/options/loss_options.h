// Settings of the loss.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct LossOptions {
  std::string loss = "ce";             // terms as parse_loss reads them
  std::string class_weights = "none";  // "median", or one number a class: "1,2.5,0.5"
  double class_weights_max = 0;        // no weight above this; 0: any
  double label_smoothing = 0;          // of ce
  double focal_gamma = 2, focal_alpha = 0.5;
  double dice_beta = 1;
};

std::vector<Setting> loss_settings(LossOptions& options);
void resolve(const LossOptions& options);  // throws UsageError for values out of range and text that is no loss

struct LossTerm {
  double weight;
  std::string name;  // of kLosses
};
inline const std::vector<std::string> kLosses = {"ce", "focal", "dice"};

// "ce", "focal", "ce+0.5*dice", "2*ce + dice": a sum of losses by name, each with a factor before it where it is not 1. Throws
// UsageError.
std::vector<LossTerm> parse_loss(const std::string& text);

// "1,2.5,0.5" as numbers; nothing for "none" and "median". Throws UsageError for other text and for weights below 0.
std::vector<float> parse_class_weights(const std::string& text);

}  // namespace tessera::tools
