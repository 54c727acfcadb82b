#include "tools/check_data/examine.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace tessera::tools {
namespace {

// An error of the data set's own code, "operation: WHAT. REMEDY.", as a finding.
Finding finding_of(const char* code, const std::string& message) {
  std::string what = message.ends_with('.') ? message.substr(0, message.size() - 1) : message;
  if (const size_t colon = what.find(": "); colon != std::string::npos && what.find_first_of("/ ") > colon)
    what.erase(0, colon + 2);
  std::string remedy;
  if (const size_t end = what.rfind(". "); end != std::string::npos) {
    remedy = what.substr(end + 2);
    what.resize(end);
  }
  return {Severity::error, code, what, remedy, 1, {}};
}

// The pairs that were read, for what is decided by the labels: the sample of a quick look decides by itself.
data::DatasetFiles only_read(const data::DatasetFiles& files, const Examination& examination) {
  data::DatasetFiles read = files;
  for (const SplitExamination& split : examination.splits) {
    std::vector<data::Pair>& pairs = read.splits[split.name].pairs;
    pairs.clear();
    for (size_t i = 0; i < split.survey.pairs.size(); ++i)
      if (split.survey.pairs[i].mask.read) pairs.push_back(split.files.pairs[i]);
  }
  return read;
}

void expect(Examination& examination, const data::DatasetFiles& files, const data::ClassOptions& options) {
  Expectation& expected = examination.expected;
  expected.ignore_index = options.ignore_index.value_or(255);
  try {
    const data::DetectedClasses detected = data::detect_classes(files, options);
    expected.names = detected.info.names;
    expected.palette = detected.info.palette;
    expected.values = detected.encoding.values;
    expected.ignore_index = detected.info.ignore_index;
    expected.source = detected.explanation;
    expected.given = options.classes || !expected.values.empty() || !expected.names.front().starts_with("class_");
  } catch (const Error& error) {
    examination.problems.push_back(finding_of("classes", error.what()));
    if (options.classes) expected.given = true, expected.names.resize(*options.classes, "");
  }
}

// Train first, then what is held out.
int rank(const std::string& split) { return split == "train" ? 0 : split == "val" ? 1 : 2; }

}  // namespace

Examination examine(const std::string& data, const data::OpenOptions& open, const ExamineOptions& options) {
  Examination examination;
  examination.data = data;
  examination.skip_bad = open.skip_bad;
  data::DatasetFiles files;
  try {
    files = data::find_dataset(data, open.files);
  } catch (const Error& error) {
    examination.problems.push_back(finding_of("layout", error.what()));
    return examination;
  }
  examination.layout = files.explanation;
  int64_t total = 0;
  for (const auto& [name, split] : files.splits) {
    if (options.budget && name == "test") continue;
    examination.splits.push_back({name, split, {}});
    total += static_cast<int64_t>(split.pairs.size());
  }
  std::sort(examination.splits.begin(), examination.splits.end(),
            [](const auto& a, const auto& b) { return rank(a.name) < rank(b.name); });

  SurveyOptions survey;
  survey.encoding.mat_variable = open.classes.mat_variable;
  survey.ignore_index = open.classes.ignore_index.value_or(255);
  survey.progress = options.progress;
  survey.stop = options.stop;
  survey.decode_images = !options.budget;
  if (!options.budget) {  // now, since the ignore index is needed for the sums
    expect(examination, files, open.classes);
    survey.encoding.values = examination.expected.values;
    survey.ignore_index = examination.expected.ignore_index;
  }
  if (options.begin) options.begin(total);
  for (SplitExamination& split : examination.splits) {
    if (options.budget) survey.budget = *options.budget / examination.splits.size();
    split.survey = survey_pairs(split.files.pairs, survey);
    examination.complete = examination.complete && split.survey.read_pairs == static_cast<int64_t>(split.files.pairs.size());
  }
  // A mask that happens to be all black among coloured ones is one of them.
  if (find_pairs(examination, [](const PairFacts& facts) { return facts.mask.colors && !facts.mask.grey_as_rgb; }).count == 0)
    for (SplitExamination& split : examination.splits) split.survey.take_colors_as_values();
  if (options.budget && examination.pairs_read() > 0) expect(examination, only_read(files, examination), open.classes);
  return examination;
}

}  // namespace tessera::tools
