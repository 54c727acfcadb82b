#include "data/class_detection.h"

#include <gtest/gtest.h>
#include <png.h>

#include <limits>

#include "tests/data/dataset_layouts.h"
#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

DetectedClasses detect(const fs::path& root, const ClassOptions& options = {}, const std::string& format = "") {
  return detect_classes(find_dataset(root, {.format = format}), options);
}

TEST(DetectClasses, CountsTheLabelsValues) {
  const TemporaryFolder folder;
  make_dataset(folder / "plain", 4);
  const DetectedClasses plain = detect(folder / "plain");
  EXPECT_EQ(plain.info.num_classes(), 5);
  EXPECT_EQ(plain.info.ignore_index, 255);
  EXPECT_EQ(plain.explanation, "5 classes, ignore index 255 (from the labels' values 0 to 4)");
  EXPECT_EQ(detect(folder / "plain", {.classes = 9}).info.num_classes(), 9);
  EXPECT_EQ(detect(folder / "plain", {.ignore_index = 4}).info.num_classes(), 1);

  Label bordered(4, 6, 2);
  bordered.at(0, 0) = 255;
  write_indexed_png(folder / "plain/val/labels/p0.png", bordered, voc_palette());
  EXPECT_EQ(detect(folder / "plain").info.num_classes(), 5) << "255 is no class";
  EXPECT_THROW(detect(folder / "plain", {.classes = 0}), ValueError);
  for (int64_t beyond : {int64_t{1} << 40, std::numeric_limits<int64_t>::min()})  // crops hold ids in 32 bits
    EXPECT_THROW(detect(folder / "plain", {.ignore_index = beyond}), ValueError) << beyond;
}

TEST(DetectClasses, BlackAndWhiteIsTwoClassesAndSaysSo) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 255);
  for (const ClassOptions& options : {ClassOptions{}, {.classes = 2}, {.ignore_index = 255}}) {  // the last as a resumed run
    const DetectedClasses detected = detect(folder.path(), options);
    EXPECT_EQ(detected.info.num_classes(), 2);
    EXPECT_EQ(detected.encoding.values, (std::vector<int32_t>{0, 255}));
    EXPECT_EQ(detected.explanation, "2 classes, ignore index 255 (black and white masks: 0 is class 0, 255 is class 1)");
  }
  EXPECT_TRUE(detect(folder.path(), {.classes = 3}).encoding.values.empty()) << "then 255 is void";
  EXPECT_TRUE(detect(folder.path(), {.ignore_index = 0}).encoding.values.empty());
  put_label(folder / "val/labels/p1.png", 1);  // 1 is a class already
  EXPECT_TRUE(detect(folder.path()).encoding.values.empty());
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
  const std::string message = message_of<FileError>([&] { detect(folder.path()); });
  EXPECT_TRUE(contains(message, "65535") && contains(message, "--ignore-index 65535")) << message;
  EXPECT_EQ(detect(folder.path(), {.ignore_index = 65535}).info.num_classes(), 2);
}

TEST(DetectClasses, KnowsCamVidByNameAndByElevenClasses) {
  const TemporaryFolder folder;
  make_dataset(folder / "CamVid", 11);
  make_dataset(folder / "other", 11);
  for (const DetectedClasses& detected : {detect(folder / "CamVid"), detect(folder / "other", {.classes = 11})}) {
    EXPECT_EQ(detected.info.names, camvid_class_names());
    EXPECT_EQ(detected.info.ignore_index, 11);
    EXPECT_TRUE(contains(detected.explanation, "11 classes, ignore index 11 (CamVid")) << detected.explanation;
  }
  EXPECT_EQ(detect(folder / "other").info.num_classes(), 12);
  make_dataset(folder / "camvid", 12);
  EXPECT_EQ(detect(folder / "camvid").info.num_classes(), 13) << "12 lies outside CamVid's labels";
  EXPECT_EQ(detect(folder / "other", {}, "camvid").info.names, camvid_class_names()) << "by --dataset camvid";
  make_dataset(folder / "eleven", 10);
  EXPECT_EQ(detect(folder / "eleven", {.classes = 11}).info.names[0], "class_0") << "11 classes without void are others";
}

TEST(DetectClasses, KnowsPascalVocByItsLargestValue) {
  const TemporaryFolder folder;
  for (const int32_t largest : {20, 19}) {
    const fs::path root = folder / fmt::format("v{}", largest);
    put_pairs(root / "JPEGImages", root / "SegmentationClass", largest, 4);
    const DetectedClasses detected = detect(root);
    EXPECT_EQ(detected.info.num_classes(), largest + 1);
    EXPECT_EQ(detected.info.names.back(), largest == 20 ? "tvmonitor" : "class_19");
  }
  make_dataset(folder / "other", 20);
  EXPECT_EQ(detect(folder / "other").info.names[0], "class_0") << "21 classes in another layout are not VOC's";
}

TEST(DetectClasses, ReadsDatasetJson) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1);
  std::ofstream(folder / "dataset.json") << R"({"classes": ["road", "sea"], "palette": [[1, 2, 3], [4, 5, 6]],
      "ignore_index": 9, "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]})";
  const DetectedClasses detected = detect(folder.path());
  EXPECT_EQ(detected.info.names, (std::vector<std::string>{"road", "sea"}));
  EXPECT_EQ(detected.info.palette[1], (Color{4, 5, 6}));
  EXPECT_EQ(detected.info.ignore_index, 9);
  EXPECT_EQ(detected.info.std[2], 3.0f);
  EXPECT_EQ(detect(folder.path(), {.ignore_index = 7}).info.ignore_index, 7) << "flags win over the file";

  put_text(folder / "dataset.json", R"({"values": [1, 0], "mean": [0.1, 0.2, 0.3]})");
  EXPECT_EQ(detect(folder.path()).info.names[1], "class_1");
  EXPECT_EQ(detect(folder.path()).encoding.values, (std::vector<int32_t>{1, 0}));
  EXPECT_THROW(detect(folder.path(), {.classes = 3}), ValueError);
  put_text(folder / "dataset.json", R"({"mean": [0.1, 0.2, 0.3]})");  // what it leaves out is found out
  EXPECT_EQ(detect(folder.path()).info.num_classes(), 2);
  EXPECT_EQ(detect(folder.path()).info.mean[1], 0.2f);

  for (const char* bad : {"{", R"({"classes": 3})", R"({"values": [1, 1]})", R"({"classes": ["a"], "values": [1, 2]})", R"({"classes": ["a"], "std": [1, 0, 1]})",
                          R"({"classes": ["a"], "std": [1, 1e-45, 1]})", R"({"classes": ["a"], "std": [1, 1e99, 1]})",
                          R"({"classes": ["a"], "mean": [1, 1e99, 1]})"}) {
    std::ofstream(folder / "dataset.json") << bad;
    EXPECT_TRUE(contains(message_of<FileError>([&] { detect(folder.path()); }), "dataset.json: ")) << bad;
  }
}

}  // namespace
}  // namespace tessera::data
