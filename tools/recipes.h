// What is done to pictures before the network sees them, by the name that --recipe takes.
#pragma once

#include <string>
#include <vector>

#include "data/transforms.h"
#include "tools/options/data_options.h"

namespace tessera::tools {

struct Recipe {
  data::Transform training, validation;
  bool one_size_validation = false;  // validation makes all pictures of one size
  bool no_padding = false;           // pictures smaller than the crop are left out of training
};

// none      scaled to --size, windows of --crop
// standard  flip, scale 0.75 to 1.5 (where windows follow), brightness, contrast and saturation by up to 0.2 (not of shapes)
// camvid    the same with scale 0.75 to 1.75 and without saturation: the recipe of the CamVid figures
// notes     the U-Net note's: aspect ratio by up to 0.3, scale 0.25 to 2, placed on grey of --crop, flip, hue by up to 0.1, saturation
//           0.7, value 0.3; validation: the whole picture in the middle of grey of --crop
// voc       the FCN note's: windows of --crop without padding, and nothing else
// topdown   pictures without an up, as of microscopes and satellites: standard, with vertical flips and quarter turns
// Validation scales to --size, except of notes. Throws UsageError for an unknown name, and for notes and voc without --crop.
Recipe make_recipe(const DataOptions& options, int32_t ignore_index);
const std::vector<std::string>& recipe_names();

}  // namespace tessera::tools
