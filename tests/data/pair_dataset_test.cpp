#include "data/pair_dataset.h"

#include <gtest/gtest.h>

#include "tests/data/dataset_layouts.h"
#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

ClassInfo classes(int64_t count, int64_t ignore_index = 255) {
  ClassInfo info;
  for (int64_t i = 0; i < count; ++i) info.names.push_back(fmt::format("c{}", i));
  info.ignore_index = ignore_index;
  return info;
}

// One pair, whose label holds `value`.
Pair make_pair_in(const TemporaryFolder& folder, int32_t value) {
  put_image(folder / "p.png", 100);
  put_label(folder / "p_mask.png", value);
  return {"p", folder / "p.png", folder / "p_mask.png"};
}

TEST(PairDataset, ReadsPictureLabelAndName) {
  const TemporaryFolder folder;
  const PairDataset data({make_pair_in(folder, 2)}, classes(3));
  ASSERT_EQ(data.size(), 1);
  const Sample sample = data.read(0);
  EXPECT_EQ(sample.name, "p");
  EXPECT_EQ(sample.image, Image(4, 6, 3, 100));
  EXPECT_EQ(sample.label.at(1, 2), 2);
  EXPECT_THROW(data.read(1), IndexError);
  EXPECT_THROW(data.read(-1), IndexError);
}

TEST(PairDataset, AValueAboveTheClassCountIsNamedWithItsRemedy) {
  const TemporaryFolder folder;
  const Pair pair = make_pair_in(folder, 3);
  const std::string message = message_of<FileError>([&] { read_pair(pair, classes(3)); });
  EXPECT_TRUE(contains(message, "p_mask.png: holds the value 3 at row 1, column 2, but there are 3 classes")) << message;
  EXPECT_TRUE(contains(message, "--classes 4") && contains(message, "--ignore-index 3")) << message;
  EXPECT_EQ(read_pair(pair, classes(3, 3)).label.at(1, 2), 3) << "the ignore index is allowed";
}

TEST(PairDataset, ValuesOfTheFileBecomeClassIds) {
  const TemporaryFolder folder;
  const Pair pair = make_pair_in(folder, 255);
  const Label label = read_pair(pair, classes(2), {.values = {0, 255}, .mat_variable = ""}).label;
  EXPECT_EQ(label.at(1, 2), 1) << "a class, though 255 is the ignore index";
  EXPECT_EQ(label.at(0, 0), 0);
  const std::string message =
      message_of<FileError>([&] { read_pair(pair, classes(2, 7), {.values = {0, 128}, .mat_variable = ""}); });
  EXPECT_TRUE(contains(message, "holds the value 255") && contains(message, "stored as 0, 128")) << message;
  EXPECT_EQ(read_pair(pair, classes(2), {.values = {0, 128}, .mat_variable = ""}).label.at(1, 2), 255) << "the ignore index stays";
  EXPECT_THROW(PairDataset({pair}, classes(3), {.values = {0, 255}, .mat_variable = ""}), ValueError);
}

TEST(PairDataset, SizesThatDifferAreBothNamed) {
  const TemporaryFolder folder;
  const Pair pair = make_pair_in(folder, 1);
  write_png(pair.image, Image(5, 7));
  const std::string message = message_of<FileError>([&] { read_pair(pair, classes(2)); });
  EXPECT_TRUE(contains(message, "p_mask.png: is 6x4 pixels, but its image p.png is 7x5")) << message;
}

TEST(PairDataset, AJpegLabelNeedsTheValuesItWasDrawnIn) {
  const fs::path jpeg = fs::path(TESSERA_SHARED_DIR) / "data/rocks_voc/JPEGImages/000001.jpg";
  if (!fs::exists(jpeg)) GTEST_SKIP() << "no " << jpeg;
  EXPECT_TRUE(contains(message_of<FileError>([&] { read_stored_label(jpeg, {}); }), "whose compression changes class ids"));
  const Label label = read_stored_label(jpeg, {.values = {0, 255}, .mat_variable = ""});
  const Image image = read_image(jpeg);
  for (size_t i = 0; i < label.ids.size(); ++i) ASSERT_EQ(label.ids[i], image.pixels[3 * i] >= 128 ? 255 : 0);
}

}  // namespace
}  // namespace tessera::data
