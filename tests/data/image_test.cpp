#include "data/image.h"

#include <gtest/gtest.h>
#include <png.h>
#include <sys/resource.h>
#include <zlib.h>

#include <csignal>
#include <fstream>

#include "data/file.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/raw_png.h"

namespace tessera::data {
namespace {

using testing_support::make_png;

namespace fs = std::filesystem;
const fs::path kShared = TESSERA_SHARED_DIR;

void put_bytes(const fs::path& file, const std::vector<uint8_t>& bytes) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::vector<uint8_t> get_bytes(const fs::path& file) {
  return read_file("test", file);
}

Image gradient(int height, int width) {
  Image image(height, width);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) image.at(y, x)[c] = static_cast<uint8_t>(13 * y + 7 * x + 50 * c);
  return image;
}

size_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(Image, PngComesBackAsWritten) {
  const TemporaryFolder folder;
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 17}, {19, 1}, {33, 41}}) {
    const Image image = gradient(height, width);
    write_png(folder / "a.png", image);
    EXPECT_EQ(read_image(folder / "a.png"), image);
  }
  EXPECT_EQ(files_in(folder.path()), 1u) << "a temporary file was left";
}

TEST(Image, GreyAlphaPaletteAndSixteenBitsBecomeRgb) {
  const TemporaryFolder folder;
  make_png(folder / "grey.png", 1, 2, 8, PNG_COLOR_TYPE_GRAY, {5, 250});
  EXPECT_EQ(read_image(folder / "grey.png").pixels, (std::vector<uint8_t>{5, 5, 5, 250, 250, 250}));
  make_png(folder / "rgba.png", 1, 3, 8, PNG_COLOR_TYPE_RGB_ALPHA, {1, 2, 3, 0, 4, 5, 6, 255, 100, 0, 255, 51});
  EXPECT_EQ(read_image(folder / "rgba.png").pixels, (std::vector<uint8_t>{255, 255, 255, 4, 5, 6, 224, 204, 255}))
      << "as it looks on white: 0.2 * colour + 0.8 * 255";
  make_png(folder / "grey_alpha.png", 1, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {9, 0, 9, 255});
  EXPECT_EQ(read_image(folder / "grey_alpha.png").pixels, (std::vector<uint8_t>{255, 255, 255, 9, 9, 9}));
  make_png(folder / "palette.png", 1, 2, 8, PNG_COLOR_TYPE_PALETTE, {3, 1});
  EXPECT_EQ(read_image(folder / "palette.png").pixels, (std::vector<uint8_t>{100, 110, 120, 40, 50, 60}));
  make_png(folder / "deep_grey.png", 1, 2, 16, PNG_COLOR_TYPE_GRAY, {0x12, 0xFF, 0xFF, 0x00});
  EXPECT_EQ(read_image(folder / "deep_grey.png").pixels, (std::vector<uint8_t>{0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF}));
  make_png(folder / "deep.png", 1, 1, 16, PNG_COLOR_TYPE_RGB, {0x12, 0xFF, 0x34, 0x00, 0x56, 0x80});
  EXPECT_EQ(read_image(folder / "deep.png").pixels, (std::vector<uint8_t>{0x12, 0x34, 0x56}));
}

TEST(Image, ReadsBmp) {
  // 2x1 pixels of 24 bits, blue first, the row padded to 8 bytes.
  std::vector<uint8_t> bmp = {'B', 'M', 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0};
  bmp.resize(54);
  bmp.insert(bmp.end(), {30, 20, 10, 60, 50, 40, 0, 0});
  const TemporaryFolder folder;
  put_bytes(folder / "a.bmp", bmp);
  EXPECT_EQ(read_image(folder / "a.bmp").pixels, (std::vector<uint8_t>{10, 20, 30, 40, 50, 60}));
}

TEST(Image, RefusesWhatIsMissingEmptyOrAFolder) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& name) { return message_of<FileError>([&] { read_image(folder / name); }); };
  EXPECT_TRUE(contains(message("none.png"), "none.png: there is no such file"));
  EXPECT_TRUE(contains(message_of<FileError>([&] { read_image(folder.path()); }), "it is a folder"));
  put_bytes(folder / "empty.jpg", {});
  EXPECT_TRUE(contains(message("empty.jpg"), "empty.jpg: is empty"));
  put_bytes(folder / "text.png", {'h', 'e', 'l', 'l', 'o'});
  EXPECT_TRUE(contains(message("text.png"), "is no JPEG, PNG or BMP image"));
}

TEST(Image, RefusesAPngCutAnywhere) {
  const TemporaryFolder folder;
  write_png(folder / "whole.png", gradient(20, 20));
  const std::vector<uint8_t> whole = get_bytes(folder / "whole.png");
  for (size_t size = 0; size + 12 < whole.size(); ++size) {  // the last 12 bytes are the end chunk, which holds nothing
    put_bytes(folder / "cut.png", {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)});
    EXPECT_THROW(read_image(folder / "cut.png"), FileError) << size << " of " << whole.size() << " bytes";
  }
}

