#include "tools/html_report/environment.h"

#include <fmt/format.h>
#include <omp.h>
#include <sys/utsname.h>

#include <fstream>

#include "core/cuda.h"

namespace tessera::tools {
namespace {

// "AMD EPYC 9R14" from /proc/cpuinfo; empty where that file is another one.
std::string processor() {
  std::ifstream stream("/proc/cpuinfo");
  std::string line;
  while (std::getline(stream, line))
    if (line.starts_with("model name"))
      if (const size_t colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_environment(const Device& device) {
  std::vector<std::pair<std::string, std::string>> facts = {{"tessera", TESSERA_VERSION}, {"compiler", "g++ " __VERSION__}};
#ifdef __clang__
  facts.back().second = "clang++ " __clang_version__;
#endif
  utsname system{};
  if (uname(&system) == 0) facts.emplace_back("system", fmt::format("{} {} {}", system.sysname, system.release, system.machine));
  if (const std::string name = processor(); !name.empty()) facts.emplace_back("processor", name);
  facts.emplace_back("threads", std::to_string(omp_get_max_threads()));
  facts.emplace_back("device", device.is_cuda() ? cuda::device_name(device) : device.str());
  return facts;
}

}  // namespace tessera::tools
