// All that is known of a data set once it is read, and the judgements over it.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset_files.h"
#include "data/palette.h"
#include "tools/check_data/finding.h"
#include "tools/check_data/survey.h"

namespace tessera::tools {

// What the masks should hold, as flags, dataset.json, the layout or the values themselves say.
struct Expectation {
  std::vector<std::string> names;  // one a class; empty: not known
  std::vector<int32_t> values;     // stored for each class; empty: 0, 1, 2, ...
  data::Palette palette;           // as dataset.json or the layout has it
  int64_t ignore_index = 255;
  bool given = false;  // not guessed from the values
  std::string source;  // "CamVid, by the folder's name and labels of 0 to 11"
};

struct SplitExamination {
  std::string name;  // train, val, test
  data::SplitFiles files;
  SplitSurvey survey;
};

struct Examination {
  std::string data;                      // --data
  std::string layout;                    // for people
  std::vector<SplitExamination> splits;  // train first
  Expectation expected;
  std::vector<Finding> problems;  // what kept it from looking further
  bool skip_bad = false;          // training leaves out what is incomplete or cannot be read
  bool complete = true;           // every pair was read

  // Sums over the splits.
  std::map<int64_t, Occurrence> values() const;
  std::map<uint32_t, Occurrence> colors() const;
  int64_t pairs_read() const;
};

// The value -> class table of the masks, as far as it can be told: what flags and dataset.json say, else the values that occur.
struct ClassTable {
  std::vector<int64_t> values;  // values[i] is stored for class i
  std::vector<std::string> names;
  bool given = false;  // by flag, dataset.json or layout; if not, it is a guess
};
ClassTable class_table(const Examination& examination);

// Whether a value is what smooth edges or compression leave behind: most of its pixels lie in runs of one pixel.
bool is_speckle(const Occurrence& count);

// The pairs for which `wanted(facts)` holds: how many, and the first few files' paths below --data.
struct Matches {
  int64_t count = 0;
  std::vector<std::string> images, masks;
};
Matches find_pairs(const Examination& examination, const std::function<bool(const PairFacts&)>& wanted);

// A file's path as seen from --data.
std::string short_path(const Examination& examination, const std::filesystem::path& file);

// Each gives its findings in the order of the report. They look at what was read only: a survey that stopped early says less.
std::vector<Finding> pairing_findings(const Examination& examination);    // files that have no partner, splits that are not there
std::vector<Finding> file_findings(const Examination& examination);       // unreadable files, sizes, what the decoder drops
std::vector<Finding> encoding_findings(const Examination& examination);   // colours, 0 and 255, smooth edges, values out of range
std::vector<Finding> class_findings(const Examination& examination);      // classes that are missing or rare
std::vector<Finding> duplicate_findings(const Examination& examination);  // the same picture twice

// All of these, errors first.
std::vector<Finding> all_findings(const Examination& examination);

// What would be typed: weights, sizes, mean and standard deviation.
struct Recommendations {
  int64_t classes = 0;
  std::vector<double> frequencies;            // of pixels, by class; sums to 1
  std::vector<double> weights;                // by median frequency, as median_frequency_weights()
  std::array<double, 3> mean = {}, std = {};  // of RGB / 255
  struct Extent {
    int64_t height = 0, width = 0, pictures = 0;
  };
  std::vector<Extent> sizes;  // the most frequent first
  std::string size_flags;     // "--crop 320x320", or "" where none is needed
  std::string size_reason;
};
Recommendations recommend(const Examination& examination);

// A dataset.json as one line, of the classes that the table holds.
std::string dataset_json(const ClassTable& table, const data::Palette& colors, const std::optional<int64_t>& ignore_index,
                         const std::optional<Recommendations>& statistics = {});

}  // namespace tessera::tools
