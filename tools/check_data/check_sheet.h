// A picture of a data set: its samples under their masks.
#pragma once

#include "data/image.h"
#include "tools/check_data/examination.h"

namespace tessera::tools {

// Picture | mask over the picture, with the file's name. First, framed in red and with the finding's code, the pairs that errors
// and warnings name; then samples spread evenly over the splits, `count` in all at least; the colours of the classes below.
data::Image check_sheet(const Examination& examination, const std::vector<Finding>& findings, int64_t count = 16);

}  // namespace tessera::tools
