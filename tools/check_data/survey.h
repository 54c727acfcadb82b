// Reading a data set for its facts, without judging them: each file's header, sizes, values, colours, sums.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/pair_dataset.h"
#include "data/picture_header.h"
#include "tools/check_data/finding.h"

namespace tessera::tools {

// Where a value or colour occurs. Sums over masks, so the order of reading does not matter.
struct Occurrence {
  int64_t pixels = 0;
  int64_t thin = 0;   // of these, in a run of one pixel across or down: a class seldom has them, noise and smooth edges do
  int64_t masks = 0;  // that have it
  int64_t pixels_of_masks = 0;  // all pixels of those masks that are not ignored
  std::vector<int64_t> pairs;   // the first few, by their number in the split
  void add(const Occurrence& other);
};

struct ImageFacts {
  bool read = false;
  std::string error;  // why it cannot be read, one line
  data::PictureHeader header;
  int64_t height = 0, width = 0;  // decoded, or as the header says where pictures are not decoded
  bool grey = false;              // red = green = blue everywhere
  uint64_t hash = 0;              // of the decoded pixels; 0 if not decoded
};

struct MaskFacts {
  bool read = false;
  std::string error;
  data::PictureHeader header;
  int64_t height = 0, width = 0;
  bool colors = false;       // three channels, so its pixels are counted in SplitSurvey::colors
  bool grey_as_rgb = false;  // ... which are equal everywhere
  int64_t distinct = 0;      // values or colours
  int64_t ignored = 0;       // pixels of the ignore index
  uint64_t hash = 0;         // of the values
};

struct PairFacts {
  ImageFacts image;
  MaskFacts mask;
};

// Of one split. Memory is bounded by the number of pairs (about 300 bytes each) and by kMostColors.
struct SplitSurvey {
  std::vector<PairFacts> pairs;  // one a pair, in their order; those that were not read say so
  std::map<int64_t, Occurrence> values;
  std::map<uint32_t, Occurrence> colors;  // 0xRRGGBB
  bool more_colors = false;               // some beyond kMostColors are left out
  int64_t pictures_summed = 0, pixels_summed = 0;
  std::array<uint64_t, 3> sum = {}, sum_of_squares = {};  // of 8-bit samples, red, green, blue
  int64_t read_pairs = 0;

  void add(const SplitSurvey& other);  // everything but `pairs`
  void take_colors_as_values();        // of masks whose three channels are equal
};
inline constexpr size_t kMostColors = 20000;

struct SurveyOptions {
  data::LabelEncoding encoding;
  int64_t ignore_index = 255;
  bool decode_images = true;                             // if not, only their headers are read
  std::optional<std::chrono::milliseconds> budget = {};  // stop after this long; the pairs read are then spread over the split
  int64_t threads = 0;                                   // 0: one a core
  std::function<void(int64_t pairs)> progress = {};      // called on the caller's thread
  std::function<bool()> stop = {};                       // looked at often; true ends the survey
};

SplitSurvey survey_pairs(const std::vector<data::Pair>& pairs, const SurveyOptions& options);

// What is in one mask, as stored: ids of one channel (grey, palette index, .mat), or colours.
struct MaskPixels {
  int64_t height = 0, width = 0;
  bool colors = false, grey_as_rgb = false;  // as in MaskFacts
  std::vector<int32_t> values;               // ids, or 0xRRGGBB
};

// Reads a mask of any kind that could be meant as one, also those that a data set refuses. Sets `header` first, so that it is
// known even if FileError is thrown.
MaskPixels read_mask_pixels(const std::filesystem::path& file, const data::LabelEncoding& encoding, data::PictureHeader& header);

}  // namespace tessera::tools
