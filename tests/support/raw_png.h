// PNG files of kinds that Tessera itself does not write, by libpng.
#pragma once

#include <png.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <vector>

namespace tessera::testing_support {

// `raw` holds the rows one after the other, as the format stores them: 16 bits big-endian. `color_type`: PNG_COLOR_TYPE_...
// Palette pictures have four colours: 10 20 30, 40 50 60, 70 80 90, 100 110 120.
inline void make_png(const std::filesystem::path& file, int height, int width, int depth, int color_type,
                     const std::vector<uint8_t>& raw, int interlace = PNG_INTERLACE_NONE) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, stream);
  png_set_IHDR(png, info, width, height, depth, color_type, interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  const png_color palette[4] = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {100, 110, 120}};
  if (color_type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (int y = 0; y < height; ++y) rows.push_back(const_cast<uint8_t*>(raw.data()) + y * (raw.size() / height));
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  std::fclose(stream);
}

}  // namespace tessera::testing_support
