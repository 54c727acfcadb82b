// A confusion matrix as a picture.
#pragma once

#include <string>
#include <vector>

#include "data/image.h"
#include "data/metrics.h"

namespace tessera::tools {

// One cell for each (true class, predicted class), darker with the share of the true class's pixels that were predicted so: rows
// sum to 100%. Each cell says its share and, below, its count of pixels ("1.2M"). Class names on both axes; the row of a class
// without a true pixel is grey. With more than 40 classes the cells are small and say nothing.
data::Image heat_map(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names);

// "0", "950", "1.2k", "35k", "1.2M", "350M", "2.0G": at most four letters, for up to 999 G.
std::string short_count(int64_t count);

// A colour of the map: white for 0, dark blue for 1.
data::Color heat_color(double share);

}  // namespace tessera::tools
