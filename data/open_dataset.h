// A data set of files in one call: where they are (dataset_files.h), what their classes are (class_detection.h), and the samples
// of each split.
//
//     const OpenedDataset opened = open_dataset("camvid");
//     std::cout << opened.explanation << '\n';                 // what was found, in one line
//     const std::shared_ptr<PairDataset> train = opened.split("train");
#pragma once

#include <memory>
#include <string>

#include "data/class_detection.h"

namespace tessera::data {

struct OpenOptions {
  FileOptions files = {};
  ClassOptions classes = {};
  // Leave out what is incomplete or cannot be read: pictures without label, labels without picture, and pairs that read_pair
  // refuses, for which all files are read once. Which samples are left depends on the files alone.
  bool skip_bad = false;
};

struct OpenedDataset {
  DatasetFiles files;  // without the pairs that were left out
  ClassInfo classes;
  LabelEncoding encoding;
  std::vector<std::string> left_out;  // one line each, which names the file and what is wrong with it
  std::string explanation;            // one line for the user: layout, classes, what was left out

  // The samples of "train", "val" or, where there is one, "test". Throws ValueError for a split that the data set does not have,
  // naming those that it has.
  std::shared_ptr<PairDataset> split(const std::string& name) const;

  // Leaves pictures below this size out of a split, as the FCN note does for windows without padding; the explanation says how
  // many. Only the files' headers are looked at. Throws FileError if none is left.
  void leave_out_smaller(const std::string& split, int height, int width);
};

// Throws what find_dataset and detect_classes throw, and, unless skip_bad is set, FileError for a picture without label or a label
// without picture in training and validation.
OpenedDataset open_dataset(const std::filesystem::path& root, const OpenOptions& options = {});

}  // namespace tessera::data
