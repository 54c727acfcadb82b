// What a data set gives: a picture, its label map and its name.
#pragma once

#include <string>

#include "data/image.h"

namespace tessera::data {

struct Sample {
  Image image;
  Label label;  // as large as the image
  std::string name;
};

}  // namespace tessera::data
