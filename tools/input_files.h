// The pictures that a command's user names.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tessera::tools {

// Files as they are named, whether they exist or not; of folders the PNG, JPEG and BMP files directly in them, sorted; of
// patterns with * ? or [ that name no file, the files that fit, sorted. Each file once. Throws FileError, "who: ...", for a folder
// without pictures and a pattern that nothing fits.
std::vector<std::filesystem::path> picture_files(const std::string& who, const std::vector<std::string>& inputs);

// The file with the true classes of a picture, as data sets keep them: NAME.png or NAME_mask.png in `folder`; where that is
// empty, in the folder beside the picture's that goes with it (images and labels or masks, imgs and masks, JPEGImages and
// SegmentationClass, val and valannot). Nothing if there is none.
std::optional<std::filesystem::path> find_truth(const std::filesystem::path& picture, const std::filesystem::path& folder);

}  // namespace tessera::tools
