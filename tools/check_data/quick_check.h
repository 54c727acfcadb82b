// The part of `tessera check-data` that a training run can wait for.
#pragma once

#include <chrono>

#include "data/open_dataset.h"
#include "tools/check_data/finding.h"

namespace tessera::tools {

// Looks at all names, and within the time at as many masks and headers of pictures as can be read, spread over the splits; errors
// first. What needs all pictures (duplicates, classes that never occur) is left to check-data.
std::vector<Finding> quick_check(const std::string& data, const data::OpenOptions& open,
                                 std::chrono::milliseconds budget = std::chrono::milliseconds(1200));

// The same before training: prints the warnings to standard output, and throws FileError for the first error, in one line with
// its remedy and a pointer to check-data.
void require_usable_data(const std::string& data, const data::OpenOptions& open);

}  // namespace tessera::tools
