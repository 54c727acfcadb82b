#include "tools/predict_command.h"

#include <CLI/App.hpp>
#include <future>
#include <memory>

#include "tools/command.h"
#include "tools/input_files.h"
#include "tools/prediction_files.h"
#include "tools/predictor_flags.h"
#include "tools/progress_bar.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  PredictorFlags predictor;
  std::vector<std::string> inputs;
  std::string output = "predictions", truth, probabilities;
  double alpha = 0.5;
  bool overlay = false, figure = false;
};

PredictionOutputs outputs_of(const PredictOptions& o) {
  PredictionOutputs outputs{.folder = o.output, .truth = o.truth, .overlay = {}, .figure = o.figure};
  check<UsageError>(o.alpha >= 0, "--overlay: {}. From 0 to 1.", o.alpha);  // CLI::Range lets NaN pass
  check<UsageError>(o.truth.empty() || o.figure, "--truth: it is shown in figures only. Add --figure.");
  if (o.overlay) outputs.overlay = o.alpha;
  if (o.probabilities == "npy") outputs.probabilities = Probabilities::npy;
  if (o.probabilities == "png") outputs.probabilities = Probabilities::png;
  return outputs;
}

// Reads a picture while the one before is predicted.
std::future<data::Image> read_ahead(const std::vector<fs::path>& files, size_t i) {
  if (i >= files.size()) return {};
  return std::async(std::launch::async, [file = files[i]] { return data::read_image(file); });
}

void predict(const PredictOptions& options) {
  const PredictionOutputs outputs = outputs_of(options);
  const Predictor predictor = make_predictor(options.predictor);
  const std::vector<fs::path> files = picture_files("predict", options.inputs);
  check_no_overwriting(files, outputs, predictor.classes().names);
  make_folder("predict", options.output);

  size_t failures = 0;
  double speed = 0;
  {
    ProgressBar bar("Predict", static_cast<int64_t>(files.size()));
    std::future<data::Image> next = read_ahead(files, 0);
    for (size_t i = 0; i < files.size(); ++i) {
      std::future<data::Image> picture = std::move(next);
      next = read_ahead(files, i + 1);
      try {
        write_prediction(predictor, picture.get(), files[i], outputs);
      } catch (const Error& error) {
        ++failures;
        report_error("tessera", error.what());
      }
      bar.advance(1);
    }
    speed = bar.speed();
  }
  fmt::print("Predicted {} of {} pictures into {} ({:.1f} img/s)\n", files.size() - failures, files.size(), options.output,
             speed);
  if (failures > 0) throw Exit{kFailure};
}

}  // namespace

void register_predict(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("predict", "Segment pictures with a trained network.");
  const auto options = std::make_shared<PredictOptions>();
  PredictOptions& o = *options;
  command->add_option("-i,--input", o.inputs, "Pictures, folders of pictures, or patterns in quotes (\"a/*.jpg\")")
      ->type_name("FILE|DIR")
      ->default_str("")
      ->required();
  command->add_option("-o,--output", o.output, "Folder for NAME.png: class ids, with the classes' palette")->type_name("DIR");
  CLI::Option* const overlay =
      command
          ->add_option("--overlay", o.alpha, "Also NAME_overlay.png: the classes' colours over the picture, as strong as ALPHA")
          ->type_name("[ALPHA]")
          ->expected(0, 1)
          ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--figure", o.figure, "Also NAME_figure.png: picture | truth | prediction, with a legend");
  command->add_option("--truth", o.truth, "Folder of true labels for --figure [labels beside images, and their like]")
      ->type_name("DIR");
  command
      ->add_option_function<std::string>(
          "--probabilities", [&o](const std::string& format) { o.probabilities = format.empty() ? "npy" : format; },
          "Also NAME_probabilities.npy (float32, C x H x W), or NAME_CLASS.png of 16 bits [none; npy]")
      ->type_name("[npy|png]")
      ->check(CLI::IsMember({"npy", "png"}))
      ->expected(0, 1);
  add_predictor_flags(*command, o.predictor);
  command->callback([options, overlay] {
    options->overlay = overlay->count() > 0;
    predict(*options);
  });
}

}  // namespace tessera::tools
