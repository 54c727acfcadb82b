#include "tools/html_report/run_contents.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <limits>

#include "core/error.h"
#include "data/file.h"
#include "tools/csv.h"
#include "tools/train_options.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double number(const std::string& text) {
  double value = kNaN;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : kNaN;
}

std::string read_text(const fs::path& file) {
  const std::vector<uint8_t> bytes = data::read_file("report", file);
  return {bytes.begin(), bytes.end()};
}

std::string time_of(const fs::path& file) {
  const auto written = std::chrono::file_clock::to_sys(fs::last_write_time(file));
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::seconds>(written));
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(seconds));
}

std::string text_of(const nlohmann::json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// For a shell: in quotes where it needs them.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// What the settings are when only the data set is named.
nlohmann::json default_settings(const nlohmann::json& config) {
  nlohmann::json named = nlohmann::json(TrainOptions());
  for (const char* key : {"dataset", "data", "model"})
    if (config.contains(key)) named[key] = config[key];
  try {
    TrainOptions options = named.get<TrainOptions>();
    resolve(options);
    return nlohmann::json(options);
  } catch (const std::exception&) {
    return named;
  }
}

}  // namespace

std::vector<double> MetricTable::column(const std::string& name) const {
  const auto it = columns.find(name);
  return it == columns.end() ? std::vector<double>(rows(), kNaN) : it->second;
}

MetricTable parse_metrics(const std::string& csv) {
  const std::vector<std::vector<std::string>> rows = parse_csv(csv);
  MetricTable table;
  if (rows.empty()) return table;
  table.names = rows[0];
  for (size_t c = 0; c < table.names.size(); ++c) {
    std::vector<double>& column = table.columns[table.names[c]];
    column.clear();
    for (size_t r = 1; r < rows.size(); ++r) column.push_back(c < rows[r].size() ? number(rows[r][c]) : kNaN);
  }
  return table;
}

std::string RunContents::setting(const std::string& key) const { return config.contains(key) ? text_of(config[key]) : ""; }

int64_t RunContents::epochs_planned() const {
  return config.contains("epochs") && config["epochs"].is_number() ? config["epochs"].get<int64_t>() : 0;
}

int64_t RunContents::best_row() const {
  const std::vector<double> scores = metrics.column("mIoU");
  int64_t best = -1;
  for (size_t i = 0; i < scores.size(); ++i)
    if (!std::isnan(scores[i]) && (best < 0 || scores[i] > scores[best])) best = static_cast<int64_t>(i);
  return best;
}

RunContents read_run(const std::string& folder) {
  check<FileError>(fs::is_directory(folder), "report: {}: no such folder. Give the folder that `tessera train -o` wrote.",
                   folder);
  RunContents run;
  run.folder = folder;
  fs::path path = fs::weakly_canonical(folder);
  if (!path.has_filename()) path = path.parent_path();
  run.name = (path.parent_path().filename() / path.filename()).string();
  run.config = nlohmann::json::object();
  const fs::path config = fs::path(folder) / "config.json", metrics = fs::path(folder) / "metrics.csv";
  if (fs::exists(config)) {
    run.config = nlohmann::json::parse(read_text(config), nullptr, /*allow_exceptions=*/false);
    check<FileError>(run.config.is_object(), "report: {}: is no JSON object. Copy it again from the run.", config.string());
  }
  for (const char* name : {"best.safetensors", "last.safetensors"})
    if (run.checkpoint.empty() && fs::exists(fs::path(folder) / name)) run.checkpoint = (fs::path(folder) / name).string();
  if (fs::exists(metrics)) {
    run.metrics = parse_metrics(read_text(metrics));
    check<FileError>(run.metrics.rows() == 0 || run.metrics.columns.contains("epoch"),
                     "report: {}: has no column `epoch`. Copy it again from the run.", metrics.string());
    run.written = time_of(metrics);
  } else if (!run.checkpoint.empty()) {
    run.written = time_of(run.checkpoint);
  }
  check<FileError>(
      fs::exists(config) || fs::exists(metrics) || !run.checkpoint.empty(),
      "report: {}: holds no run (no config.json, metrics.csv or checkpoint). Give the folder that `tessera train -o` "
      "wrote.",
      folder);
  return run;
}

std::string train_command_line(const RunContents& run) {
  const nlohmann::json defaults = default_settings(run.config);
  std::string line = "tessera train";
  for (const auto& [key, value] : run.config.items()) {
    // What the data set says comes from it again.
    if (value.is_null() || key == "output" || key == "classes" || key == "ignore-index") continue;
    const bool always = key == "dataset" || key == "data" || key == "model";
    if ((!always && defaults.contains(key) && defaults[key] == value) || text_of(value).empty()) continue;
    if (value.is_boolean()) {
      line += fmt::format(" --{}{}", value.get<bool>() ? "" : "no-", key);
    } else if (value.is_object()) {
      for (const auto& [name, setting] : value.items())
        line += fmt::format(" --{} {}", key, shell_word(name + "=" + text_of(setting)));
    } else if (value.is_array()) {
      if (value.empty()) continue;
      line += fmt::format(" --{}", key);
      for (const nlohmann::json& item : value) line += " " + shell_word(text_of(item));
    } else {
      line += fmt::format(" --{} {}", key, shell_word(text_of(value)));
    }
  }
  return line + " --output " + shell_word(run.folder + "-again");
}

}  // namespace tessera::tools
