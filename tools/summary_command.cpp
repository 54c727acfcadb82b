#include "tools/summary_command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "core/ops/creation.h"
#include "core/ops/random.h"
#include "models/registry.h"
#include "tools/command.h"
#include "tools/image_shape.h"
#include "tools/layer_summary.h"
#include "tools/model_settings.h"

namespace tessera::tools {
namespace {

struct SummaryOptions {
  std::string model, input = "1x3x224x224";
  std::vector<std::string> settings;
  int64_t classes = 21, depth = 0;
};

void summary(const SummaryOptions& options) {
  const std::vector<int64_t> shape = parse_image_shape("input", options.input);
  const nn::AnyModule network = models::make_model(
      options.model, {.in_channels = shape[1], .num_classes = options.classes, .settings = parse_settings(options.settings)});
  fmt::print("{} on {}, {} classes, {}\n\n", options.model, options.input, options.classes, kFloat32);
  fmt::print("{}", format_summary(summarize(network, randn(shape)), options.depth));
}

}  // namespace

void register_summary(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("summary", "Show a network's layers: shapes, parameters, multiply-adds, memory.");
  const auto options = std::make_shared<SummaryOptions>();
  SummaryOptions& o = *options;
  command->add_option("model", o.model, "The network; tessera models lists them")->type_name("MODEL")->required();
  command->add_option("-i,--input", o.input, "Shape of the input")->type_name("NxCxHxW");
  command->add_option("-c,--classes", o.classes, "Number of classes")->check(CLI::Range(1, 65536));
  command->add_option("--depth", o.depth, "Add up the layers below this depth; 0: show all")->check(CLI::Range(0, 64));
  add_setting_option(*command, o.settings);
  command->callback([options] { summary(*options); });
}

}  // namespace tessera::tools
