#include "data/dataset_files.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/data/dataset_layouts.h"
#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(const DatasetFiles& files, const std::string& split) {
  std::vector<std::string> result;
  for (const Pair& pair : files.splits.at(split).pairs) result.push_back(pair.name);
  return result;
}

std::string error_of(const fs::path& root, const FileOptions& options = {}) {
  return message_of<FileError>([&] { find_dataset(root, options); });
}

using Names = std::vector<std::string>;

TEST(FindDataset, PascalVocByItsLists) {
  const TemporaryFolder folder;
  const fs::path root = folder / "VOCdevkit/VOC2007";
  put_pairs(root / "JPEGImages", root / "SegmentationClass", 1, 5);
  put_image(root / "JPEGImages/unlabelled.png");  // as most of VOC's pictures are
  const fs::path lists = root / "ImageSets/Segmentation";
  put_text(lists / "train.txt", "p3\r\np0\n\n");
  put_text(lists / "val.txt", "p4 1\np4\n");
  put_text(lists / "trainval.txt", "p0\np3\np4\n");
  for (const fs::path& given : {root, folder.path(), folder / "VOCdevkit"}) {
    const DatasetFiles files = find_dataset(given);
    EXPECT_EQ(files.format, "voc");
    EXPECT_EQ(files.root, root);
    EXPECT_EQ(names(files, "train"), (Names{"p3", "p0"})) << "in the list's order";
    EXPECT_EQ(names(files, "val"), Names{"p4"});
    EXPECT_TRUE(files.splits.at("train").images_without_label.empty());
  }
  put_text(lists / "val.txt", "unlabelled\n");
  EXPECT_EQ(find_dataset(root).splits.at("val").images_without_label.size(), 1u);
  put_text(lists / "val.txt", "p4\nnone\n");
  EXPECT_TRUE(contains(error_of(root), "val.txt: line 2 names none"));

  fs::remove(lists / "train.txt");  // trainval is the whole, and split at random
  fs::remove(lists / "val.txt");
  EXPECT_EQ(names(find_dataset(root), "train").size() + names(find_dataset(root), "val").size(), 3u);
  fs::remove(lists / "trainval.txt");
  EXPECT_EQ(names(find_dataset(root), "train").size(), 4u) << "all pictures with labels, one of five held out";
}

TEST(FindDataset, CamVidInSegNetsLayoutAndByItsLists) {
  const TemporaryFolder folder;
  for (const std::string split : {"train", "val", "test"})
    put_pairs(folder / "CamVid" / split, folder / "CamVid" / (split + "annot"), 11, 2);
  const DatasetFiles folders = find_dataset(folder / "CamVid");
  EXPECT_EQ(folders.format, "camvid");
  EXPECT_EQ(names(folders, "test"), (Names{"p0", "p1"}));

  put_text(folder / "CamVid/train.txt", "/SegNet/CamVid/train/p1.png /SegNet/CamVid/trainannot/p1.png\n");
  put_text(folder / "CamVid/val.txt", "val/p0.png valannot/p0.png\n");
  const DatasetFiles lists = find_dataset(folder / "CamVid", {.format = "list"});
  EXPECT_EQ(lists.splits.at("train").pairs.at(0).label, folder / "CamVid/trainannot/p1.png") << "the author's folders are left off";
  EXPECT_EQ(names(lists, "val"), Names{"p0"});
  put_text(folder / "CamVid/both.txt", "train/p0.png trainannot/p0.png\ntrain/p1.png trainannot/p1.png\n");
  EXPECT_EQ(find_dataset(folder / "CamVid/both.txt", {.format = "camvid"}).format, "camvid");
}

TEST(FindDataset, FoldersOfPicturesAndLabelsUnderManyNames) {
  const TemporaryFolder folder;
  make_dataset(folder / "a", 1, 3);
  for (const char* split : {"training", "validation"}) {
    put_pairs(folder / "b/images" / split, folder / "b/annotations" / split);
    put_pairs(folder / "c" / split / "imgs", folder / "c" / split / "masks", 1, 2, "_mask");
  }
  put_pairs(folder / "d/imgs", folder / "d/masks", 1, 12, "mask");
  put_pairs(folder / "e/photos", folder / "e/annotations/pixel-level", 1, 4);
  put_text(folder / "e/train.txt", "p0.jpg\np2\n");
  put_text(folder / "e/val.txt", "p1\n");
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    const DatasetFiles files = find_dataset(folder / name);
    EXPECT_EQ(files.format, "folder") << name;
    EXPECT_FALSE(names(files, "val").empty()) << name;
  }
  EXPECT_EQ(names(find_dataset(folder / "a"), "train"), (Names{"p0", "p1", "p2"}));
  EXPECT_EQ(names(find_dataset(folder / "e"), "train"), (Names{"p0", "p2"}));
  EXPECT_TRUE(contains(find_dataset(folder / "d").explanation, "1 of 12 held out by seed 0"));
  put_text(folder / "a/train/images/notes.txt", "passed over");
  put_image(folder / "a/train/images/.hidden.png");
  EXPECT_EQ(names(find_dataset(folder / "a"), "train").size(), 3u);
}

