// Where a data set's files are: pictures and label maps in the layouts that people have them in, found without reading a pixel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/pair_dataset.h"

namespace tessera::data {

struct FileOptions {
  std::string format = {};                      // voc, camvid, folder, mat or list; empty: found out
  std::optional<std::string> mask_suffix = {};  // what label stems have more than picture stems; left out: found out
  std::optional<double> val_split = {};         // the part held out, of a set without a validation split; left out: 0.1
  uint64_t seed = 0;                            // of the split
};

struct SplitFiles {
  std::vector<Pair> pairs;  // in the order of the list, or sorted by name
  std::vector<std::filesystem::path> images_without_label, labels_without_image;
};

struct DatasetFiles {
  std::string format;                        // as above
  std::filesystem::path root;                // the folder that dataset.json lies in
  std::map<std::string, SplitFiles> splits;  // "train" and "val"; "test" where there is one
  std::string explanation;                   // for the user: the layout, and how it was split
};

// The layouts, in the order in which they are tried on the folder `root`:
//   voc      JPEGImages, SegmentationClass, ImageSets/Segmentation/{train,val,trainval,test}.txt with a name a line; the folder
//            itself, or VOC2012 or VOC2007 in it or in its VOCdevkit
//   camvid   SegNet's: train, trainannot, val, valannot, test, testannot
//   folder   DIR/SPLIT/IMAGES with DIR/SPLIT/LABELS, or DIR/IMAGES/SPLIT with DIR/LABELS/SPLIT, or DIR/IMAGES with DIR/LABELS
//            and perhaps train.txt and val.txt with a name a line.
//            SPLIT: train, training; val, valid, validation; test. IMAGES: images, imgs, image, img, photos, JPEGImages.
//            LABELS: labels, masks, label, mask, annotations, annotations/pixel-level, cls, SegmentationClass.
//   mat      folder, with labels that are MATLAB files
//   list     train.txt, val.txt, test.txt, or a file in place of the folder, with "picture label" a line: paths from the list's
//            folder, or absolute. Of a path that does not exist the first folders are left off until it does, so that
//            SegNet's lists (/SegNet/CamVid/train/0001TP_006690.png) work wherever the files lie.
// Pictures are JPEG, PNG or BMP; labels PNG or MATLAB files. They belong together by stem; label stems may have a suffix, the given
// one or one of _mask, mask, _label, _labels, _gt, _seg, _segmentation, _L, _P. Hidden files and files of other kinds are passed
// over. A set without validation split is split at random, by the seed alone.
//
// Throws FileError, one line with the remedy, where no layout or not the given one fits, for two files of one stem, a line that
// cannot be read, a split without any pair; ValueError for an unknown format, a val_split outside (0, 1), or where there is a
// validation split already.
DatasetFiles find_dataset(const std::filesystem::path& root, const FileOptions& options = {});

}  // namespace tessera::data
