// The flags that say which network predicts, and how: those of `tessera predict` and `tessera eval`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/predictor.h"

namespace CLI {
class App;
}

namespace tessera::tools {

struct PredictorFlags {
  std::string model, device = "cpu", precision = "fp32";
  std::string network;  // for weights alone: its name, settings and number of classes
  std::vector<std::string> settings;
  int64_t classes = 0;
  std::vector<float> mean, std;  // of RGB / 255; empty: ImageNet's
  std::string tta, tile;
  double overlap = 0.25;
  int64_t batch_size = 4, threads = 0;
};

void add_predictor_flags(CLI::App& command, PredictorFlags& flags);

// Loads the network, and sets the number of threads. Throws UsageError for flags that do not go together, FileError for the file.
Predictor make_predictor(const PredictorFlags& flags);

}  // namespace tessera::tools
