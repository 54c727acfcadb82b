#include "tools/freezing.h"

#include "tools/command.h"

namespace tessera::tools {

void freeze(const nn::Module& network, const std::vector<std::string>& prefixes) {
  const auto parameters = network.named_parameters();
  for (const std::string& prefix : prefixes) {
    bool found = false;
    for (const auto& item : parameters) {
      if (prefix.empty() || !item.key().starts_with(prefix)) continue;
      found = true;
      Tensor parameter = item.value();
      parameter.requires_grad_(false);
    }
    if (found) continue;
    std::vector<std::string> parts;
    for (const auto& child : network.named_children()) parts.push_back(child.key());
    throw UsageError(fmt::format("--freeze: no parameter's name starts with '{}'. The network's parts are {}.", prefix,
                                 fmt::join(parts, ", ")));
  }
}

void keep_frozen(const nn::Module& network, const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return;
  for (const auto& item : network.named_modules("", /*include_self=*/false))
    for (const std::string& prefix : prefixes)
      if ((item.key() + ".").starts_with(prefix)) item.value()->eval();
}

}  // namespace tessera::tools
