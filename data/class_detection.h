// What the classes of a data set are: from the user, from dataset.json beside the files, by the data set's name, or from the
// labels themselves.
#pragma once

#include <optional>
#include <string>

#include "data/dataset_files.h"

namespace tessera::data {

// What the caller knows of the classes; what is left out is found out by detect_classes.
struct ClassOptions {
  std::optional<int64_t> classes = {};
  std::optional<int64_t> ignore_index = {};
  std::string mat_variable = {};  // of labels that are MATLAB files
};

struct DetectedClasses {
  ClassInfo info;
  LabelEncoding encoding;
  std::string explanation;  // one line for the user: how many classes, which ignore index, and how this was found
};

// Decides the classes of a data set. The first rule that applies wins:
//   1. dataset.json in files.root, with any of
//        "classes"       a list of names
//        "palette"       a list of [red, green, blue], 0 to 255, in the order of the classes
//        "ignore_index"  the label value of pixels that belong to no class [255]
//        "mean", "std"   three numbers each, of RGB / 255 [ImageNet's]
//        "values"        the label value of each class, where it is not its number: [0, 255] of black and white masks
//   2. CamVid: the format is camvid, or the path has a part named camvid (in any case), or the caller asks for 11 classes and 11
//      occurs; and no label value lies outside 0..11: 11 named classes, 11 is void and ignored.
//   3. Pascal VOC: the format is voc, the caller asks for 21 classes or for none, and the largest label value but 255 is 20: its
//      21 named classes, 255 is ignored.
//   4. Black and white: the labels hold 0 and 255 alone, the caller asks for 2 classes or for none, and names no ignore index but
//      255: 0 is class 0 and 255 is class 1. (Were 255 void, there would be one class and nothing to learn.)
//   5. The caller's number of classes; ignore index 255.
//   6. The labels' values, all of which are read: 255 is the ignore index, the largest other value + 1 the number of classes.
// A number of classes or an ignore index that the caller gives overrides what a rule says.
// There may be 256 classes, as many as a palette PNG has colours, and the ignore index must fit in 32 bits. Labels that cannot be
// read are left to the reader of samples; if that is all of them, their error is thrown.
DetectedClasses detect_classes(const DatasetFiles& files, const ClassOptions& options = {});

}  // namespace tessera::data
