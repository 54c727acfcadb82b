#include "tools/train_command.h"

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "data/file.h"
#include "tools/check_data/quick_check.h"
#include "tools/command.h"
#include "tools/trainer.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

// The flags that were typed, by the names that the settings have in config.json.
std::set<std::string> given_flags(const CLI::App& command) {
  std::set<std::string> given;
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0) given.insert(option->get_single_name());
  return given;
}

// best.safetensors belongs to the run: one that goes on in another folder takes it along.
void bring_best(const fs::path& checkpoint, const fs::path& output) {
  make_folder("train", output.string());
  if (fs::weakly_canonical(checkpoint.parent_path()) == fs::weakly_canonical(output)) return;
  const fs::path sibling = checkpoint.parent_path() / "best.safetensors";
  data::write_file("train", output / "best.safetensors", data::read_file("train", fs::exists(sibling) ? sibling : checkpoint));
}

void train(const CLI::App& command, TrainOptions options, const std::string& resume) {
  const std::set<std::string> given = given_flags(command);
  if (!given.contains("resume")) {
    resolve(options);
    if (!options.data.is_shapes()) require_usable_data(options.data.folder, open_options(options.data, options.optimization.seed));
    Trainer(std::move(options)).run();
    return;
  }
  const fs::path file = resume.empty() ? fs::path(options.run.output) / "last.safetensors" : fs::path(resume);
  check<FileError>(fs::exists(file),
                   "train: --resume: {} does not exist. Name the run's folder with --output, or its checkpoint.", file.string());
  check<FileError>(!fs::is_directory(file), "train: --resume: {} is a folder. Write --resume -o {} to go on with the run in it.",
                   file.string(), file.string());
  const Checkpoint checkpoint = load_checkpoint(file.string());
  TrainOptions merged = merge_for_resume(checkpoint.options, options, given);
  if (!given.contains("output")) merged.run.output = file.has_parent_path() ? file.parent_path().string() : ".";
  resolve(merged);
  const fs::path output = fs::absolute(merged.run.output);
  Trainer trainer(std::move(merged), checkpoint, file.string());
  bring_best(fs::absolute(file), output);  // only now: a run that cannot start takes no other run's best away
  trainer.run();
}

}  // namespace

void register_train(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("train", "Train a segmentation network; without flags, on drawn shapes.");
  const auto options = std::make_shared<TrainOptions>();
  const auto resume = std::make_shared<std::string>();
  for (const SettingGroup& group : all_settings(*options)) add_flags(*command, group.heading, group.settings);
  command->add_option("--resume", *resume, "Go on from last.safetensors in the output folder, or from FILE")
      ->type_name("[FILE]")
      ->expected(0, 1)
      ->group("Run");
  command->callback([command, options, resume] { train(*command, *options, *resume); });
}

}  // namespace tessera::tools
