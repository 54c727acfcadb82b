#include "tools/info_command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "nn/serialize/pickle.h"
#include "tools/weights.h"

namespace tessera::tools {
namespace {

// Running statistics are saved with the weights and are no parameters.
bool is_statistic(const std::string& name) {
  return name.ends_with("running_mean") || name.ends_with("running_var") || name.ends_with("num_batches_tracked");
}

void info(const std::string& file) {
  const Weights weights = load_model_weights(file);
  size_t width = 4;
  for (const auto& [name, tensor] : weights.tensors) width = std::max(width, printable(name).size());
  fmt::print("{}: {}, {} bytes\n\n", file, weights.format, std::filesystem::file_size(file));
  fmt::print("{:<{}}  {:<8}  {:>10}  {:>10}  shape\n", "name", width, "dtype", "elements", "bytes");
  int64_t parameters = 0, statistics = 0;
  size_t bytes = 0;
  for (const auto& [name, tensor] : weights.tensors) {
    (is_statistic(name) ? statistics : parameters) += tensor.numel();
    bytes += tensor.nbytes();
    fmt::print("{:<{}}  {:<8}  {:>10}  {:>10}  {}\n", printable(name), width, tensor.dtype(), tensor.numel(), tensor.nbytes(),
               tensor.sizes());
  }
  fmt::print("\n{} tensors: {} parameters{}, {} bytes\n", weights.tensors.size(), parameters,
             statistics > 0 ? fmt::format(" and {} running statistics", statistics) : "", bytes);
  for (const auto& [key, text] : weights.metadata) fmt::print("{}: {}\n", printable(key), printable(text));
  for (const std::string& entry : weights.left_out) fmt::print("besides: {}\n", entry);
}

}  // namespace

void register_info(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("info", "Show what a weight file holds: names, shapes, dtypes, totals.");
  const auto file = std::make_shared<std::string>();
  command->add_option("file", *file, ".safetensors, .pth, .npy or a checkpoint of train")->type_name("FILE")->required();
  command->callback([file] { info(*file); });
}

}  // namespace tessera::tools
