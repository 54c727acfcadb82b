// Images from files, JPEG and BMP by stb_image. PNG files, label maps and writing are in png.cpp.
#include "data/image.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "data/file.h"
#include "data/jpeg_tables.h"
#include "data/png.h"

// Zeroed memory: version 2.27, which Debian 12 has, decodes with tables that a damaged JPEG never defines. Of zeros they are
// harmless.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(memory, size) std::realloc(memory, size)
#define STBI_FREE(memory) std::free(memory)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC  // a program that has its own copy of stb_image still links
#define STBI_NO_STDIO
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#include <stb/stb_image.h>

namespace tessera::data {
namespace {

constexpr char kOperation[] = "read_image";

}  // namespace

Image::Image(int height, int width, int channels, uint8_t fill)
    : height(height), width(width), channels(channels), pixels(static_cast<size_t>(height) * width * channels, fill) {}

Label::Label(int height, int width, int32_t fill)
    : height(height), width(width), ids(static_cast<size_t>(height) * width, fill) {}

Image read_image(const std::filesystem::path& file) {
  return decode_image(read_file(kOperation, file), file);
}

Image decode_image(std::span<const uint8_t> bytes, const std::filesystem::path& file) {
  if (bytes.empty()) file_error(kOperation, file, "is empty", "Copy it again or remove it from the data set.");
  if (is_png(bytes)) return decode_png(kOperation, bytes, file);
  if (bytes[0] == 0xFF && !jpeg_tables_fit(bytes))
    file_error(kOperation, file, "is a damaged JPEG (a Huffman table of more than 256 values)",
               "Copy it again or remove it from the data set.");

  const int size = static_cast<int>(bytes.size());  // read_file admits no more than 2^30
  int width = 0, height = 0, channels = 0;
  if (!stbi_info_from_memory(bytes.data(), size, &width, &height, &channels))
    file_error(kOperation, file, "is no JPEG, PNG or BMP image, or its header is damaged",
               "Convert it to one of these or remove it from the data set.");
  check_declared_size(kOperation, file, height, width, bytes.size());

  // stb_image decodes nothing of a JPEG without its end marker (the tests hold it to that: a decoder that filled the missing part
  // with grey would train networks on it).
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
