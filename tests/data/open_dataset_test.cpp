#include "data/open_dataset.h"

#include <gtest/gtest.h>

#include "tests/data/dataset_layouts.h"
#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;
const fs::path kShared = fs::path(TESSERA_SHARED_DIR) / "data";

TEST(OpenDataset, GivesTheSplitsAndSaysWhatWasFound) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 255, 3);
  const OpenedDataset opened = open_dataset(folder.path());
  EXPECT_EQ(opened.explanation,
            "folders of pictures and labels; 2 classes, ignore index 255 (black and white masks: 0 is class 0, 255 is class 1)");
  EXPECT_EQ(opened.split("train")->size(), 3);
  EXPECT_EQ(opened.split("val")->read(2).label.at(1, 2), 1);
  const std::string message = message_of<ValueError>([&] { opened.split("test"); });
  EXPECT_TRUE(contains(message, "there is no split test. It has train, val")) << message;
}

TEST(OpenDataset, AMissingFileIsAnErrorOrLeftOut) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1, 3);
  fs::remove(folder / "train/labels/p1.png");
  fs::remove(folder / "val/images/p0.png");
  const std::string message = message_of<FileError>([&] { open_dataset(folder.path()); });
  EXPECT_TRUE(contains(message, "train/images/p1.png: has no label of the same stem (1 such files)")) << message;
  EXPECT_TRUE(contains(message, "--skip-bad")) << message;
  const OpenedDataset opened = open_dataset(folder.path(), {.skip_bad = true});
  EXPECT_EQ(opened.split("train")->size(), 2);
  EXPECT_EQ(opened.split("val")->size(), 2);
  EXPECT_EQ(opened.left_out.size(), 2u);
  EXPECT_TRUE(contains(opened.explanation, "; 2 left out")) << opened.explanation;
}

TEST(OpenDataset, FilesThatCannotBeReadAreLeftOutByName) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1, 5);
  put_text(folder / "train/images/p1.png", "no picture");
  put_text(folder / "train/labels/p3.png", "");
  put_label(folder / "val/labels/p4.png", 1);
  write_png(folder / "val/images/p4.png", Image(9, 9));
  const OpenedDataset plain = open_dataset(folder.path());
  EXPECT_TRUE(contains(message_of<FileError>([&] { plain.split("train")->read(1); }), "train/images/p1.png: is no"));
  for (int run = 0; run < 3; ++run) {
    const OpenedDataset opened = open_dataset(folder.path(), {.skip_bad = true});
    ASSERT_EQ(opened.left_out.size(), 3u);
    EXPECT_TRUE(contains(opened.left_out[0], "train/images/p1.png")) << "in the order of the files: " << opened.left_out[0];
    EXPECT_TRUE(contains(opened.left_out[1], "train/labels/p3.png")) << opened.left_out[1];
    EXPECT_TRUE(contains(opened.left_out[2], "val/labels/p4.png: is 6x4 pixels")) << opened.left_out[2];
    EXPECT_EQ(opened.split("train")->pairs()[1].name, "p2");
    for (const char* split : {"train", "val"})
      for (int64_t i = 0; i < opened.split(split)->size(); ++i) EXPECT_NO_THROW(opened.split(split)->read(i));
  }
  for (int i = 0; i < 5; ++i) put_text(folder / fmt::format("val/images/p{}.png", i), "no picture");
  const std::string none = message_of<FileError>([&] { open_dataset(folder.path(), {.skip_bad = true}); });
  EXPECT_TRUE(contains(none, "its split val holds no pair of picture and label that can be read")) << none;
}

TEST(OpenDataset, PicturesBelowASizeAreLeftOutAndCounted) {
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1, 4);
  write_png(folder / "train/images/p2.png", Image(4, 5));
  OpenedDataset opened = open_dataset(folder.path());
  opened.leave_out_smaller("train", 4, 6);
  EXPECT_EQ(opened.split("train")->size(), 3);
  EXPECT_EQ(opened.split("val")->size(), 4);
  EXPECT_TRUE(contains(opened.explanation, "1 pictures smaller than 4x6 left out of train")) << opened.explanation;
  EXPECT_TRUE(contains(message_of<FileError>([&] { opened.leave_out_smaller("train", 5, 6); }), "Choose a smaller --crop"));
}

TEST(OpenDataset, HostilePicturesAreRefusedByName) {
  if (!fs::is_directory(kShared / "bad")) GTEST_SKIP() << "no " << kShared / "bad";
  const TemporaryFolder folder;
  make_dataset(folder.path(), 1, 2);
  const std::vector<std::string> bad = {"truncated.jpg", "not_an_image.jpg", "empty.png"};
  for (const std::string& name : bad) {
    fs::copy_file(kShared / "bad" / name, folder / "train/images" / name);
    put_label(folder / "train/labels" / (fs::path(name).stem().string() + ".png"));
  }
  const OpenedDataset plain = open_dataset(folder.path());
  const auto train = plain.split("train");
  int64_t refused = 0;
  for (int64_t i = 0; i < train->size(); ++i) {
    const Pair& pair = train->pairs()[i];
    if (pair.name.starts_with("p")) continue;
    const std::string message = message_of<FileError>([&] { train->read(i); });
    EXPECT_TRUE(contains(message, pair.image.filename())) << message;
    ++refused;
  }
  EXPECT_EQ(refused, 3);
  const OpenedDataset skipping = open_dataset(folder.path(), {.skip_bad = true});
  EXPECT_EQ(skipping.split("train")->size(), 2);
  EXPECT_EQ(skipping.left_out.size(), 3u);
}

TEST(OpenDataset, SharedCamVidIsReadAsElevenClasses) {
  const fs::path root = kShared / "camvid";
  if (!fs::is_directory(root)) GTEST_SKIP() << "no " << root;
  for (const char* format : {"", "camvid"}) {
    const OpenedDataset opened = open_dataset(root, {.files = {.format = format}});
    EXPECT_EQ(opened.files.format, *format ? format : "folder");
    EXPECT_EQ(opened.classes.names, camvid_class_names());
    EXPECT_EQ(opened.classes.ignore_index, 11);
    EXPECT_EQ(opened.split("train")->size(), 367);
    EXPECT_EQ(opened.split("val")->size(), 101);
    EXPECT_EQ(opened.split("train")->read(0).image.width, 480);
    EXPECT_EQ(opened.split("val")->read(100).label.height, 360);
  }
}

TEST(OpenDataset, SharedRocksAreVocWithFourClasses) {
  const fs::path root = kShared / "rocks_voc";
  if (!fs::is_directory(root)) GTEST_SKIP() << "no " << root;
  const OpenedDataset opened = open_dataset(root);
  EXPECT_EQ(opened.files.format, "voc");
  EXPECT_EQ(opened.classes.num_classes(), 4) << "from the labels: they are not VOC's 21";
  EXPECT_EQ(opened.split("train")->size(), 200);
  EXPECT_EQ(opened.split("val")->size(), 23);
  const Sample sample = opened.split("val")->read(0);
  EXPECT_EQ(sample.name, "000018");
  ASSERT_EQ(sample.image.channels, 3) << "grey pictures become RGB";
  for (size_t i = 0; i < sample.image.pixels.size(); i += 3) ASSERT_EQ(sample.image.pixels[i], sample.image.pixels[i + 2]);
}

}  // namespace
}  // namespace tessera::data
