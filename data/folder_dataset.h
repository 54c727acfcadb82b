// Data sets in folders: DIR/{train,val}/{images,labels}.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "data/dataset.h"

namespace tessera::data {

// What the caller knows of the classes; what is left out is found out by detect_classes.
struct ClassOptions {
  std::optional<int64_t> classes = {};
  std::optional<int64_t> ignore_index = {};
};

struct DetectedClasses {
  ClassInfo info;
  std::string explanation;  // one line for the user: how many classes, which ignore index, and how this was found
};

// Decides the classes of the folder data set at `root`. The first rule that applies wins:
//   1. `root`/dataset.json, with any of "classes" (a list of names), "palette" (a list of [r, g, b]), "ignore_index", "mean",
//      "std" (three numbers each, of RGB / 255).
//   2. CamVid: the folder's path has a part named camvid (in any case), or the caller asks for 11 classes, and no label value
//      lies outside 0..11: 11 named classes, 11 is void and ignored.
//   3. The caller's number of classes; ignore index 255.
//   4. The labels' values, all of which are read: 255 is the ignore index, the largest other value + 1 the number of classes.
//      Values 0 and 255 alone are an error, since they may be a class and void or a mask in black and white.
// A number of classes or an ignore index that the caller gives overrides what a rule says.
// There may be 256 classes, as many as a palette PNG has colours, and the ignore index must fit in 32 bits.
DetectedClasses detect_classes(const std::filesystem::path& root, const ClassOptions& options = {});

// The pairs of one split: files of equal stem in `root`/SPLIT/images (JPEG, PNG, BMP) and `root`/SPLIT/labels (PNG; the stem may
// end in _mask), sorted by name. Hidden files and files of other kinds are passed over.
// Errors: FileError that names the file and the remedy, for a missing folder, an image without label or a label without image
// at construction; for unreadable files, an image and label of different size, and a label value that is neither a class nor
// the ignore index at read().
class FolderDataset : public Dataset {
 public:
  FolderDataset(const std::filesystem::path& root, Split split, ClassInfo classes);
  int64_t size() const override { return static_cast<int64_t>(pairs_.size()); }
  Sample read(int64_t index) const override;

  struct Pair {
    std::string name;
    std::filesystem::path image, label;
  };
  const std::vector<Pair>& pairs() const { return pairs_; }

 private:
  std::vector<Pair> pairs_;
};

// Reads both files of a pair and checks them against each other and against the classes.
Sample read_pair(const FolderDataset::Pair& pair, const ClassInfo& classes);

}  // namespace tessera::data
