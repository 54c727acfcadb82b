// The files that `tessera predict` writes of each picture.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/predictor.h"

namespace tessera::tools {

enum class Probabilities { none, npy, png };

struct PredictionOutputs {
  std::filesystem::path folder, truth;  // truth: the folder of true labels; empty: as find_truth says
  std::optional<double> overlay;        // the weight of the classes' colours
  bool figure = false;
  Probabilities probabilities = Probabilities::none;
};

// The files of a picture, all in the folder:
//   NAME.png                class ids, with the classes' palette
//   NAME_overlay.png        the picture under the classes' colours
//   NAME_figure.png         picture | truth | prediction, with a legend (figure.h)
//   NAME_probabilities.npy  float32 [C, H, W]
//   NAME_CLASS.png          16 bits: probability * 65535; letters of the class's name other than a-z, A-Z, 0-9, - become _
std::vector<std::filesystem::path> prediction_files(const std::filesystem::path& picture, const PredictionOutputs& outputs,
                                                    const std::vector<std::string>& class_names);

// Throws FileError if a file of one picture would be that of another one, or one of the pictures themselves.
void check_no_overwriting(const std::vector<std::filesystem::path>& pictures, const PredictionOutputs& outputs,
                          const std::vector<std::string>& class_names);

// Predicts a picture, which was read from `file`, and writes its files.
void write_prediction(const Predictor& predictor, const data::Image& picture, const std::filesystem::path& file,
                      const PredictionOutputs& outputs);

}  // namespace tessera::tools
