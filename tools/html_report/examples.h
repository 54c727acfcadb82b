// The best and the worst predictions of a report.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/scoring.h"

namespace tessera::tools {

// The pictures with the lowest and the highest mIoU, `count` each and never the same one twice; worst from the lowest up, best
// from the highest down. Pictures without a figure are left out.
struct ChosenPictures {
  std::vector<PictureScore> best, worst;
};
ChosenPictures choose_pictures(std::vector<PictureScore> pictures, size_t count);

// The picture in pale grey; red where the prediction is wrong, white where the truth is ignored.
data::Image error_map(const data::Image& picture, const data::Label& truth, const data::Label& prediction,
                      const data::ClassInfo& classes);

// A row of pictures: picture | truth | prediction | errors, with the picture's name and mIoU. Predicts them again.
std::string example_html(const Predictor& predictor, const data::Dataset& dataset, const PictureScore& picture);

}  // namespace tessera::tools
