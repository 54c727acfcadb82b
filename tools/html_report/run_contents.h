// What lies in the folder of a training run, finished or in progress.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tessera::tools {

// metrics.csv: the columns by name, a value an epoch, NaN where a cell is empty or no number.
struct MetricTable {
  std::vector<std::string> names;  // of the columns, in their order
  std::map<std::string, std::vector<double>> columns;

  size_t rows() const { return names.empty() ? 0 : columns.at(names.front()).size(); }
  // All NaN for a column that is not there.
  std::vector<double> column(const std::string& name) const;
};
MetricTable parse_metrics(const std::string& csv);

struct RunContents {
  std::string folder, name;  // name: the folder's own and its parent's, for a title
  nlohmann::json config;     // config.json; an empty object where there is none
  MetricTable metrics;
  std::string checkpoint;  // best.safetensors, else last.safetensors, else empty
  std::string written;     // when metrics.csv or the checkpoint was last written, "2026-11-25 22:32"; may be empty

  // A value of the configuration as text, "" where it is not set.
  std::string setting(const std::string& key) const;
  int64_t epochs_done() const { return static_cast<int64_t>(metrics.rows()); }
  int64_t epochs_planned() const;  // 0 if the configuration does not say
  // The row of the metrics with the highest mIoU, -1 if none has one.
  int64_t best_row() const;
};

// Throws FileError for a folder that is no run: without config.json, metrics.csv and checkpoint, or with a damaged one of the
// first two.
RunContents read_run(const std::string& folder);

// The `tessera train` that makes the run again, with the settings that are not the defaults.
std::string train_command_line(const RunContents& run);

}  // namespace tessera::tools
