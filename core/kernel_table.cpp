#include "core/kernel_table.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

namespace tessera {
namespace {

using detail::Implementation;

struct Override {
  std::string kernel;  // "" stands for all
  Implementation implementation;
};
using Overrides = std::vector<Override>;

Implementation parse_implementation(const std::string& name) {
  if (name == "best") return Implementation::Best;
  if (name == "reference") return Implementation::Reference;
  if (name == "cpu") return Implementation::Cpu;
  if (name == "cuda") return Implementation::Cuda;
  if (name == "cudnn") return Implementation::Cudnn;
  throw ValueError(fmt::format("kernel implementation \"{}\" is unknown. Use best, reference, cpu, cuda or cudnn.", name));
}

Overrides parse(const std::string& text) {
  Overrides result;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string entry = text.substr(begin, end - begin);
    const size_t equals = entry.find('=');
    const std::string kernel = equals == std::string::npos ? "" : entry.substr(0, equals);
    result.push_back({kernel, parse_implementation(equals == std::string::npos ? entry : entry.substr(equals + 1))});
    begin = end + 1;
  }
  return result;
}

std::atomic<std::shared_ptr<const Overrides>>& current() {
  static std::atomic<std::shared_ptr<const Overrides>> overrides = [] {
    const char* text = std::getenv("TESSERA_KERNELS");
    return std::make_shared<const Overrides>(parse(text == nullptr ? "" : text));
  }();
  return overrides;
}

bool stands_for(std::string_view key, std::string_view kernel) {
  return key.empty() || key == kernel || (kernel.size() > key.size() && kernel.starts_with(key) && kernel[key.size()] == '_');
}

}  // namespace

void set_kernels(const std::string& overrides) { current().store(std::make_shared<const Overrides>(parse(overrides))); }

detail::Implementation detail::kernel_override(const char* kernel) {
  const std::shared_ptr<const Overrides> overrides = current().load();
  Implementation chosen = Implementation::Best;
  for (const Override& entry : *overrides)
    if (stands_for(entry.kernel, kernel)) chosen = entry.implementation;  // the last one wins
  return chosen;
}

void detail::no_kernel(const char* kernel, const char* what) {
  throw DeviceError(fmt::format("{}: this build of Tessera has no {} kernel. Use the device cpu.", kernel, what));
}

}  // namespace tessera
