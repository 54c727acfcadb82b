#include "data/jpeg_tables.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/image.h"
#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

// A JPEG of 8x8 grey pixels: one block, whose coefficients are 0.
std::vector<uint8_t> tiny_jpeg() {
  std::vector<uint8_t> jpeg = {0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0};
  jpeg.insert(jpeg.end(), 64, 1);
  jpeg.insert(jpeg.end(), {0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0});
  for (int table : {0x00, 0x10}) {
    std::vector<uint8_t> counts(16);
    counts[0] = 1;
    jpeg.insert(jpeg.end(), {0xFF, 0xC4, 0, 20, static_cast<uint8_t>(table)});
    jpeg.insert(jpeg.end(), counts.begin(), counts.end());
    jpeg.push_back(0);
  }
  jpeg.insert(jpeg.end(), {0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x3F, 0xFF, 0xD9});
  return jpeg;
}

TEST(JpegTables, ASoundFilePassesAndIsDecoded) {
  EXPECT_TRUE(jpeg_tables_fit(tiny_jpeg()));
  const Image image = decode_image(tiny_jpeg(), "a");
  EXPECT_EQ(image.height, 8);
  EXPECT_EQ(image.at(3, 4)[1], 128) << "the middle grey of a block without coefficients";
}

TEST(JpegTables, MoreThan256ValuesAreRefusedWhereverTheyStand) {
  std::vector<uint8_t> jpeg = tiny_jpeg();
  size_t table = 0;  // the first count of the first table
  for (size_t i = 0; i + 1 < jpeg.size() && table == 0; ++i)
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC4) table = i + 5;
  jpeg[table + 7] = 255;
  EXPECT_TRUE(jpeg_tables_fit(jpeg)) << "256 are as many as there may be";
  jpeg[table + 8] = 1;
  EXPECT_FALSE(jpeg_tables_fit(jpeg));
  const std::string message = message_of<FileError>([&] { decode_image(jpeg, "a.jpg"); });
  EXPECT_TRUE(contains(message, "a.jpg: is a damaged JPEG")) << message;

  std::vector<uint8_t> after_a_scan = tiny_jpeg();  // progressive files have tables between scans
  after_a_scan.resize(after_a_scan.size() - 2);
  after_a_scan.insert(after_a_scan.end(), {0xFF, 0x00, 0x12, 0xFF, 0xD0, 0x34, 0xFF, 0xFF, 0xC4, 0, 19, 0, 255, 255});
  EXPECT_FALSE(jpeg_tables_fit(after_a_scan)) << "the file ends within the counts";
  EXPECT_TRUE(jpeg_tables_fit(std::vector<uint8_t>{0xFF}));
  EXPECT_TRUE(jpeg_tables_fit({}));
}

// 0x5B004600 bytes of one chunk in a file of 150: nothing is allocated for them.
TEST(JpegTables, APngChunkThatIsLongerThanItsFileIsRefused) {
  std::ifstream stream(std::string(TESSERA_SOURCE_DIR) + "/tests/fuzz/corpus/image/large_chunk.png", std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
  ASSERT_FALSE(bytes.empty());
  const std::string message = message_of<FileError>([&] { decode_image(bytes, "b.png"); });
  EXPECT_TRUE(contains(message, "b.png: is truncated or damaged")) << message;
}

}  // namespace
}  // namespace tessera::data
