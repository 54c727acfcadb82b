// Images from files, by stb_image. Label maps and writing are in png.cpp.
#include "data/image.h"

#include <fmt/format.h>

#include <memory>
#include <span>

#include "data/file.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC  // a program that has its own copy of stb_image still links
#define STBI_NO_STDIO
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#include <stb/stb_image.h>

namespace tessera::data {
namespace {

constexpr char kOperation[] = "read_image";

// Walks a JPEG file's segments up to its end marker. stb_image paints what a truncated file lacks in grey and reports nothing,
// so completeness is checked here. Segments: FF, a type byte, a length of 2 bytes (big-endian, counting itself). After the
// start of a scan (DA) compressed data follows, in which FF is always followed by 00 or a restart marker (D0..D7).
bool jpeg_is_complete(std::span<const uint8_t> bytes) {
  size_t i = 2;  // past the start marker FF D8
  while (i + 1 < bytes.size()) {
    if (bytes[i] != 0xFF || bytes[i + 1] == 0x00 || bytes[i + 1] == 0xFF) {
      ++i;  // compressed data, or a fill byte before a marker
      continue;
    }
    const uint8_t marker = bytes[i + 1];
    i += 2;
    if (marker == 0xD9) return true;
    if ((marker >= 0xD0 && marker <= 0xD8) || marker == 0x01) continue;  // markers without a length
    if (i + 1 >= bytes.size()) return false;
    i += static_cast<size_t>(bytes[i]) << 8 | bytes[i + 1];
  }
  return false;
}

}  // namespace

Image::Image(int height, int width, int channels, uint8_t fill)
    : height(height), width(width), channels(channels), pixels(static_cast<size_t>(height) * width * channels, fill) {}

Label::Label(int height, int width, int32_t fill)
    : height(height), width(width), ids(static_cast<size_t>(height) * width, fill) {}

Image read_image(const std::filesystem::path& file) {
  const std::vector<uint8_t> bytes = read_file(kOperation, file);
  if (bytes.empty()) file_error(kOperation, file, "is empty", "Copy it again or remove it from the data set.");

  const int size = static_cast<int>(bytes.size());  // read_file admits no more than 2^30
  int width = 0, height = 0, channels = 0;
  if (!stbi_info_from_memory(bytes.data(), size, &width, &height, &channels))
    file_error(kOperation, file, "is no JPEG, PNG or BMP image, or its header is damaged",
               "Convert it to one of these or remove it from the data set.");
  check_declared_size(kOperation, file, height, width, bytes.size());
  if (bytes[0] == 0xFF && bytes[1] == 0xD8 && !jpeg_is_complete(bytes))
    file_error(kOperation, file, "is truncated: the JPEG data stops before its end marker",
               "Copy it again or remove it from the data set.");

  const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3), &stbi_image_free);
  if (!decoded)
    file_error(kOperation, file, fmt::format("is truncated or damaged ({})", stbi_failure_reason()),
               "Copy it again or remove it from the data set.");
  Image image;
  image.height = height;
  image.width = width;
  image.pixels.assign(decoded.get(), decoded.get() + static_cast<size_t>(height) * width * 3);
  return image;
}

}  // namespace tessera::data
