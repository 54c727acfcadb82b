#include "data/picture_header.h"

#include <algorithm>
#include <optional>
#include <string>

namespace tessera::data {
namespace {

// Numbers at an offset, or nothing where the bytes end before.
class Bytes {
 public:
  explicit Bytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size(); }
  bool starts_with(std::string_view text, size_t at = 0) const {
    return at <= size() && text.size() <= size() - at &&
           std::equal(text.begin(), text.end(), bytes_.begin() + static_cast<ptrdiff_t>(at),
                      [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  }
  std::optional<uint32_t> number(size_t at, int count, bool big_endian) const {
    if (at > size() || size() - at < static_cast<size_t>(count)) return {};
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | bytes_[at + (big_endian ? i : count - 1 - i)];
    return value;
  }
  Bytes from(size_t at, size_t count) const {
    at = std::min(at, size());
    return Bytes(bytes_.subspan(at, std::min(count, size() - at)));
  }

 private:
  std::span<const uint8_t> bytes_;
};

void read_png(const Bytes& bytes, PictureHeader& header) {
  const auto width = bytes.number(16, 4, true), height = bytes.number(20, 4, true);
  const auto bits = bytes.number(24, 1, true), color = bytes.number(25, 1, true);
  if (!color || !bytes.starts_with("IHDR", 12)) return;
  header.width = *width;
  header.height = *height;
  header.bits = static_cast<int>(*bits);
  header.palette = *color == 3;
  header.alpha = *color == 4 || *color == 6;
  header.channels = *color == 2 ? 3 : *color == 6 ? 4 : *color == 4 ? 2 : 1;
}

void read_bmp(const Bytes& bytes, PictureHeader& header) {
  const auto width = bytes.number(18, 4, false), height = bytes.number(22, 4, false), depth = bytes.number(28, 2, false);
  if (!depth) return;
  header.width = *width;
  const auto rows = static_cast<int32_t>(*height);  // negative: stored from the top
  header.height = rows < 0 ? -static_cast<int64_t>(rows) : rows;
  header.bits = *depth <= 8 ? static_cast<int>(*depth) : 8;
  header.palette = *depth <= 8;
  header.channels = *depth <= 8 ? 1 : *depth == 32 ? 4 : 3;
}

// `exif` starts at the TIFF header of an APP1 segment.
int orientation(const Bytes& exif) {
  const bool big_endian = exif.starts_with("MM");
  if (!big_endian && !exif.starts_with("II")) return 1;
  const size_t directory = exif.number(4, 4, big_endian).value_or(0);
  const uint32_t entries = exif.number(directory, 2, big_endian).value_or(0);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    const auto tag = exif.number(entry, 2, big_endian);
    if (!tag) return 1;
    if (*tag != 0x0112) continue;
    const uint32_t value = exif.number(entry + 8, 2, big_endian).value_or(1);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void read_jpeg(const Bytes& bytes, PictureHeader& header) {
  for (size_t at = 2;;) {  // from segment to segment
    const auto mark = bytes.number(at, 1, true), code = bytes.number(at + 1, 1, true);
    if (!code || *mark != 0xFF) return;
    if (*code == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (*code == 0x01 || (*code >= 0xD0 && *code <= 0xD8)) {  // segments without content
      at += 2;
      continue;
    }
    const auto length = bytes.number(at + 2, 2, true);
    if (!length || *length < 2 || *code == 0xD9 || *code == 0xDA) return;
    if (*code == 0xE1 && bytes.starts_with(std::string_view("Exif\0\0", 6), at + 4))
      header.exif_orientation = orientation(bytes.from(at + 10, *length - std::min<size_t>(*length, 8)));
    const bool frame = *code >= 0xC0 && *code <= 0xCF && *code != 0xC4 && *code != 0xC8 && *code != 0xCC;
    if (frame) {
      const auto bits = bytes.number(at + 4, 1, true), height = bytes.number(at + 5, 2, true);
      const auto width = bytes.number(at + 7, 2, true), channels = bytes.number(at + 9, 1, true);
      if (!channels) return;
      header.bits = static_cast<int>(*bits);
      header.height = *height;
      header.width = *width;
      header.channels = static_cast<int>(*channels);
      return;
    }
    at += 2 + *length;
  }
}

}  // namespace

std::string_view to_string(PictureKind kind) {
  switch (kind) {
    case PictureKind::png: return "PNG";
    case PictureKind::jpeg: return "JPEG";
    case PictureKind::bmp: return "BMP";
    case PictureKind::mat: return "MATLAB";
    case PictureKind::tiff: return "TIFF";
    case PictureKind::gif: return "GIF";
    case PictureKind::webp: return "WebP";
    case PictureKind::psd: return "Photoshop";
    case PictureKind::unknown: break;
  }
  return "unknown";
}

PictureHeader read_picture_header(std::span<const uint8_t> span) {
  const Bytes bytes(span);
  PictureHeader header;
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    header.kind = PictureKind::png;
    read_png(bytes, header);
  } else if (bytes.starts_with("\xFF\xD8\xFF")) {
    header.kind = PictureKind::jpeg;
    read_jpeg(bytes, header);
  } else if (bytes.starts_with("BM")) {
    header.kind = PictureKind::bmp;
    read_bmp(bytes, header);
  } else if (bytes.starts_with("MATLAB 5.0 MAT-file")) {
    header.kind = PictureKind::mat;
  } else if (bytes.starts_with(std::string_view("II*\0", 4)) || bytes.starts_with(std::string_view("MM\0*", 4))) {
    header.kind = PictureKind::tiff;
  } else if (bytes.starts_with("GIF8")) {
    header.kind = PictureKind::gif;
  } else if (bytes.starts_with("RIFF") && bytes.starts_with("WEBP", 8)) {
    header.kind = PictureKind::webp;
  } else if (bytes.starts_with("8BPS")) {
    header.kind = PictureKind::psd;
  }
  return header;
}

}  // namespace tessera::data
