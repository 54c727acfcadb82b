// Background against everything else: the labels of a first stage of training.
#pragma once

#include "tools/datasets.h"

namespace tessera::tools {

// The same samples, transforms included, with two classes: class `background` is 0, the others are 1, and what is ignored is 255.
// Throws UsageError for a class that does not exist.
std::shared_ptr<const data::Dataset> foreground_of(std::shared_ptr<const data::Dataset> dataset, int64_t background);

}  // namespace tessera::tools
