// A report as one HTML page: everything is inside, nothing is loaded.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "tools/html_report/run_contents.h"
#include "tools/metrics_files.h"

namespace tessera::tools {

struct ReportData {
  RunContents run;
  // Of the checkpoint on a split of the data set; without it, `why_not` says why in one sentence.
  std::optional<data::ConfusionMatrix> matrix;
  std::string why_not;
  data::ClassInfo classes;
  std::string split;
  size_t pictures = 0;                                           // that were evaluated
  int64_t checkpoint_epoch = 0;                                  // epochs behind the checkpoint; 0 if there is none
  std::vector<std::string> best, worst;                          // example_html
  std::vector<std::pair<std::string, std::string>> environment;  // name, value
};

std::string report_page(const ReportData& report);

}  // namespace tessera::tools
