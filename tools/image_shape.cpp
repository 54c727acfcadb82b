#include "tools/image_shape.h"

#include <charconv>

#include "tools/command.h"

namespace tessera::tools {

std::vector<int64_t> parse_image_shape(const std::string& flag, const std::string& text) {
  std::vector<int64_t> sizes;
  const char *at = text.data(), *const end = at + text.size();
  while (at < end) {
    int64_t size = 0;
    const auto [stop, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 1 || size > 65536 || (stop != end && *stop != 'x')) break;
    sizes.push_back(size);
    at = stop == end ? end : stop + 1;
  }
  check<UsageError>(at == end && sizes.size() == 4 && !text.ends_with('x'),
                    "--{}: '{}' is no shape. Write batch x channels x height x width, for example 1x3x320x480.", flag, text);
  return sizes;
}

}  // namespace tessera::tools