TEST(FindDataset, ASuffixIsFoundOutOrGiven) {
  const TemporaryFolder folder;
  put_pairs(folder / "images", folder / "masks", 1, 3, "_mask");
  put_pairs(folder / "images", folder / "masks", 1, 1, "_other");
  EXPECT_EQ(find_dataset(folder.path()).splits.at("train").labels_without_image.size(), 1u);
  const DatasetFiles given = find_dataset(folder.path(), {.mask_suffix = "_mask"});
  EXPECT_TRUE(given.splits.at("train").labels_without_image.empty()) << "other files of the folder are passed over";
  EXPECT_TRUE(contains(message_of<FileError>([&] { find_dataset(folder.path(), {.mask_suffix = "_x"}); }), "at least two"));
  put_label(folder / "masks/p1_gt.png");
  EXPECT_TRUE(contains(error_of(folder.path()), "belongs to p1 as p1_gt.png does") ||
              contains(error_of(folder.path()), "belongs to p1 as p1_mask.png does"))
      << error_of(folder.path());
}

TEST(FindDataset, TheHeldOutPartFollowsFromTheSeed) {
  const TemporaryFolder folder;
  put_pairs(folder / "images", folder / "masks", 1, 20);
  const auto val = [&](uint64_t seed, std::optional<double> part) {
    return names(find_dataset(folder.path(), {.val_split = part, .seed = seed}), "val");
  };
  EXPECT_EQ(val(1, 0.25).size(), 5u);
  EXPECT_EQ(val(1, 0.25), val(1, 0.25));
  EXPECT_NE(val(1, 0.25), val(2, 0.25));
  EXPECT_EQ(val(1, {}).size(), 2u);
  EXPECT_EQ(val(1, 0.001).size(), 1u) << "never none";
  EXPECT_EQ(val(1, 0.999).size(), 19u) << "nor all";
  const DatasetFiles files = find_dataset(folder.path(), {.val_split = 0.25});
  std::set<std::string> all;
  for (const char* split : {"train", "val"})
    for (const std::string& name : names(files, split)) EXPECT_TRUE(all.insert(name).second) << name << " is in both";
  EXPECT_EQ(all.size(), 20u);
  for (const double wrong : {0.0, 1.0, -1.0, std::nan("")}) EXPECT_THROW(val(1, wrong), ValueError) << wrong;
  make_dataset(folder / "split", 1);
  EXPECT_TRUE(contains(message_of<ValueError>([&] { find_dataset(folder / "split", {.val_split = 0.2}); }), "of its own"));
}

TEST(FindDataset, ListsOfPicturesAndLabels) {
  const TemporaryFolder folder;
  put_pairs(folder / "x", folder / "y", 1, 4);
  put_text(folder / "all.txt", "\xEF\xBB\xBF# picture label\nx/p0.png y/p0.png\n\nx/p1.png\ty/p1.png\nx/p2.png " +
                                   (folder / "y/p2.png").string() + "\n");
  const DatasetFiles files = find_dataset(folder / "all.txt", {.val_split = 0.4});
  EXPECT_EQ(files.format, "list");
  EXPECT_EQ(files.root, folder.path());
  EXPECT_EQ(names(files, "train").size() + names(files, "val").size(), 3u);
}

TEST(FindDataset, LinesThatCannotBeReadAreNamed) {
  const TemporaryFolder folder;
  put_pairs(folder / "x", folder / "y");
  for (const auto& [text, problem] : {std::pair{"x/p0.png", "line 1 has 1 words"},
                                      {"x/p0.png y/p0.png\na b c\n", "line 2 has 3 words"},
                                      {"none.png none.png", "line 1 names none.png, which does not exist"},
                                      {"", "holds 0 pairs"}}) {
    put_text(folder / "list.txt", text);
    EXPECT_TRUE(contains(error_of(folder / "list.txt"), problem)) << error_of(folder / "list.txt");
  }
  put_text(folder / "list.txt", "x/p0.png y/p0.png\nx/p1.png y/p1.png\nx/p0.png y/none.png\nx/none.png y/p0.png");
  const SplitFiles files = find_dataset(folder / "list.txt").splits.at("train");
  EXPECT_EQ(files.images_without_label, std::vector{folder / "x/p0.png"});
  EXPECT_EQ(files.labels_without_image, std::vector{folder / "y/p0.png"});
}

TEST(FindDataset, WhatIsMissingIsNamed) {
  const TemporaryFolder folder;
  make_dataset(folder / "d", 1);
  EXPECT_TRUE(contains(error_of(folder / "none"), "none: there is no such folder"));
  EXPECT_TRUE(contains(error_of(folder / "d/train/images"), "none of the layouts"));
  for (const char* format : {"voc", "list"})
    EXPECT_TRUE(contains(error_of(folder / "d", {.format = format}), std::string("is no data set of format ") + format));
  EXPECT_THROW(find_dataset(folder / "d", {.format = "zip"}), ValueError);
  fs::remove(folder / "d/train/labels/p1.png");
  EXPECT_EQ(find_dataset(folder / "d").splits.at("train").images_without_label, std::vector{folder / "d/train/images/p1.png"});
  fs::copy_file(folder / "d/val/images/p0.png", folder / "d/val/images/p0.bmp");
  EXPECT_TRUE(contains(error_of(folder / "d"), "same stem"));
  fs::remove_all(folder / "d/val/labels");
  EXPECT_TRUE(contains(error_of(folder / "d"), "d/val: has pictures but no folder of labels"));
}

}  // namespace
}  // namespace tessera::data
