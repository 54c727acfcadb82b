// From a folder to what is known of it.
#pragma once

#include "data/open_dataset.h"
#include "tools/check_data/examination.h"

namespace tessera::tools {

struct ExamineOptions {
  // For the start of a training run: pictures by their headers alone, and of the masks as many as can be read in the time, spread
  // over each split. All pairs are looked for nevertheless.
  std::optional<std::chrono::milliseconds> budget = {};
  std::function<void(int64_t total)> begin = {};  // before the pairs are read
  std::function<void(int64_t pairs)> progress = {};
  std::function<bool()> stop = {};
};

// Never throws for what is wrong with the data: that is what it looks for (Examination::problems where not even the files could
// be found). `data` is --data: a folder, or a list.
Examination examine(const std::string& data, const data::OpenOptions& open, const ExamineOptions& options = {});

}  // namespace tessera::tools