TEST(Image, RefusesAHeaderThatLies) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", gradient(4, 4));
  std::vector<uint8_t> bytes = get_bytes(folder / "a.png");
  for (int i = 16; i < 24; ++i) bytes[i] = 0;
  bytes[18] = bytes[22] = 0x40;  // 16384 x 16384
  put_bytes(folder / "a.png", bytes);
  EXPECT_TRUE(contains(message_of<FileError>([&] { read_image(folder / "a.png"); }), "CRC error"));
  const uLong sum = crc32(crc32(0, nullptr, 0), bytes.data() + 12, 17);  // the header's: with it the lie is complete
  for (int i = 0; i < 4; ++i) bytes[29 + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
  put_bytes(folder / "a.png", bytes);
  EXPECT_TRUE(contains(message_of<FileError>([&] { read_image(folder / "a.png"); }), "16384x16384"));
  bytes[16] = bytes[20] = 0x7F;
  put_bytes(folder / "a.png", bytes);
  EXPECT_THROW(read_image(folder / "a.png"), FileError);
}

TEST(Image, SharedBadFilesAreRefusedInOneLine) {
  if (!fs::is_directory(kShared / "data/bad")) GTEST_SKIP() << "no " << kShared / "data/bad";
  size_t tried = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kShared / "data/bad")) {
    for (const std::string& message :
         {message_of<FileError>([&] { read_image(entry.path()); }), message_of<FileError>([&] { read_label(entry.path()); })})
      EXPECT_TRUE(contains(message, entry.path().string())) << message;
    ++tried;
  }
  EXPECT_GE(tried, 3u);
  EXPECT_TRUE(contains(message_of<FileError>([&] { read_image(kShared / "data/bad/truncated.jpg"); }), "is truncated"));
}

TEST(Image, SharedJpegIsReadWholeAndRefusedWhenCutAnywhere) {
  const fs::path source = kShared / "data/camvid/train/images/0001TP_006690.jpg";
  if (!fs::exists(source)) GTEST_SKIP() << "no " << source;
  const Image image = read_image(source);
  EXPECT_EQ(image.height, 360);
  EXPECT_EQ(image.width, 480);

  const TemporaryFolder folder;
  const std::vector<uint8_t> whole = get_bytes(source);
  for (size_t size = 0; size + 2 <= whole.size(); size += size + 1500 < whole.size() ? 1499 : 1) {
    put_bytes(folder / "cut.jpg", {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)});
    EXPECT_THROW(read_image(folder / "cut.jpg"), FileError) << size << " of " << whole.size() << " bytes";
  }
  std::vector<uint8_t> longer = whole;
  longer.resize(whole.size() + 100);  // bytes after the end marker do no harm
  put_bytes(folder / "longer.jpg", longer);
  EXPECT_EQ(read_image(folder / "longer.jpg"), image);
}

TEST(Label, IndexedPngComesBackAsWrittenWithItsColours) {
  const TemporaryFolder folder;
  Label label(3, 5);
  label.ids = {0, 1, 2, 3, 20, 255, 7, 7, 0, 0, 11, 12, 13, 14, 15};
  write_indexed_png(folder / "a.png", label, voc_palette());
  EXPECT_EQ(read_label(folder / "a.png"), label);
  EXPECT_EQ(read_image(folder / "a.png"), colorize(label, voc_palette()));
  write_indexed_png(folder / "b.png", label, {{1, 2, 3}});  // a palette that is too short
  EXPECT_EQ(read_label(folder / "b.png"), label);
  EXPECT_EQ(files_in(folder.path()), 2u);
}

TEST(Label, ValuesAreIdsAtEveryBitDepth) {
  const TemporaryFolder folder;
  make_png(folder / "1.png", 2, 3, 1, PNG_COLOR_TYPE_GRAY, {0b10100000, 0b01000000});
  EXPECT_EQ(read_label(folder / "1.png").ids, (std::vector<int32_t>{1, 0, 1, 0, 1, 0})) << "1 stays 1, not 255";
  make_png(folder / "2.png", 1, 3, 2, PNG_COLOR_TYPE_GRAY, {0b11100100});
  EXPECT_EQ(read_label(folder / "2.png").ids, (std::vector<int32_t>{3, 2, 1}));
  make_png(folder / "4.png", 1, 2, 4, PNG_COLOR_TYPE_GRAY, {0xB5});
  EXPECT_EQ(read_label(folder / "4.png").ids, (std::vector<int32_t>{11, 5}));
  make_png(folder / "8.png", 2, 2, 8, PNG_COLOR_TYPE_GRAY, {0, 1, 200, 255}, PNG_INTERLACE_ADAM7);
  EXPECT_EQ(read_label(folder / "8.png").ids, (std::vector<int32_t>{0, 1, 200, 255}));
  make_png(folder / "16.png", 1, 2, 16, PNG_COLOR_TYPE_GRAY, {0x01, 0x02, 0xFF, 0xFE});
  EXPECT_EQ(read_label(folder / "16.png").ids, (std::vector<int32_t>{258, 65534}));
  make_png(folder / "palette.png", 1, 4, 2, PNG_COLOR_TYPE_PALETTE, {0b00011011});
  EXPECT_EQ(read_label(folder / "palette.png").ids, (std::vector<int32_t>{0, 1, 2, 3})) << "indices, not colours";
  make_png(folder / "alpha.png", 1, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {4, 255, 5, 0});
  EXPECT_EQ(read_label(folder / "alpha.png").ids, (std::vector<int32_t>{4, 5}));
}

