#include "tools/weights.h"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "models/registry.h"
#include "nn/serialize/pickle.h"
#include "nn/serialize/state_dict.h"
#include "tools/checkpoint.h"

namespace tessera::tools {
namespace {

// "  not taken, in the file alone (3): a, b, c", and no more than the first few names.
std::string line(const char* what, const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  if (names.empty()) return "";
  std::string text = fmt::format("    {} ({}): ", what, names.size());
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return text + (names.size() > kShown ? ", ...\n" : "\n");
}

void strip_checkpoint(Weights& weights) {
  weights.format = "Tessera checkpoint";
  const size_t all = weights.tensors.size();
  std::erase_if(weights.tensors,
                [](const auto& t) { return t.first.starts_with(kOptimizerPrefix) || t.first.starts_with(kTrainedPrefix); });
  if (all > weights.tensors.size())
    weights.left_out.push_back(fmt::format("optimizer ({} tensors)", all - weights.tensors.size()));
  std::map<std::string, std::string> kept;
  for (const char* key : {"network", "classes", "palette", "mean", "std", "ignore_index"})
    if (const auto it = weights.metadata.find(key); it != weights.metadata.end()) kept.insert(*it);
  const nlohmann::json progress = nlohmann::json::parse(weights.metadata["progress"], nullptr, /*allow_exceptions=*/false);
  if (progress.is_object() && progress.contains("epoch")) kept["epoch"] = progress["epoch"].dump();
  weights.metadata = std::move(kept);
}

}  // namespace

Weights load_model_weights(const std::string& file) {
  Weights weights = load_weights(file);
  const auto format = weights.metadata.find("format");
  if (format != weights.metadata.end() && format->second == kCheckpointFormat) strip_checkpoint(weights);
  return weights;
}

std::string take_weights(const nn::Module& network, const std::string& model, const std::string& file, bool partial) {
  const NamedTensors tensors = models::rename_backbone(model, load_model_weights(file).tensors);
  if (!partial) {
    try {
      nn::load_state_dict(network, tensors);
    } catch (const ValueError& error) {
      throw FileError(fmt::format("{}: {}. With --partial, what fits is taken.", file, error.what()));
    }
    return fmt::format("  weights from {}: all {} tensors\n", file, tensors.size());
  }

  std::unordered_map<std::string, const Tensor*> given;
  for (const auto& [name, tensor] : tensors) given.emplace(name, &tensor);
  NamedTensors taken;
  std::vector<std::string> unfit, missing, unexpected;
  int64_t elements = 0;
  const NamedTensors own = nn::state_dict(network);
  for (const auto& [name, tensor] : own) {
    const auto it = given.find(name);
    if (it == given.end()) {
      missing.push_back(name);
      continue;
    }
    if (it->second->sizes() == tensor.sizes()) {
      elements += tensor.numel();
      taken.emplace_back(name, *it->second);
    } else {
      unfit.push_back(fmt::format("{} {} for {}", name, it->second->sizes(), tensor.sizes()));
    }
    given.erase(it);
  }
  for (const auto& [name, tensor] : tensors)
    if (given.contains(name)) unexpected.push_back(printable(name, 60));
  check<FileError>(!taken.empty(), "{}: none of its {} tensors fits {} by name and shape. `tessera info` lists them.", file,
                   tensors.size(), model);
  nn::load_state_dict(network, taken, /*strict=*/false);
  return fmt::format("  weights from {}: {} of the network's {} tensors, {} numbers\n", file, taken.size(), own.size(),
                     elements) +
         line("not taken, of another shape", unfit) + line("not taken, the network has none", unexpected) +
         line("as initialised, the file has none", missing);
}

}  // namespace tessera::tools
