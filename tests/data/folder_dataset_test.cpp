#include "data/folder_dataset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <png.h>

#include <fstream>
#include <limits>

#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;
const fs::path kShared = TESSERA_SHARED_DIR;

// A data set of two splits, `pairs` pictures of 6x4 each, whose labels hold the value `largest` once and 0 elsewhere.
void make_dataset(const fs::path& root, int32_t largest, int pairs = 2, const std::string& suffix = "") {
  for (const char* split : {"train", "val"}) {
    fs::create_directories(root / split / "images");
    fs::create_directories(root / split / "labels");
    for (int i = 0; i < pairs; ++i) {
      write_png(root / split / "images" / (fmt::format("p{}.png", i)), Image(4, 6, 3, static_cast<uint8_t>(10 * i)));
      Label label(4, 6);
      label.at(1, 2) = largest;
      write_indexed_png(root / split / "labels" / (fmt::format("p{}{}.png", i, suffix)), label, voc_palette());
    }
  }
}

ClassInfo classes(int64_t count, int64_t ignore_index = 255) {
  ClassInfo info;
  for (int64_t i = 0; i < count; ++i) info.names.push_back(fmt::format("c{}", i));
  info.ignore_index = ignore_index;
  return info;
}

TEST(FolderDataset, PairsByStemInOrder) {
  const TemporaryFolder folder;
  for (const std::string suffix : {"", "_mask"}) {
    make_dataset(folder.path() / fmt::format("d{}", suffix), 2, 12, suffix);
    std::ofstream(folder.path() / fmt::format("d{}", suffix) / "train/images/notes.txt") << "passed over";
    std::ofstream(folder.path() / fmt::format("d{}", suffix) / "train/images/.hidden.png") << "passed over";
    const FolderDataset data(folder.path() / fmt::format("d{}", suffix), Split::train, classes(3));
    ASSERT_EQ(data.size(), 12);
    EXPECT_EQ(data.pairs()[2].name, "p10") << "sorted by name";
    const Sample sample = data.read(2);
    EXPECT_EQ(sample.name, "p10");
    EXPECT_EQ(sample.image, Image(4, 6, 3, 100));
    EXPECT_EQ(sample.label.at(1, 2), 2);
  }
  EXPECT_THROW(FolderDataset(folder / "d", Split::val, classes(3)).read(12), IndexError);
}

TEST(FolderDataset, MissingFoldersAndPairsAreNamed) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1);
  const auto message = [&](Split split) {
    return message_of<FileError>([&] { FolderDataset(folder.path(), split, classes(2)); });
  };
  fs::remove(folder / "train/labels/p1.png");
  EXPECT_TRUE(contains(message(Split::train), "train/images/p1.png: has no label of the same stem")) << message(Split::train);
  fs::remove(folder / "train/images/p1.png");
  EXPECT_EQ(FolderDataset(folder.path(), Split::train, classes(2)).size(), 1);
  fs::remove(folder / "train/images/p0.png");
  EXPECT_TRUE(contains(message(Split::train), "train/labels/p0.png: has no image of the same stem")) << message(Split::train);
  fs::remove(folder / "train/labels/p0.png");
  EXPECT_TRUE(contains(message(Split::train), "holds no pair"));
  fs::remove_all(folder / "val/labels");
  EXPECT_TRUE(contains(message(Split::val), "val/labels: there is no such folder")) << message(Split::val);
  make_dataset(folder / "twice", 1);
  fs::copy_file(folder / "twice/val/images/p0.png", folder / "twice/val/images/p0.bmp");
  EXPECT_TRUE(contains(message_of<FileError>([&] { FolderDataset(folder / "twice", Split::val, classes(2)); }), "same stem"));
}

TEST(FolderDataset, AValueAboveTheClassCountIsNamedWithItsRemedy) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 3);
  const std::string message = message_of<FileError>([&] { FolderDataset(folder.path(), Split::train, classes(3)).read(0); });
  EXPECT_TRUE(contains(message, "train/labels/p0.png: holds the value 3 at row 1, column 2, but there are 3 classes")) << message;
  EXPECT_TRUE(contains(message, "--classes 4") && contains(message, "--ignore-index 3")) << message;
  EXPECT_EQ(FolderDataset(folder.path(), Split::train, classes(3, 3)).read(0).label.at(1, 2), 3) << "the ignore index is allowed";
}

TEST(FolderDataset, SizesThatDifferAreBothNamed) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1);
  write_png(folder / "val/images/p1.png", Image(5, 7));
  const std::string message = message_of<FileError>([&] { FolderDataset(folder.path(), Split::val, classes(2)).read(1); });
  EXPECT_TRUE(contains(message, "val/labels/p1.png: is 6x4 pixels, but its image p1.png is 7x5")) << message;
}

