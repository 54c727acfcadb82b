// Data sets of small pictures in temporary folders, in the layouts that people have.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/image.h"

namespace tessera::data {

// A picture of 6x4, all of one grey, as a file that its folders are made for.
inline void put_image(const std::filesystem::path& file, uint8_t grey = 10) {
  std::filesystem::create_directories(file.parent_path());
  write_png(file, Image(4, 6, 3, grey));
}

// A label of 6x4 as a palette PNG: `value` at row 1, column 2, 0 elsewhere.
inline void put_label(const std::filesystem::path& file, int32_t value = 1) {
  std::filesystem::create_directories(file.parent_path());
  Label label(4, 6);
  label.at(1, 2) = value;
  write_indexed_png(file, label, voc_palette());
}

inline void put_text(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

// `count` pairs p0, p1, ... of the two folders, whose labels hold `value` once and 0 elsewhere.
inline void put_pairs(const std::filesystem::path& images, const std::filesystem::path& labels, int32_t value = 1, int count = 2,
                      const std::string& suffix = "") {
  for (int i = 0; i < count; ++i) {
    put_image(images / fmt::format("p{}.png", i), static_cast<uint8_t>(10 * i));
    put_label(labels / fmt::format("p{}{}.png", i, suffix), value);
  }
}

// DIR/{train,val}/{images,labels}.
inline void make_dataset(const std::filesystem::path& root, int32_t value, int count = 2, const std::string& suffix = "") {
  for (const char* split : {"train", "val"}) put_pairs(root / split / "images", root / split / "labels", value, count, suffix);
}

}  // namespace tessera::data
