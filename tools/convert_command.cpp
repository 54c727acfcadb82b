#include "tools/convert_command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <filesystem>
#include <memory>

#include "core/grad_mode.h"
#include "core/ops.h"
#include "tools/command.h"
#include "tools/weights.h"

namespace tessera::tools {
namespace {

struct ConvertOptions {
  std::string input, output, dtype;
};

ScalarType parse_dtype(const std::string& name) {
  for (const ScalarType dtype : {kFloat64, kFloat32, kBFloat16})
    if (name == to_string(dtype)) return dtype;
  return kFloat16;
}

// Counters and masks keep their dtype.
void change_dtype(NamedTensors& tensors, ScalarType dtype) {
  const NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point()) continue;
    const Tensor converted = tensor.to(dtype);
    check<ValueError>(converted.numel() == 0 || isfinite(converted).eq(isfinite(tensor)).all().item<bool>(),
                      "convert: {} has numbers that are too large for {}. Use bfloat16.", name, dtype);
    tensor = converted;
  }
}

void convert(const ConvertOptions& options) {
  const std::string ending = std::filesystem::path(options.output).extension().string();
  check<UsageError>(ending == ".safetensors" || ending == ".pth" || ending == ".pt" || ending == ".npy",
                    "{}: the ending says the format: .safetensors, .pth, .pt or .npy.", options.output);
  Weights weights = load_model_weights(options.input);
  if (!options.dtype.empty()) change_dtype(weights.tensors, parse_dtype(options.dtype));
  save_weights(options.output, weights);
  fmt::print("{}: {} tensors, {} bytes, from {} ({})\n", options.output, weights.tensors.size(),
             std::filesystem::file_size(options.output), options.input, weights.format);
  for (const std::string& entry : weights.left_out) fmt::print("left out: {}\n", entry);
}

}  // namespace

void register_convert(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("convert", "Write a model's weights in another format: .safetensors, .pth for PyTorch, .npy.");
  const auto options = std::make_shared<ConvertOptions>();
  ConvertOptions& o = *options;
  command->add_option("input", o.input, "A weight file, or a checkpoint of train")->type_name("IN")->required();
  command->add_option("output", o.output, "The file to write; its ending says the format")->type_name("OUT")->required();
  command->add_option("--dtype", o.dtype, "Of the floating-point tensors [as they are]")
      ->check(CLI::IsMember({"float64", "float32", "float16", "bfloat16"}));
  command->callback([options] { convert(*options); });
}

}  // namespace tessera::tools
