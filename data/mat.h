// Label maps in MATLAB files.
#pragma once

#include <filesystem>
#include <string>

#include "data/image.h"

namespace tessera::data {

// Reads a matrix of class ids, rows x columns, from a .mat file (version 4, 5 or 7.3, compressed or not, of any numeric class;
// doubles must hold whole numbers). `variable` names it, a field of a struct with a dot ("GTcls.Segmentation"). Left empty, it is
//   1. "groundtruth", or 2. "GTcls.Segmentation", as SBD calls it, or 3. the only two-dimensional numeric variable of the file.
// Throws FileError, one line, for a file that is missing, damaged, without such a variable (the others are listed), or, without
// libmatio, always.
Label read_mat_label(const std::filesystem::path& file, const std::string& variable = "");

}  // namespace tessera::data
