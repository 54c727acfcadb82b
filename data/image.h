// Pictures and label maps in memory, and the files they come from and go to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/palette.h"

namespace tessera::data {

// A picture of 8-bit samples in the order row, column, channel (HWC): pixel (y, x) starts at (y * width + x) * channels.
struct Image {
  int height = 0, width = 0, channels = 3;
  std::vector<uint8_t> pixels;

  Image() = default;
  Image(int height, int width, int channels = 3, uint8_t fill = 0);
  uint8_t* at(int y, int x) { return pixels.data() + (static_cast<size_t>(y) * width + x) * channels; }
  const uint8_t* at(int y, int x) const { return pixels.data() + (static_cast<size_t>(y) * width + x) * channels; }
  bool operator==(const Image&) const = default;
};

// One class id a pixel. Signed, so that an ignore index below 0 has its place.
struct Label {
  int height = 0, width = 0;
  std::vector<int32_t> ids;

  Label() = default;
  Label(int height, int width, int32_t fill = 0);
  int32_t& at(int y, int x) { return ids[static_cast<size_t>(y) * width + x]; }
  int32_t at(int y, int x) const { return ids[static_cast<size_t>(y) * width + x]; }
  bool operator==(const Label&) const = default;
};

// All functions below throw one line, "function: FILE: what is wrong. Remedy.", for a file that is missing, empty, truncated,
// damaged, of another kind than its name says, or that declares more pixels than its bytes can hold.

// Reads a JPEG, PNG or BMP file as RGB, as it looks on a white page: grey becomes three equal channels, palettes their colours, 16
// bits keep their upper 8, and what a PNG makes transparent shows white. (The colours under transparent pixels are
// whatever a program left there, often black: to drop the alpha channel, as PIL's convert("RGB") does, would show them.) The
// orientation tag of cameras (EXIF) is not applied.
Image read_image(const std::filesystem::path& file);
// The same of a file's bytes, at most 1 GiB; `file` stands for it in errors.
Image decode_image(std::span<const uint8_t> bytes, const std::filesystem::path& file);

// Reads a map of class ids: a PNG file with one grey channel of 1, 2, 4, 8 or 16 bits (the stored value is the id, low bit
// depths are not stretched to 0..255), or with a palette (the id is the palette *index*; the colours are not looked at). A
// colour (RGB) file and other formats are refused: their colours say nothing certain about ids.
Label read_label(const std::filesystem::path& file);
Label decode_label(std::span<const uint8_t> bytes, const std::filesystem::path& file);

// The bytes of an RGB picture as a PNG file; `file` stands for it in errors.
std::vector<uint8_t> encode_png(const Image& image, const std::filesystem::path& file = "a picture in memory");
// Writes an RGB picture, without loss. The file appears whole or not at all (see write_file).
void write_png(const std::filesystem::path& file, const Image& image);

// Writes class ids as a palette PNG, the way Pascal VOC stores them: read_label gives the same ids back and every viewer shows
// the colours. Ids must lie in 0..255; an id beyond the palette is shown black.
void write_indexed_png(const std::filesystem::path& file, const Label& label, const Palette& palette);
std::vector<uint8_t> encode_indexed_png(const Label& label, const Palette& palette,
                                        const std::filesystem::path& file = "a label map in memory");

// Writes one channel of 16 bits: samples in the order row, column.
void write_gray16_png(const std::filesystem::path& file, int height, int width, std::span<const uint16_t> samples);

}  // namespace tessera::data
