#include "tools/run_folder.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "data/file.h"
#include "tools/command.h"
#include "tools/report.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kPictures = 8;

// The N of epoch_N.safetensors.
std::optional<int64_t> epoch_number(const std::string& name) {
  constexpr std::string_view prefix = "epoch_", suffix = ".safetensors";
  if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() < prefix.size() + suffix.size()) return std::nullopt;
  int64_t number = 0;
  const char* const end = name.data() + name.size() - suffix.size();
  const auto [last, error] = std::from_chars(name.data() + prefix.size(), end, number);
  return error == std::errc() && last == end ? std::optional(number) : std::nullopt;
}

}  // namespace

void RunFolder::make() const { make_folder("train", folder_); }

void RunFolder::set_aside() const {
  for (const char* name : {"last.safetensors", "best.safetensors"}) {
    if (!fs::exists(path(name))) continue;
    std::error_code error;
    fs::rename(path(name), path(std::string("previous_") + name), error);
    check<FileError>(!error, "train: {}: cannot be renamed: {}. Choose another --output.", path(name), error.message());
  }
}

void RunFolder::write_text(const std::string& name, const std::string& text) const {
  data::write_file("train", path(name), {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void RunFolder::write_config(const TrainOptions& options) const {
  write_text("config.json", nlohmann::json(options).dump(2) + "\n");
}

void RunFolder::write_metrics(const Progress& progress, const data::ClassInfo& classes) const {
  write_text("metrics.csv", metrics_csv(progress.history, classes.names));
}

void RunFolder::write_predictions(const data::Dataset& held_out, bool scenes, Device device) const {
  const Predictor predictor(best(), device);
  data::write_png(predictions(), prediction_sheet(predictor, held_out, kPictures));
  if (!scenes) return;
  make_folder("train", path("scenes"));
  for (int64_t i = 0; i < std::min(kPictures, held_out.size()); ++i) {
    const data::Sample scene = held_out.read(i);
    data::write_png(path("scenes/" + scene.name + ".png"), scene.image);
  }
}

void RunFolder::remove_old_epochs(int64_t newest, int64_t keep) const {
  if (keep == 0) return;
  std::set<int64_t, std::greater<>> epochs;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_))
    if (const auto number = epoch_number(entry.path().filename().string()); number && *number <= newest) epochs.insert(*number);
  std::error_code ignored;  // a file that stays does no harm
  for (auto it = epochs.begin(); it != epochs.end(); ++it)
    if (keep-- <= 0) fs::remove(epoch(*it), ignored);
}

std::string latest_checkpoint(const RunFolder& folder) {
  for (const std::string& file : {folder.last(), folder.first_stage().last()})
    if (fs::exists(file)) return file;
  return "";
}

std::string newest_checkpoint(const std::string& folder) {
  std::string newest;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
    const std::string file = latest_checkpoint(RunFolder(entry.path().string()));
    if (!file.empty() && (newest.empty() || fs::last_write_time(file) > fs::last_write_time(newest))) newest = file;
  }
  return newest;
}

}  // namespace tessera::tools
