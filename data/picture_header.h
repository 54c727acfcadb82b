// What the first bytes of a picture file say, without decoding it: for reports, and for errors that know better than "damaged".
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tessera::data {

enum class PictureKind { unknown, png, jpeg, bmp, mat, tiff, gif, webp, psd };

// "PNG", "JPEG", ..., "MATLAB"; "unknown".
std::string_view to_string(PictureKind kind);

// Zero for what the format does not say here: only PNG, JPEG and BMP headers are read beyond the kind.
struct PictureHeader {
  PictureKind kind = PictureKind::unknown;
  int64_t height = 0, width = 0;
  int channels = 0;          // as stored: 1 grey or palette, 2 grey and alpha, 3 RGB, 4 RGBA (of JPEG: CMYK)
  int bits = 0;              // a sample, of PNG: 1, 2, 4, 8 or 16
  bool palette = false;      // the samples are indices
  bool alpha = false;        // a channel of its own; a palette's transparency is none
  int exif_orientation = 1;  // of JPEG, 1..8; above 1 the picture is meant to be mirrored or turned for display
};

// Reads the header by content, whatever the file's name. Never throws: a file that ends too early, or whose header makes no
// sense, keeps its kind, with zeros for the rest. The orientation is tag 0x0112 of the first EXIF directory (CIPA DC-008, JPEG's APP1).
PictureHeader read_picture_header(std::span<const uint8_t> bytes);

}  // namespace tessera::data
