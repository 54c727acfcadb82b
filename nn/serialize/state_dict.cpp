#include "nn/serialize/state_dict.h"

#include <unordered_map>

#include "core/grad_mode.h"
#include "core/ops/copy.h"

namespace tessera::nn {
namespace {

void collect(const Module& module, const std::string& prefix, NamedTensors& result) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) result.emplace_back(prefix + item.key(), item->detach());
  for (const auto& item : module.named_buffers(/*recurse=*/false)) result.emplace_back(prefix + item.key(), item->detach());
  for (const auto& child : module.named_children()) collect(*child.value(), prefix + child.key() + ".", result);
}

// The first few of a long list of names.
std::string some(const std::vector<std::string>& names) {
  constexpr size_t kShown = 20;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kShown ? fmt::format("{} and {} more", text, names.size() - kShown) : text;
}

}  // namespace

NamedTensors state_dict(const Module& module) {
  NamedTensors result;
  collect(module, "", result);
  return result;
}

void load_state_dict(const Module& module, const NamedTensors& tensors, bool strict) {
  std::unordered_map<std::string, const Tensor*> given;
  for (const auto& [name, tensor] : tensors) given.emplace(name, &tensor);
  const NamedTensors own = state_dict(module);
  std::vector<std::string> missing, unexpected, unfit;
  std::vector<std::pair<const Tensor*, const Tensor*>> copies;
  for (const auto& [name, tensor] : own) {
    const auto it = given.find(name);
    if (it == given.end()) {
      if (strict && !name.ends_with("num_batches_tracked")) missing.push_back(name);
      continue;
    }
    if (it->second->sizes() == tensor.sizes())
      copies.emplace_back(&tensor, it->second);
    else
      unfit.push_back(fmt::format("{} ({} given, {} wanted)", name, it->second->sizes(), tensor.sizes()));
    given.erase(it);
  }
  if (strict)
    for (const auto& [name, tensor] : tensors)
      if (given.contains(name)) unexpected.push_back(name);
  std::string message;
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) message += fmt::format("{}{}: {}", message.empty() ? " " : "; ", what, some(names));
  };
  add("missing", missing);
  add("unexpected", unexpected);
  add("of another shape", unfit);
  check<ValueError>(message.empty(), "load_state_dict: the tensors are not those of {}:{}", module.name(), message);
  const NoGradGuard no_grad;
  for (const auto& [to, from] : copies) copy_(*to, *from);
}

}  // namespace tessera::nn
