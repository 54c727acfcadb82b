#include "tools/models_command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>

#include "models/registry.h"
#include "tools/command.h"

namespace tessera::tools {
namespace {

void list() {
  size_t width = 0;
  for (const models::ModelInfo& info : models::list_models()) width = std::max(width, info.name.size());
  for (const models::ModelInfo& info : models::list_models()) fmt::print("{:<{}}  {}\n", info.name, width, info.help);
  fmt::print("\nSettings of one: tessera models NAME. Layers, shapes and memory: tessera summary NAME.\n");
}

void show(const std::string& name) {
  const auto& all = models::list_models();
  const auto it = std::find_if(all.begin(), all.end(), [&](const models::ModelInfo& info) { return info.name == name; });
  check<UsageError>(it != all.end(), "there is no network '{}'. tessera models lists all.", name);
  fmt::print("{}: {}\n", it->name, it->help);
  size_t width = 0;
  for (const models::ModelSetting& s : it->settings) width = std::max(width, s.name.size() + s.default_value.size() + 1);
  for (const models::ModelSetting& s : it->settings)
    fmt::print("  --setting {:<{}}  {}\n", s.name + "=" + s.default_value, width, s.help);
}

}  // namespace

void register_models(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("models", "List the networks; with a name, its settings.");
  const auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "A network")->type_name("NAME");
  command->callback([name] { name->empty() ? list() : show(*name); });
}

}  // namespace tessera::tools