TEST(DetectClasses, CountsTheLabelsValues) {
  const TemporaryFolder folder;
  make_dataset(folder / "plain", 4);
  const DetectedClasses plain = detect_classes(folder / "plain");
  EXPECT_EQ(plain.info.num_classes(), 5);
  EXPECT_EQ(plain.info.ignore_index, 255);
  EXPECT_EQ(plain.explanation, "5 classes, ignore index 255 (from the labels' values 0 to 4)");
  EXPECT_EQ(detect_classes(folder / "plain", {.classes = 9}).info.num_classes(), 9);
  EXPECT_EQ(detect_classes(folder / "plain", {.ignore_index = 4}).info.num_classes(), 1);

  Label bordered(4, 6, 2);
  bordered.at(0, 0) = 255;
  write_indexed_png(folder / "plain/val/labels/p0.png", bordered, voc_palette());
  EXPECT_EQ(detect_classes(folder / "plain").info.num_classes(), 5) << "255 is no class";
  make_dataset(folder / "binary", 255);
  EXPECT_TRUE(contains(message_of<FileError>([&] { detect_classes(folder / "binary"); }), "0 and 255 alone"));
  EXPECT_EQ(detect_classes(folder / "binary", {.classes = 2}).info.num_classes(), 2) << "the remedy that the message names";
  EXPECT_THROW(detect_classes(folder / "plain", {.classes = 0}), ValueError);
  for (int64_t beyond : {int64_t{1} << 40, std::numeric_limits<int64_t>::min()})  // crops hold ids in 32 bits
    EXPECT_THROW(detect_classes(folder / "plain", {.ignore_index = beyond}), ValueError) << beyond;
}

// A grey picture of 16 bits, 6x4, all zero but for one value.
void write_label16(const fs::path& file, uint16_t value) {
  std::vector<uint16_t> pixels(24);
  pixels[8] = value;
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = 6, png.height = 4, png.format = PNG_FORMAT_LINEAR_Y;
  ASSERT_TRUE(png_image_write_to_file(&png, file.c_str(), 0, pixels.data(), 0, nullptr));
}

TEST(DetectClasses, MoreClassesThanAPaletteHoldsAreRefused) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1);
  write_label16(folder / "train/labels/p0.png", 65535);
  const std::string message = message_of<FileError>([&] { detect_classes(folder.path()); });
  EXPECT_TRUE(contains(message, "65535") && contains(message, "--ignore-index 65535")) << message;
  EXPECT_EQ(detect_classes(folder.path(), {.ignore_index = 65535}).info.num_classes(), 2);
}

TEST(DetectClasses, KnowsCamVidByNameAndByElevenClasses) {
  const TemporaryFolder folder;
  make_dataset(folder / "CamVid", 11);
  make_dataset(folder / "other", 11);
  for (const DetectedClasses& detected : {detect_classes(folder / "CamVid"), detect_classes(folder / "other", {.classes = 11})}) {
    EXPECT_EQ(detected.info.names, camvid_class_names());
    EXPECT_EQ(detected.info.ignore_index, 11);
    EXPECT_TRUE(contains(detected.explanation, "11 classes, ignore index 11 (CamVid")) << detected.explanation;
  }
  EXPECT_EQ(detect_classes(folder / "other").info.num_classes(), 12);
  make_dataset(folder / "camvid", 12);
  EXPECT_EQ(detect_classes(folder / "camvid").info.num_classes(), 13) << "12 lies outside CamVid's labels";
}

TEST(DetectClasses, ReadsDatasetJson) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1);
  std::ofstream(folder / "dataset.json") << R"({"classes": ["road", "sea"], "palette": [[1, 2, 3], [4, 5, 6]],
      "ignore_index": 9, "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]})";
  const DetectedClasses detected = detect_classes(folder.path());
  EXPECT_EQ(detected.info.names, (std::vector<std::string>{"road", "sea"}));
  EXPECT_EQ(detected.info.palette[1], (Color{4, 5, 6}));
  EXPECT_EQ(detected.info.ignore_index, 9);
  EXPECT_EQ(detected.info.std[2], 3.0f);
  EXPECT_EQ(detect_classes(folder.path(), {.ignore_index = 7}).info.ignore_index, 7) << "flags win over the file";

  for (const char* bad : {"{", R"({"classes": 3})", R"({"mean": [1, 2, 3]})", R"({"classes": ["a"], "std": [1, 0, 1]})",
                          R"({"classes": ["a"], "std": [1, 1e-45, 1]})", R"({"classes": ["a"], "std": [1, 1e99, 1]})",
                          R"({"classes": ["a"], "mean": [1, 1e99, 1]})"}) {
    std::ofstream(folder / "dataset.json") << bad;
    EXPECT_TRUE(contains(message_of<FileError>([&] { detect_classes(folder.path()); }), "dataset.json: ")) << bad;
  }
}

TEST(FolderDataset, SharedCamVidIsReadAsElevenClasses) {
  const fs::path root = kShared / "data/camvid";
  if (!fs::is_directory(root)) GTEST_SKIP() << "no " << root;
  const DetectedClasses detected = detect_classes(root);
  EXPECT_EQ(detected.info.num_classes(), 11);
  EXPECT_EQ(detected.info.ignore_index, 11);
  const FolderDataset train(root, Split::train, detected.info), val(root, Split::val, detected.info);
  EXPECT_EQ(train.size(), 367);
  EXPECT_EQ(val.size(), 101);
  EXPECT_EQ(train.read(0).image.width, 480);
  EXPECT_EQ(val.read(100).label.height, 360);
}

}  // namespace
}  // namespace tessera::data
