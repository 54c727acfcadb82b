// Settings of the data: which data set, and what is done to its pictures.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct DataOptions {
  std::string dataset;  // "shapes", a format of data/dataset_files.h, or "auto"; empty: auto if `folder` is given, shapes if not
  std::string folder;   // --data, or a list file
  std::optional<int64_t> samples;  // shapes: training scenes; an eighth as many are held out
  std::string size;                // "HxW": all pictures are resized (folder) or drawn (shapes) so
  std::string crop;                // "HxW": random windows in training; empty: whole pictures
  bool augment = true;             // without, the recipe is none
  std::string recipe = "standard";   // tools/recipes.h
  std::optional<double> val_split;   // the part held out, of a set without a validation split; left out: 0.1
  std::string mask_suffix = "auto";  // what label stems have more than picture stems
  std::string mat_variable;          // of labels in MATLAB files; empty: see data/mat.h
  bool skip_bad = false;             // leave out samples that cannot be read
  std::string cache = "auto";        // memory for decoded samples, as cache_size takes it
  std::optional<int64_t> classes, ignore_index;  // default: found out from the data set

  bool is_shapes() const { return dataset == "shapes"; }
};

std::vector<Setting> data_settings(DataOptions& options);

// Fills in what was left open but for classes and ignore_index, which the data set decides. Throws UsageError for values that are
// out of range or do not go together.
void resolve(DataOptions& options);

struct Size {
  int height = 0, width = 0;
};
// "HxW", both at least 1. Throws UsageError, which names the flag.
Size parse_size(const std::string& flag, const std::string& text);

}  // namespace tessera::tools
