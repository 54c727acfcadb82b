// Pairs of a picture and a label map from folders and lists: what the layouts of dataset_files.h are made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset_files.h"

namespace tessera::data {

// The files of two folders that belong together by stem (see find_dataset), sorted by name.
SplitFiles pairs_by_stem(const std::filesystem::path& images, const std::filesystem::path& labels,
                         const std::optional<std::string>& mask_suffix);

// Those of the pairs that a list names, in its order. A name that has a label but no picture, or the other way round, is counted
// as that; one that has neither is a FileError. What the list does not name is left out.
SplitFiles pairs_of_list(const SplitFiles& all, const std::filesystem::path& list);

// The pairs of a list of "picture label" lines.
SplitFiles pairs_of_lines(const std::filesystem::path& list);

// The words of each line of a list, with the line's number; empty lines and those that begin with # are passed over.
struct ListLine {
  int number;
  std::vector<std::string> words;
};
std::vector<ListLine> read_list(const std::filesystem::path& list);

}  // namespace tessera::data
