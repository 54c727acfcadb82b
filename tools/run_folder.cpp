#include "tools/run_folder.h"

#include <algorithm>

#include "data/file.h"
#include "tools/command.h"
#include "tools/report.h"

namespace tessera::tools {
namespace {
constexpr int64_t kPictures = 8;
}

void RunFolder::make() const { make_folder("train", folder_); }

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

}  // namespace tessera::tools