TEST(Label, RefusesColourOtherFormatsAndDamage) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& name) { return message_of<FileError>([&] { read_label(folder / name); }); };
  write_png(folder / "rgb.png", gradient(4, 4));
  EXPECT_TRUE(contains(message("rgb.png"), "rgb.png: is a colour (RGB) picture")) << message("rgb.png");
  EXPECT_TRUE(contains(message("rgb.png"), "Save one channel"));
  put_bytes(folder / "a.png", {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F'});
  EXPECT_TRUE(contains(message("a.png"), "is no PNG file"));

  write_indexed_png(folder / "whole.png", Label(30, 30, 3), voc_palette());
  std::vector<uint8_t> whole = get_bytes(folder / "whole.png");
  for (size_t size = 0; size < whole.size(); ++size) {
    put_bytes(folder / "cut.png", {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)});
    EXPECT_THROW(read_label(folder / "cut.png"), FileError) << size << " of " << whole.size() << " bytes";
  }
  whole[whole.size() - 20] ^= 1;  // inside the pixels: the chunk's check sum tells
  put_bytes(folder / "flipped.png", whole);
  EXPECT_TRUE(contains(message("flipped.png"), "damaged"));
}

TEST(Label, RefusesIdsThatAPaletteCannotHold) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      contains(message_of<FileError>([&] { write_indexed_png(folder / "a.png", Label(1, 1, 256), voc_palette()); }), "256"));
  EXPECT_THROW(write_indexed_png(folder / "a.png", Label(1, 1, -1), voc_palette()), FileError);
  EXPECT_EQ(files_in(folder.path()), 0u);
}

TEST(WriteFile, AFullDiskIsReportedAndLeavesTheOldFile) {
  const TemporaryFolder folder;
  put_bytes(folder / "a.png", {1, 2, 3});
  // A limit on the file size stands for a full disk: write() fails part of the way through.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string message = message_of<FileError>([&] { write_png(folder / "a.png", gradient(64, 64)); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);

  EXPECT_TRUE(contains(message, "write_png: " + (folder / "a.png").string() + ": cannot be written")) << message;
  EXPECT_TRUE(contains(message, "Free some space")) << message;
  EXPECT_EQ(get_bytes(folder / "a.png"), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(files_in(folder.path()), 1u) << "half a file was left";
}

TEST(WriteFile, ADeviceIsWrittenDirectly) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  EXPECT_TRUE(contains(message_of<FileError>([] { write_png("/dev/full", gradient(4, 4)); }), "/dev/full: cannot be written"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(WriteFile, AMissingFolderIsNamed) {
  const TemporaryFolder folder;
  const std::string message = message_of<FileError>([&] { write_png(folder / "none/a.png", gradient(2, 2)); });
  EXPECT_TRUE(contains(message, "none/a.png") && contains(message, "Make its folder first")) << message;
}

TEST(Palette, VocIsBitInterleaved) {
  const Palette voc = voc_palette();
  ASSERT_EQ(voc.size(), 256u);
  EXPECT_EQ(voc[0], (Color{0, 0, 0}));
  EXPECT_EQ(voc[1], (Color{128, 0, 0}));
  EXPECT_EQ(voc[6], (Color{0, 128, 128}));
  EXPECT_EQ(voc[8], (Color{64, 0, 0}));
  EXPECT_EQ(voc[15], (Color{192, 128, 128}));
  EXPECT_EQ(voc[255], (Color{224, 224, 192}));
}

TEST(Palette, DistinctColoursDiffer) {
  const Palette palette = distinct_palette(32);
  for (size_t i = 0; i < palette.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_NE(palette[i], palette[j]) << i << " and " << j;
  EXPECT_EQ(camvid_palette().size(), camvid_class_names().size() + 1);
}

TEST(Palette, OverlayBlendsClassesAndKeepsIgnoredPixels) {
  Image image(1, 3, 3, 100);
  Label label(1, 3);
  label.ids = {1, 255, 0};
  const Image blended = overlay(image, label, {{0, 0, 0}, {200, 100, 0}}, 0.25);
  EXPECT_EQ(blended.pixels, (std::vector<uint8_t>{125, 100, 75, 100, 100, 100, 75, 75, 75}));
  EXPECT_THROW(overlay(image, Label(1, 2), {}, 0.5), ValueError);
}

}  // namespace
}  // namespace tessera::data
