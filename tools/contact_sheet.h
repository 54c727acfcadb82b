// Pictures beside and below each other.
#pragma once

#include <vector>

#include "data/image.h"

namespace tessera::tools {

// Rows of RGB pictures on white, `gap` pixels apart; a row is as high and a column as wide as its largest picture.
data::Image contact_sheet(const std::vector<std::vector<data::Image>>& rows, int gap = 4);

}  // namespace tessera::tools
