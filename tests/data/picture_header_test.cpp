#include "data/picture_header.h"

#include <gtest/gtest.h>

#include <string>

#include "data/file.h"
#include "data/image.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/raw_png.h"

namespace tessera::data {
namespace {

PictureHeader header_of(const std::string& bytes) {
  return read_picture_header(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

std::string text(std::initializer_list<int> bytes) {
  std::string result;
  for (int byte : bytes) result += static_cast<char>(byte);
  return result;
}

// A JPEG's first segments: an EXIF block with this orientation, and a frame of 300 x 200 pixels in three channels.
std::string jpeg(int orientation, bool big_endian) {
  const auto number = [&](int value, int count) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> 8 * (big_endian ? count - 1 - i : i) & 0xFF);
    return bytes;
  };
  const std::string exif = std::string("Exif\0\0", 6) + (big_endian ? "MM" : "II") + number(42, 2) + number(8, 4) + number(2, 2) +
                           number(0x010F, 2) + number(2, 2) + number(1, 4) + number(0, 4) +  // another tag first
                           number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + number(0, 2);
  const int length = static_cast<int>(exif.size()) + 2;
  return text({0xFF, 0xD8, 0xFF, 0xE1, length >> 8, length & 0xFF}) + exif +
         text({0xFF, 0xC4, 0, 4, 1, 2, 0xFF, 0xC2, 0, 17, 8, 0, 200, 1, 44, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1});
}

TEST(PictureHeader, JpegWithOrientation) {
  for (bool big_endian : {false, true})
    for (int orientation : {1, 3, 6, 8}) {
      const PictureHeader header = header_of(jpeg(orientation, big_endian));
      EXPECT_EQ(header.kind, PictureKind::jpeg);
      EXPECT_EQ(header.height, 200);
      EXPECT_EQ(header.width, 300);
      EXPECT_EQ(header.channels, 3);
      EXPECT_EQ(header.exif_orientation, orientation);
    }
  EXPECT_EQ(header_of(jpeg(99, true)).exif_orientation, 1) << "no such orientation";
}

TEST(PictureHeader, PngOfAllColourTypes) {
  const TemporaryFolder folder;
  const auto header = [&](int depth, int color_type, size_t row_bytes) {
    testing_support::make_png(folder / "a.png", 3, 5, depth, color_type, std::vector<uint8_t>(3 * row_bytes, 1));
    return read_picture_header(read_file("test", folder / "a.png"));
  };
  const PictureHeader grey = header(16, PNG_COLOR_TYPE_GRAY, 10);
  EXPECT_EQ(grey.height, 3);
  EXPECT_EQ(grey.width, 5);
  EXPECT_EQ(grey.bits, 16);
  EXPECT_EQ(grey.channels, 1);
  EXPECT_FALSE(grey.palette || grey.alpha);
  EXPECT_TRUE(header(8, PNG_COLOR_TYPE_GRAY_ALPHA, 10).alpha);
  EXPECT_EQ(header(8, PNG_COLOR_TYPE_RGB, 15).channels, 3);
  EXPECT_EQ(header(8, PNG_COLOR_TYPE_RGB_ALPHA, 20).channels, 4);
  write_indexed_png(folder / "palette.png", Label(2, 2, 1), voc_palette());
  EXPECT_TRUE(read_picture_header(read_file("test", folder / "palette.png")).palette);
}

TEST(PictureHeader, KindsByContent) {
  EXPECT_EQ(header_of(std::string("II*\0", 4)).kind, PictureKind::tiff);
  EXPECT_EQ(header_of("GIF89a").kind, PictureKind::gif);
  EXPECT_EQ(header_of("RIFF....WEBPVP8 ").kind, PictureKind::webp);
  EXPECT_EQ(header_of("MATLAB 5.0 MAT-file, Platform").kind, PictureKind::mat);
  EXPECT_EQ(header_of("").kind, PictureKind::unknown);
  EXPECT_EQ(header_of("a text").kind, PictureKind::unknown);
}

// Every beginning of a file, and every file with one byte changed, is read without a step outside (the sanitizers look on).
TEST(PictureHeader, DamagedFilesAreRead) {
  const std::string whole = jpeg(6, true);
  for (size_t length = 0; length <= whole.size(); ++length) header_of(whole.substr(0, length));
  for (size_t at = 0; at < whole.size(); ++at)
    for (int value : {0, 1, 0x7F, 0xFF}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const PictureHeader header = header_of(changed);
      EXPECT_TRUE(header.exif_orientation >= 1 && header.exif_orientation <= 8);
    }
}

}  // namespace
}  // namespace tessera::data
