#include "tools/eval_command.h"

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "data/file.h"
#include "tools/command.h"
#include "tools/heat_map.h"
#include "tools/open_split.h"
#include "tools/predictor_flags.h"
#include "tools/progress_bar.h"
#include "tools/scoring.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

struct EvalOptions {
  PredictorFlags predictor;
  std::string dataset, data, split = "val", output;
  std::optional<int64_t> ignore_index;
  bool original_size = false;
  int64_t workers = 2;
};

void write_text(const fs::path& file, const std::string& text) {
  data::write_file("eval", file, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// The training run's settings of the data, as far as the flags do not change them.
TrainOptions data_options(const EvalOptions& o, const TrainedNetwork& network) {
  TrainOptions options = network.options;
  if (!o.data.empty()) {
    options.data.folder = o.data;
    options.data.dataset = "auto";
  }
  if (!o.dataset.empty()) options.data.dataset = o.dataset;
  if (o.ignore_index) options.data.ignore_index = o.ignore_index;
  options.data.classes = network.config.classes;
  check<UsageError>(!options.data.dataset.empty(), "--data: weights alone do not know a data set. Name its folder.");
  return options;
}

void eval(const EvalOptions& o) {
  const Predictor predictor = make_predictor(o.predictor);
  const TrainOptions options = data_options(o, predictor.network());
  const OpenedSplit data = open_split(options, o.split);
  const std::vector<std::string>& names = predictor.classes().names;
  const ScoringOptions scoring_options{data.one_size ? o.predictor.batch_size : 1, o.workers, o.original_size};

  ProgressBar bar("Evaluate", data.dataset->size());
  const Scoring scoring =
      score_dataset(predictor, data.dataset, scoring_options, [&](int64_t pictures) { bar.advance(pictures); });
  check<ValueError>(scoring.matrix.total() > 0, "eval: no pixel of the {} labels belongs to a class.", o.split);

  const fs::path output = o.output.empty() ? fs::path(o.predictor.model).parent_path() / ("eval-" + o.split) : fs::path(o.output);
  make_folder("eval", output.string());
  nlohmann::ordered_json json = metrics_json(scoring.matrix, names);
  json["pictures"] = scoring.pictures.size();
  json["model"] = o.predictor.model;
  json["split"] = o.split;
  write_text(output / "metrics.json", json.dump(2) + "\n");
  write_text(output / "per_class.csv", per_class_csv(scoring.matrix, names));
  write_text(output / "per_picture.csv", per_picture_csv(scoring.pictures));
  write_text(output / "confusion_matrix.csv", confusion_csv(scoring.matrix, names));
  data::write_png(output / "confusion_matrix.png", heat_map(scoring.matrix, names));
  fmt::print(
      "{}\n{} pictures, {:.1f} img/s; wrote metrics.json, per_class.csv, per_picture.csv, confusion_matrix.csv and .png "
      "into {}\n",
      metrics_table(scoring.matrix, names), scoring.pictures.size(), bar.speed(), output.string());
}

}  // namespace

void register_eval(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("eval", "Measure a trained network on labelled pictures.");
  const auto options = std::make_shared<EvalOptions>();
  EvalOptions& o = *options;
  add_predictor_flags(*command, o.predictor);
  command->add_option("--data", o.data, "The data set's folder [that of the training run]")->type_name("DIR");
  command->add_option("--dataset", o.dataset, "Its layout, as for tessera train [that of the run; auto with --data]");
  command->add_option("--split", o.split, "The part of it that is measured")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  command->add_option("--ignore-index", o.ignore_index, "Label of pixels that do not count [that of the training run]");
  command->add_flag("--original-size", o.original_size,
                    "Where training scaled the pictures: compare with the labels as they are stored");
  command->add_option("-o,--output", o.output, "Folder for the figures [eval-SPLIT beside the model]")->type_name("DIR");
  command->add_option("-j,--workers", o.workers, "Threads that read and prepare pictures")->check(CLI::Range(0, 256));
  command->callback([options] { eval(*options); });
}

}  // namespace tessera::tools
