// Settings of the data: which data set, and what is done to its pictures.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct DataOptions {
  std::string dataset;             // "shapes" or "folder"; empty: folder if `folder` is given, shapes if not
  std::string folder;              // --data
  std::optional<int64_t> samples;  // shapes: training scenes; an eighth as many are held out
  std::string size;                // "HxW": all pictures are resized (folder) or drawn (shapes) so
  std::string crop;                // "HxW": random windows in training; empty: whole pictures
  bool augment = true;
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
