#include "tools/bench_command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/cuda.h"
#include "tools/bench/step_bench.h"
#include "tools/command.h"
#include "tools/image_shape.h"
#include "tools/model_settings.h"
#include "tools/precision.h"

namespace tessera::tools {
namespace {

struct BenchOptions {
  std::string model, input = "16x3x256x512", device = "cpu", anchors;
  std::vector<std::string> settings, precisions = {"fp32"};
  int64_t classes = 12, steps = 20;
  bool cuda_graph = true, channels_last = true, profile = false;
};

// A network under the name that its figures have in tables.
struct Subject {
  std::string key, model;
  std::map<std::string, std::string> settings;
  std::vector<int64_t> shape;
  int64_t classes;
};

const std::vector<Subject>& known_subjects() {
  static const std::vector<Subject> subjects = {
      {"fcn_resnet18_320x480_b32_c21", "fcn_resnet18", {}, {32, 3, 320, 480}, 21},
      {"unet_deconv_256x512_b16_c12", "unet", {{"is_deconv", "true"}}, {16, 3, 256, 512}, 12},
      {"unet_bilinear_256x512_b16_c12", "unet", {{"is_deconv", "false"}}, {16, 3, 256, 512}, 12},
      {"fcn_vgg16bn_352x480_b8_c12", "fcn_vgg16", {}, {8, 3, 352, 480}, 12}};
  return subjects;
}

std::vector<Subject> subjects_of(const BenchOptions& o) {
  if (o.model.empty()) return known_subjects();
  for (const Subject& subject : known_subjects())
    if (subject.key == o.model) return {subject};
  return {{o.model, o.model, parse_settings(o.settings), parse_image_shape("input", o.input), o.classes}};
}

nlohmann::json load_anchors(const std::string& file) {
  if (file.empty()) return nlohmann::json::object();
  std::ifstream stream(file);
  check<FileError>(stream.good(), "bench: --anchors: {} cannot be read.", file);
  const nlohmann::json json = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  check<FileError>(json.is_object() && json.contains("nets"), "bench: --anchors: {} holds no object with \"nets\".", file);
  return json["nets"];
}

// " (0.93)": of the anchor's figure, if there is one.
std::string ratio(const nlohmann::json& anchors, const std::string& row, const char* field, double value) {
  if (!anchors.contains(row) || !anchors[row].contains(field)) return "";
  return fmt::format(" ({:.2f})", value / anchors[row][field].get<double>());
}

void bench(const BenchOptions& o) {
  const Device device(o.device);
  const std::string name = cuda::device_name(device);  // DeviceError where there is none
  const nlohmann::json anchors = load_anchors(o.anchors);
  fmt::print("{}{}\n", name, device.is_cuda() && o.cuda_graph ? ", steps replayed as CUDA graphs" : "");
  fmt::print("{:<44}{:>20}{:>12}{:>20}{:>20}{:>22}{:>12}\n", "", "training step ms", "images/s", "inference ms",
             "of one picture ms", "peak memory MiB", "loss");
  for (const Subject& subject : subjects_of(o))
    for (const std::string& precision : o.precisions) {
      check_precision(precision);
      StepBenchOptions step{subject.model, subject.settings, subject.shape, subject.classes, device, precision, o.channels_last,
                            o.cuda_graph && device.is_cuda(), o.steps};
      if (o.profile) {
        fmt::print("{} {}\n{}\n", subject.key, precision, profile_step(step));
        continue;
      }
      const StepTimes t = measure_steps(step);
      const std::string row = subject.key + "/" + precision + (o.channels_last ? "_cl" : "");
      const double mib = static_cast<double>(t.peak_bytes) / (1 << 20);
      fmt::print("{:<44}{:>20}{:>12.1f}{:>20}{:>20}{:>22}{:>12.7g}\n", row,
                 fmt::format("{:.3f}{}", t.train_ms, ratio(anchors, row, "train_ms", t.train_ms)),
                 static_cast<double>(subject.shape[0]) / t.train_ms * 1000,
                 fmt::format("{:.3f}{}", t.infer_ms, ratio(anchors, row, "infer_ms", t.infer_ms)),
                 fmt::format("{:.3f}{}", t.infer_b1_ms, ratio(anchors, row, "infer_b1_ms", t.infer_b1_ms)),
                 fmt::format("{:.0f}{}", mib, ratio(anchors, row, "peak_MiB", mib)), t.loss);
      if (!std::isfinite(t.loss)) fmt::print("  its loss is {} at the end: these times are of a step that computes nonsense\n", t.loss);
      std::fflush(stdout);
    }
}

}  // namespace

void register_bench(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("bench", "Time training steps and inference of networks.");
  const auto options = std::make_shared<BenchOptions>();
  BenchOptions& o = *options;
  command->add_option("model", o.model, "A network, or one of the known benchmarks; left out: all of those")->type_name("MODEL");
  command->add_option("-i,--input", o.input, "Shape of the images")->type_name("NxCxHxW");
  command->add_option("-c,--classes", o.classes, "Number of classes")->check(CLI::Range(1, 65536));
  add_setting_option(*command, o.settings);
  command->add_option("--device", o.device, "cpu, cuda or cuda:N");
  command->add_option("--precision", o.precisions, "fp32, tf32, bf16; several are measured one after the other")->delimiter(',');
  command->add_flag("--cuda-graph,!--no-cuda-graph", o.cuda_graph, "Replay steps as CUDA graphs, on CUDA [yes]");
  command->add_flag("--channels-last,!--no-channels-last", o.channels_last, "Memory format of images and weights [yes]");
  command->add_option("--steps", o.steps, "Timed steps")->check(CLI::Range(1, 100000));
  command->add_flag("--profile", o.profile, "Instead, what each kernel of one training step takes");
  command->add_option("--anchors", o.anchors, "JSON file of figures to compare with: {\"nets\": {NETWORK/PRECISION_cl: {\"train_ms\": ...}}}")
      ->type_name("FILE");
  command->callback([options] { bench(*options); });
}

}  // namespace tessera::tools
