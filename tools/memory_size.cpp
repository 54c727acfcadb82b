#include "tools/memory_size.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <map>

#include "tools/command.h"

namespace tessera::tools {
namespace {

// What Linux says it could give away without swapping, and no more than the container may have; 4 GiB where neither is known.
double free_memory() {
  double bytes = 4.0 * (1 << 30);
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name, unit; meminfo >> name;) {
    double kibibytes = 0;
    meminfo >> kibibytes;
    std::getline(meminfo, unit);
    if (name == "MemAvailable:") bytes = kibibytes * 1024;
  }
  double limit = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit && limit > 0) bytes = std::min(bytes, limit);
  return bytes;
}

}  // namespace

size_t cache_size(const std::string& text) {
  if (text == "auto") return static_cast<size_t>(free_memory() / 4);
  static const std::map<std::string, double> units = {{"", 1},       {"B", 1},           {"KB", 1e3},         {"MB", 1e6},
                                                      {"GB", 1e9},   {"K", 1 << 10},     {"M", 1 << 20},      {"G", 1 << 30},
                                                      {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1 << 30}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = units.find(std::string(end, text.data() + text.size()));
  const bool good = error == std::errc() && unit != units.end() && number >= 0 && number * unit->second < 0x1p60;
  check<UsageError>(good, "--cache: '{}' is no size. Write for example 500MiB, 2GiB, 0 for none, or auto.", text);
  return static_cast<size_t>(number * unit->second);
}

}  // namespace tessera::tools
