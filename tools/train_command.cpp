#include "tools/train_command.h"

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "data/file.h"
#include "tools/check_data/quick_check.h"
#include "tools/command.h"
#include "tools/config_file.h"
#include "tools/interrupt.h"
#include "tools/trainer.h"
#include "tools/training_parts.h"

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

// The file that --resume means: named, in the folder that is named, in the output folder, or of the newest run.
fs::path checkpoint_to_resume(const std::string& resume, const std::string& output, bool output_given) {
  if (!resume.empty() && !fs::is_directory(resume)) {
    check<FileError>(fs::exists(resume), "train: --resume: {} does not exist. Name the run's folder, or its checkpoint.", resume);
    return resume;
  }
  if (resume.empty() && !output_given) {
    const fs::path runs = fs::path(output).parent_path();  // where runs lie that nobody named
    const std::string newest = newest_checkpoint(runs.string());
    check<FileError>(!newest.empty(),
                     "train: --resume: no run in {} has a last.safetensors. Name the run's folder with --output.", runs.string());
    return newest;
  }
  const RunFolder folder(resume.empty() ? output : resume);
  const std::string file = latest_checkpoint(folder);
  check<FileError>(!file.empty(), "train: --resume: {} does not exist. Name the run's folder with --output, or its checkpoint.",
                   folder.last());
  return file;
}

// Trains; of a run in two stages the one that options.stage names, and what follows.
void run_stages(TrainOptions options, std::optional<Checkpoint> checkpoint, const fs::path& file) {
  if (options.run.two_stage && options.stage == 0) options.stage = 1;
  const InterruptGuard guard;  // around both stages: a signal between them stops the second one after its first step
  for (;;) {
    Trainer trainer(options, checkpoint, file.string());
    // Only now: a run that cannot start takes no other run's best away.
    if (checkpoint) bring_best(fs::absolute(file), fs::absolute(of_stage(options).run.output));
    trainer.run();
    if (options.stage != 1) return;
    options.stage = 2;
    checkpoint.reset();
  }
}

void train(const CLI::App& command, const TrainOptions& flags, const std::string& resume, const ConfigSources& sources) {
  std::set<std::string> given = given_flags(command);
  const bool goes_on = given.contains("resume");
  check<UsageError>(!goes_on || sources.file.empty(),
                    "--config and --resume: the run to resume has its settings. Leave one of them out.");
  TrainOptions options = configured(flags, given, sources);
  if (!goes_on) {
    resolve(options);
    if (!options.data.is_shapes()) require_usable_data(options.data.folder, open_options(options.data, options.optimization.seed));
    run_stages(std::move(options), {}, "");
    return;
  }
  const fs::path file = checkpoint_to_resume(resume, options.run.output, given.contains("output"));
  const Checkpoint checkpoint = load_checkpoint(file.string());
  TrainOptions merged = merge_for_resume(checkpoint.options, options, given);
  if (!given.contains("output")) {
    const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
    merged.run.output = fs::relative(merged.stage == 1 ? folder.parent_path() : folder).string();
  }
  resolve(merged);
  run_stages(std::move(merged), checkpoint, file);
}

constexpr const char* kFooter =
    "Files in the folder of a run:\n"
    "  config.json            the settings, as they were resolved; --config takes it\n"
    "  metrics.csv            a line an epoch\n"
    "  last.safetensors       the checkpoint that --resume goes on from, to the same bits\n"
    "  best.safetensors       that of the epoch with the best mIoU; for tessera predict and eval, and for --resume, too\n"
    "  epoch_N.safetensors    with --save-every\n"
    "  events.out.tfevents.*  for tensorboard --logdir\n"
    "  predictions.png        held-out pictures: picture | truth | prediction\n"
    "  scenes/                of shapes: held-out scenes as files\n"
    "  stage1/                with --two-stage: the first stage, a run of its own\n"
    "  previous_*             last and best of the run that was here before\n"
    "Ctrl-C saves and ends with 130; a second one ends at once.";

}  // namespace

void register_train(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("train", "Train a segmentation network; without flags, on drawn shapes.");
  const auto options = std::make_shared<TrainOptions>();
  const auto resume = std::make_shared<std::string>();
  const auto sources = std::make_shared<ConfigSources>();
  for (const SettingGroup& group : all_settings(*options)) add_flags(*command, group.heading, group.settings);
  command
      ->add_option("--resume", *resume,
                   "Go on from FILE, from the run in DIR, from the one in the output folder, or else from the newest beside it")
      ->type_name("[FILE|DIR]")
      ->expected(0, 1)
      ->group("Run");
  command->add_option("--config", sources->file, "Settings from a file like config.json; --set and flags win over it")
      ->type_name("FILE")
      ->group("Run");
  command->add_option("--set", sources->assignments, "A setting by its name in config.json; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->default_str("")
      ->group("Run");
  command->add_flag("--deterministic")->description("Accepted for those who are used to it: every run is")->group("Run");
  command->footer(kFooter);
  command->callback([command, options, resume, sources] { train(*command, *options, *resume, *sources); });
}

}  // namespace tessera::tools
