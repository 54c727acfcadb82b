// Data sets that lie in files: a picture and a label map for each sample. Where the files are found: dataset_files.h; what their
// classes are: class_detection.h; all of it in one call: open_dataset.h.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace tessera::data {

struct Pair {
  std::string name;
  std::filesystem::path image, label;
};

// How a data set's label files say which class a pixel is of.
struct LabelEncoding {
  std::vector<int32_t> values;  // values[i] stands for class i, as in black and white masks {0, 255}; empty: i itself
  std::string mat_variable;     // of MATLAB files; empty: see read_mat_label
};

// The values of a label file as they are stored: a PNG (read_label), or a MATLAB file (read_mat_label) if its name ends in .mat.
// A JPEG is refused, since its compression changes class ids, unless `values` are given: each pixel then takes the nearest one.
Label read_stored_label(const std::filesystem::path& file, const LabelEncoding& encoding);

// Reads both files of a pair, turns values into class ids and checks them against each other and against the classes.
// Errors: FileError that names the file and the remedy, for files that cannot be read, an image and label of different size, and
// a label value that is neither a class nor the ignore index.
Sample read_pair(const Pair& pair, const ClassInfo& classes, const LabelEncoding& encoding = {});

class PairDataset : public Dataset {
 public:
  PairDataset(std::vector<Pair> pairs, ClassInfo classes, LabelEncoding encoding = {});
  int64_t size() const override { return static_cast<int64_t>(pairs_.size()); }
  Sample read(int64_t index) const override;
  const std::vector<Pair>& pairs() const { return pairs_; }
  const LabelEncoding& encoding() const { return encoding_; }

 private:
  std::vector<Pair> pairs_;
  LabelEncoding encoding_;
};

}  // namespace tessera::data
