#include "tools/predictor_flags.h"

#include <omp.h>

#include <CLI/App.hpp>
#include <algorithm>

#include "tools/command.h"
#include "tools/model_settings.h"
#include "tools/precision.h"

namespace tessera::tools {
namespace {

TrainedNetwork load(const PredictorFlags& flags) {
  if (flags.network.empty()) {
    check<UsageError>(flags.settings.empty() && flags.classes == 0 && flags.mean.empty() && flags.std.empty(),
                      "--setting, --classes, --mean and --std describe the network of weights alone. They need --network.");
    return load_trained_network(flags.model);
  }
  check<UsageError>(flags.classes >= 1, "--network: how many classes does it have? Add --classes.");
  check<UsageError>(models::model_info(flags.network).kind == models::OutputKind::PixelScores,
                    "--network: {} gives one answer for a whole picture; scores for each pixel are needed.", flags.network);
  TrainedNetwork network = load_trained_network(flags.model, {flags.network, parse_settings(flags.settings), flags.classes});
  if (!flags.mean.empty()) std::copy_n(flags.mean.begin(), 3, network.classes.mean.begin());
  if (!flags.std.empty()) std::copy_n(flags.std.begin(), 3, network.classes.std.begin());
  return network;
}

}  // namespace

void add_predictor_flags(CLI::App& command, PredictorFlags& f) {
  command.add_option("-m,--model", f.model, "best.safetensors or last.safetensors of a run; weights, with --network")
      ->type_name("FILE")
      ->required();
  command.add_option("--network", f.network, "Of weights that are no checkpoint: the network; tessera models lists them")
      ->type_name("NAME")
      ->group("Weights alone");
  add_setting_option(command, f.settings)->group("Weights alone");
  command.add_option("-c,--classes", f.classes, "Its number of classes")->default_str("")->group("Weights alone");
  for (const auto& [name, values] : {std::pair{"--mean", &f.mean}, std::pair{"--std", &f.std}})
    command.add_option(name, *values, "Of the pictures it was trained on: red, green, blue / 255 [ImageNet's]")
        ->type_name("R,G,B")
        ->delimiter(',')
        ->expected(3)
        ->default_str("")
        ->group("Weights alone");
  command
      .add_option_function<std::string>(
          "--tta", [&f](const std::string& views) { f.tta = views.empty() ? "h" : views; },
          "Average over mirror images: h left and right, hv also upside down and both [none; h]")
      ->type_name("[h|hv]")
      ->check(CLI::IsMember({"h", "hv"}))
      ->expected(0, 1);
  command.add_option("--tile", f.tile, "Predict in overlapping tiles of this size, pictures unscaled, in bounded memory")
      ->type_name("HxW");
  command.add_option("--overlap", f.overlap, "Of neighbouring tiles, as a part of their size")->check(CLI::Range(0.0, 0.95));
  command.add_option("-b,--batch-size", f.batch_size, "Pictures or tiles that go through the network together")
      ->check(CLI::Range(1, 4096));
  command.add_option("--device", f.device, "cpu, cuda or cuda:N");
  command.add_option("--precision", f.precision, "fp32, tf32 (products, on CUDA devices) or bf16")
      ->check(CLI::IsMember({"fp32", "tf32", "bf16"}));
  command.add_option("--threads", f.threads, "Threads that compute; 0: all cores")->check(CLI::Range(0, 1024));
}

Predictor make_predictor(const PredictorFlags& flags) {
  check<UsageError>(flags.overlap >= 0, "--overlap: {}. From 0 to 0.95.", flags.overlap);  // CLI::Range lets NaN pass
  PredictorOptions options{.device = flags.device, .precision = flags.precision};
  use_precision(flags.precision);
  if (flags.tta == "h") options.flips = Flips::horizontal;
  if (flags.tta == "hv") options.flips = Flips::all;
  if (!flags.tile.empty()) options.window = {parse_size("tile", flags.tile), flags.overlap, flags.batch_size};
  if (flags.threads > 0) omp_set_num_threads(static_cast<int>(flags.threads));
  return Predictor(load(flags), options);
}

}  // namespace tessera::tools
