#include "tools/predict_command.h"

#include <omp.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "tools/command.h"
#include "tools/contact_sheet.h"
#include "tools/predictor.h"
#include "tools/progress_bar.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  std::string model, output = "predictions", device = "cpu";
  std::vector<std::string> inputs;
  double alpha = 0.5;
  bool side_by_side = false;
  int64_t threads = 0;
};

bool is_picture(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".bmp";
}

// Files as they are named, folders as the pictures in them, sorted.
std::vector<fs::path> input_files(const std::vector<std::string>& inputs) {
  std::vector<fs::path> files;
  for (const fs::path input : inputs) {
    if (!fs::is_directory(input)) {
      files.push_back(input);
      continue;
    }
    const size_t before = files.size();
    for (const fs::directory_entry& entry : fs::directory_iterator(input))
      if (entry.is_regular_file() && is_picture(entry.path())) files.push_back(entry.path());
    check<FileError>(files.size() > before, "predict: {}: no pictures (PNG, JPEG, BMP) in this folder.", input.string());
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

void predict_one(const Predictor& predictor, const fs::path& input, const fs::path& output, const PredictOptions& options) {
  const data::Image image = data::read_image(input);
  const data::Label label = predictor.predict(image);
  const data::Image blended = data::overlay(image, label, predictor.classes().palette, options.alpha);
  data::write_indexed_png(output.string() + ".png", label, predictor.classes().palette);
  data::write_png(output.string() + "_overlay.png", blended);
  if (options.side_by_side) data::write_png(output.string() + "_side_by_side.png", contact_sheet({{image, blended}}));
}

void predict(const PredictOptions& options) {
  check<UsageError>(options.alpha >= 0, "--alpha: {}. From 0 to 1.", options.alpha);  // CLI::Range lets NaN pass
  if (options.threads > 0) omp_set_num_threads(static_cast<int>(options.threads));
  const Predictor predictor(options.model, options.device);
  const std::vector<fs::path> files = input_files(options.inputs);
  make_folder("predict", options.output);
  std::set<fs::path> protected_files, written;
  for (const fs::path& file : files) protected_files.insert(fs::weakly_canonical(file));

  int64_t failures = 0;
  {
    ProgressBar bar("Predict", static_cast<int64_t>(files.size()));
    for (const fs::path& file : files) {
      const fs::path output = fs::path(options.output) / file.stem();
      try {
        for (const char* ending : {".png", "_overlay.png", "_side_by_side.png"}) {
          const fs::path result = fs::weakly_canonical(output.string() + ending);
          check<FileError>(!protected_files.contains(result),
                           "predict: {}: its result would overwrite an input. Choose another --output.", file.string());
          check<FileError>(written.insert(result).second,
                           "predict: {}: its result would overwrite another input's. Predict the two into different folders.",
                           file.string());
        }
        predict_one(predictor, file, output, options);
      } catch (const Error& error) {
        ++failures;
        report_error("tessera", error.what());
      }
      bar.advance(1);
    }
  }
  fmt::print("Predicted {} of {} pictures into {}\n", static_cast<int64_t>(files.size()) - failures, files.size(),
             options.output);
  if (failures > 0) throw Exit{kFailure};
}

}  // namespace

void register_predict(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("predict", "Segment pictures with a trained network.");
  const auto options = std::make_shared<PredictOptions>();
  PredictOptions& o = *options;
  command->add_option("-m,--model", o.model, "best.safetensors or last.safetensors of a run")->type_name("FILE")->required();
  command->add_option("-i,--input", o.inputs, "Pictures, or folders of pictures")
      ->type_name("FILE|DIR")
      ->default_str("")
      ->required();
  command->add_option("-o,--output", o.output, "Folder for NAME.png (class ids with palette) and NAME_overlay.png")
      ->type_name("DIR");
  command->add_option("--alpha", o.alpha, "Weight of the classes' colours in the overlay")->check(CLI::Range(0.0, 1.0));
  command->add_flag("--side-by-side", o.side_by_side, "Also write NAME_side_by_side.png: picture | overlay");
  command->add_option("--device", o.device, "cpu");
  command->add_option("--threads", o.threads, "Threads that compute; 0: all cores")->check(CLI::Range(0, 1024));
  command->callback([options] { predict(*options); });
}

}  // namespace tessera::tools
