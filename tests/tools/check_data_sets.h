// Small data sets for the tests of check-data: sound ones, to be broken on purpose.
#pragma once

#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <string>

#include "data/image.h"
#include "data/shapes.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/raw_png.h"
#include "tools/check_data/examine.h"

namespace tessera::tools {

namespace fs = std::filesystem;

inline constexpr int kHeight = 40, kWidth = 56;
inline const std::vector<std::string> kSplits = {"train", "val"};

inline fs::path image_path(const fs::path& root, const std::string& split, int i) {
  return root / split / "images" / fmt::format("s{}.png", i);
}
inline fs::path mask_path(const fs::path& root, const std::string& split, int i) {
  return root / split / "labels" / fmt::format("s{}.png", i);
}
inline data::Sample scene(const std::string& split, int i) {
  return data::draw_scene(split == "train" ? 5 : 6, static_cast<uint64_t>(i), kHeight, kWidth);
}

// DIR/{train,val}/{images,labels} with scenes of 7 classes, each of which occurs in both splits.
inline constexpr int kPairs = 6;
inline void make_sound(const fs::path& root) {
  for (const std::string& split : kSplits) {
    fs::create_directories(root / split / "images");
    fs::create_directories(root / split / "labels");
    for (int i = 0; i < kPairs; ++i) {
      const data::Sample sample = scene(split, i);
      data::write_png(image_path(root, split, i), sample.image);
      data::write_indexed_png(mask_path(root, split, i), sample.label, data::voc_palette());
    }
  }
}

// Writes all masks anew: grey PNGs of what `value` makes of a class id.
inline void rewrite_masks(const fs::path& root, const std::function<int(int32_t)>& value) {
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i) {
      std::vector<uint8_t> raw;
      for (int32_t id : scene(split, i).label.ids) raw.push_back(static_cast<uint8_t>(value(id)));
      testing_support::make_png(mask_path(root, split, i), kHeight, kWidth, 8, PNG_COLOR_TYPE_GRAY, raw);
    }
}

inline void write_text_file(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

inline std::vector<Finding> findings_of(const fs::path& root, const data::OpenOptions& open = {}) {
  return all_findings(examine(root.string(), open));
}

// The finding of this code. Each has a count, one line of text and, but for notes, a remedy.
inline Finding find(const std::vector<Finding>& findings, const std::string& code) {
  std::string all;
  for (const Finding& finding : findings) {
    all += finding.code + " ";
    if (finding.code != code) continue;
    EXPECT_GE(finding.count, 1);
    EXPECT_NE(finding.remedy, "");
    EXPECT_EQ(one_line(finding).find('\n'), std::string::npos);
    return finding;
  }
  ADD_FAILURE() << "no " << code << " among: " << all;
  return {};
}

inline std::string errors_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings)
    if (finding.is_error()) text += one_line(finding) + "\n";
  return text;
}

inline void expect_text(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

}  // namespace tessera::tools
