// The remedy for masks that store something else than class ids.
#pragma once

#include <functional>
#include <string>

#include "data/palette.h"
#include "tools/check_data/examination.h"

namespace tessera::tools {

// Which colour or value becomes which class.
struct Conversion {
  bool colors = false;
  std::vector<int32_t> keys;       // 0xRRGGBB, or values; keys[i] becomes class i
  std::vector<std::string> names;  // one a class
  data::Palette palette;           // one a class
  std::vector<int32_t> ignored;    // keys that become 255
};

// Decides it from what is in the masks. Of colours: dataset.json's palette; else Pascal VOC's or CamVid's order, if these are the
// colours; else black first and then by area. Of values: the class table, or those that fill areas in ascending order.
// Throws ValueError for masks that are photographs, or with more than 255 classes.
Conversion plan_conversion(const Examination& examination);

// Writes OUT/SPLIT/labels/NAME.png, palette PNGs of class ids, each pixel by the nearest key (squared distance of RGB; of equals
// the first); OUT/SPLIT/images, links to the pictures; and OUT/dataset.json. Pairs that were not read are left out. Returns the
// number of pairs. Throws FileError, also where OUT exists and holds anything.
int64_t convert_masks(const Examination& examination, const Conversion& conversion, const std::string& out,
                      const std::function<void(int64_t)>& progress = {});

}  // namespace tessera::tools
