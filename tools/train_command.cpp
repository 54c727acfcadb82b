#include "tools/train_command.h"

#include <CLI/App.hpp>
#include <charconv>
#include <filesystem>
#include <memory>

#include "data/file.h"
#include "tools/command.h"
#include "tools/model_settings.h"
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

std::vector<std::string> dense_models() {
  std::vector<std::string> names;
  for (const models::ModelInfo& info : models::list_models())
    if (info.kind == models::OutputKind::PixelScores) names.push_back(info.name);
  return names;
}

// CLI11 reads -1 as 2^64 - 1, and what is above as that, too.
std::string natural_number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good ? "" : fmt::format("{} is no number from 0 to 2^64 - 1", text);
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
    Trainer(std::move(options)).run();
    return;
  }
  const fs::path file = resume.empty() ? fs::path(options.output) / "last.safetensors" : fs::path(resume);
  check<FileError>(fs::exists(file),
                   "train: --resume: {} does not exist. Name the run's folder with --output, or its checkpoint.", file.string());
  check<FileError>(!fs::is_directory(file), "train: --resume: {} is a folder. Write --resume -o {} to go on with the run in it.",
                   file.string(), file.string());
  const Checkpoint checkpoint = load_checkpoint(file.string());
  TrainOptions merged = merge_for_resume(checkpoint.options, options, given);
  if (!given.contains("output")) merged.output = file.has_parent_path() ? file.parent_path().string() : ".";
  resolve(merged);
  const fs::path output = fs::absolute(merged.output);
  Trainer trainer(std::move(merged), checkpoint, file.string());
  bring_best(fs::absolute(file), output);  // only now: a run that cannot start takes no other run's best away
  trainer.run();
}

}  // namespace

void register_train(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("train", "Train a segmentation network; without flags, on drawn shapes.");
  const auto options = std::make_shared<TrainOptions>();
  const auto resume = std::make_shared<std::string>();
  const auto settings = std::make_shared<std::vector<std::string>>();
  TrainOptions& o = *options;

  command
      ->add_option("--dataset", o.dataset,
                   "shapes: drawn scenes; folder: DIR/{train,val}/{images,labels} [folder with --data, else shapes]")
      ->check(CLI::IsMember({"shapes", "folder"}))
      ->group("Data");
  command->add_option("--data", o.data, "The folder of --dataset folder")->type_name("DIR")->group("Data");
  command->add_option("--samples", o.samples, "Scenes to train on, of shapes; an eighth as many are held out [4096]")
      ->group("Data");
  command->add_option("--size", o.size, "Scale all pictures to this size; of shapes, draw them so [64x64 for shapes]")
      ->type_name("HxW")
      ->group("Data");
  command->add_option("--crop", o.crop, "Train on random windows of this size [whole pictures]")->type_name("HxW")->group("Data");
  command
      ->add_flag("--augment,!--no-augment", o.augment,
                 "Random flips; of a folder's pictures also colours and, with --crop, scales [yes]")
      ->group("Data");
  command->add_option("-c,--classes", o.classes, "Number of classes [found out from the data]")->group("Data");
  command->add_option("--ignore-index", o.ignore_index, "Label of pixels outside loss and metrics [found out from the data]")
      ->group("Data");
  command->add_option("--class-weights", o.class_weights, "Weights of classes in the loss: none, or by median frequency")
      ->check(CLI::IsMember({"none", "median"}))
      ->group("Data");

  command->add_option("--model", o.model, "The network; tessera models lists them")
      ->check(CLI::IsMember(dense_models()))
      ->group("Network");
  add_setting_option(*command, *settings)->group("Network");
  command->add_option("--feature-scale", o.feature_scale, "Divides a U-Net's channels [8 for shapes, else 4]")
      ->group("Network");
  command->add_flag("--deconv,!--no-deconv", o.deconv, "U-Net: upsampling by transposed convolution, or bilinear [yes]")
      ->group("Network");
  command->add_flag("--batchnorm,!--no-batchnorm", o.batchnorm, "U-Net: batch normalisation [yes]")->group("Network");
  command->add_option("--weights", o.weights, "Start from the weights of this file: .pth, .safetensors or a checkpoint")
      ->type_name("FILE")
      ->group("Network");
  command->add_flag("--partial", o.partial, "Take of --weights what fits by name and shape, and list the rest")->group("Network");

  command->add_option("-e,--epochs", o.epochs, "Passes over the training set [6 for shapes, else 50]")->group("Training");
  command->add_option("-b,--batch-size", o.batch_size, "Pictures a step [8 for shapes, else 4]")->group("Training");
  command->add_option("--optimizer", o.optimizer)->check(CLI::IsMember({"sgd", "rmsprop", "adam", "adamw"}))->group("Training");
  command->add_option("--lr,--learning-rate", o.lr, "Learning rate; the highest, of onecycle [by optimizer and data set]")
      ->group("Training");
  command
      ->add_option("--schedule", o.schedule,
                   "Of the learning rate: constant, one cycle over the run, or a tenth when the val loss has stayed for 5 epochs")
      ->check(CLI::IsMember({"none", "onecycle", "plateau"}))
      ->group("Training");
  command->add_option("--weight-decay,--wd", o.weight_decay)->group("Training");
  command->add_option("--momentum", o.momentum, "Of sgd and rmsprop")->group("Training");
  command->add_option("--clip-grad", o.clip_grad, "Clip the gradients' norm to this; 0: never")->group("Training");
  command->add_option("--val-every", o.val_every, "Epochs between validations; the last is always validated")->group("Training");
  command->add_option("--seed", o.seed, "Of weights, order and augmentation")->check(natural_number)->group("Training");

  command->add_option("-o,--output,--output-dir", o.output, "Folder for checkpoints, metrics.csv, config.json, predictions.png")
      ->type_name("DIR")
      ->group("Run");
  command->add_option("--resume", *resume, "Go on from last.safetensors in the output folder, or from FILE")
      ->type_name("[FILE]")
      ->expected(0, 1)
      ->group("Run");
  command->add_option("--device", o.device, "cpu")->group("Run");
  command->add_option("-j,--workers", o.workers, "Threads that read and prepare pictures")->group("Run");
  command->add_option("--threads", o.threads, "Threads that compute; 0: all cores")->group("Run");
  command->add_flag("--detect-anomaly", o.detect_anomaly, "Look at every result for NaN and infinity; slow")->group("Run");

  command->callback([command, options, resume, settings] {
    options->setting = parse_settings(*settings);
    train(*command, *options, *resume);
  });
}

}  // namespace tessera::tools
