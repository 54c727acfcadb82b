// One test a way in which masks store something else than class ids. Where the remedy is a file or a command, it is carried out,
// and the data set must be sound afterwards.
#include <gtest/gtest.h>

#include "tests/tools/check_data_sets.h"
#include "tools/check_data/convert_masks.h"

namespace tessera::tools {
namespace {

// Writes the dataset.json that a remedy spells out.
void obey(const fs::path& root, const Finding& finding) {
  const size_t at = finding.remedy.find(": {");
  ASSERT_NE(at, std::string::npos) << finding.remedy;
  write_text_file(root / "dataset.json", finding.remedy.substr(at + 2));
}

// Converts, expects no error in the result, and the class ids of the scenes but for a share of the pixels.
void expect_converted(const fs::path& root, double wrong_share, const std::function<int32_t(int32_t)>& id_of) {
  const Examination before = examine(root.string(), {});
  const fs::path out = root.string() + "_ids";
  EXPECT_EQ(convert_masks(before, plan_conversion(before), out.string()), 2 * kPairs);
  EXPECT_EQ(errors_of(findings_of(out)), "");
  int64_t wrong = 0, all = 0;
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i) {
      const data::Sample sample = scene(split, i);
      EXPECT_EQ(data::read_image(image_path(out, split, i)), sample.image);
      const data::Label label = data::read_label(mask_path(out, split, i));
      for (size_t k = 0; k < label.ids.size(); ++k) wrong += label.ids[k] != id_of(sample.label.ids[k]);
      all += static_cast<int64_t>(label.ids.size());
    }
  EXPECT_LE(static_cast<double>(wrong), wrong_share * static_cast<double>(all));
}

class Encoding : public testing::Test {
 protected:
  Encoding() : root(folder / "set") { make_sound(root); }
  data::TemporaryFolder folder;
  const fs::path root;
};

TEST_F(Encoding, ASoundSetHasNoErrorsAndNoWarnings) {
  for (const Finding& finding : findings_of(root)) EXPECT_EQ(finding.severity, Severity::note) << one_line(finding);
}

TEST_F(Encoding, BlackAndWhiteIsToldAsSuch) {
  rewrite_masks(root, [](int32_t id) { return id > 0 ? 255 : 0; });
  const auto findings = findings_of(root);
  EXPECT_EQ(errors_of(findings), "");
  expect_text(find(findings, "black-and-white-masks").remedy, "--ignore-index 255");
}

TEST_F(Encoding, TwoValuesGetADescription) {
  rewrite_masks(root, [](int32_t id) { return id > 0 ? 128 : 0; });
  const Finding finding = find(findings_of(root), "unusual-values");
  expect_text(finding.what, "0 and 128");
  obey(root, finding);
  EXPECT_EQ(errors_of(findings_of(root)), "");
}

TEST_F(Encoding, StretchedValuesGetADescription) {
  rewrite_masks(root, [](int32_t id) { return 42 * id; });
  const Finding finding = find(findings_of(root), "unusual-values");
  expect_text(finding.what, "stretched");
  obey(root, finding);
  EXPECT_EQ(errors_of(findings_of(root)), "");
}

TEST_F(Encoding, ClassesCountedFromOneGetADescription) {
  rewrite_masks(root, [](int32_t id) { return id + 1; });
  const Finding finding = find(findings_of(root), "unusual-values");
  expect_text(finding.what, "from 1 to 7");
  obey(root, finding);
  EXPECT_EQ(errors_of(findings_of(root)), "");
}

TEST_F(Encoding, GapsGetADescription) {
  rewrite_masks(root, [](int32_t id) { return std::vector<int>{0, 7, 8, 11, 21, 26, 33}[static_cast<size_t>(id)]; });
  const Finding finding = find(findings_of(root), "unusual-values");
  expect_text(finding.what, "0, 7, 8, 11, 21, 26, 33");
  obey(root, finding);
  EXPECT_EQ(errors_of(findings_of(root)), "");
  fs::remove(root / "dataset.json");
  EXPECT_EQ(errors_of(findings_of(root, {.files = {}, .classes = {.classes = 34}})), "") << "who says so has 34 classes";
}

TEST_F(Encoding, ColoursAreListedAndConverted) {
  const data::Palette palette = {{0, 0, 0},       {250, 0, 10},  {0, 200, 0},    {10, 20, 230},
                                 {200, 200, 200}, {90, 90, 200}, {255, 255, 255}};
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i) data::write_png(mask_path(root, split, i), data::colorize(scene(split, i).label, palette));
  const Finding finding = find(findings_of(root), "color-masks");
  EXPECT_EQ(finding.count, 2 * kPairs);
  expect_text(finding.what, "#fa000a");
  expect_text(finding.remedy, "--convert");
  write_text_file(root / "dataset.json", R"({"classes": ["a", "b", "c", "d", "e", "f", "g"], "palette": [[0, 0, 0], [250, 0, 10],
      [0, 200, 0], [10, 20, 230], [200, 200, 200], [90, 90, 200], [255, 255, 255]]})");  // the order of the classes
  expect_converted(root, 0, [](int32_t id) { return id; });
}

TEST_F(Encoding, ColoursOfPascalVocKeepItsOrder) {
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i)
      data::write_png(mask_path(root, split, i), data::colorize(scene(split, i).label, data::voc_palette()));
  const Examination examination = examine(root.string(), {});
  const Conversion plan = plan_conversion(examination);
  EXPECT_EQ(plan.names, data::voc_class_names());
  expect_converted(root, 0, [](int32_t id) { return id; });
}

// Each pixel the mean of 2x2, as smooth scaling makes it.
data::Image smoothed(const data::Image& image) {
  data::Image result = image;
  for (int y = 1; y < image.height; ++y)
    for (int x = 1; x < image.width; ++x)
      for (int c = 0; c < 3; ++c)
        result.at(y, x)[c] = static_cast<uint8_t>(
            (image.at(y, x)[c] + image.at(y - 1, x)[c] + image.at(y, x - 1)[c] + image.at(y - 1, x - 1)[c]) / 4);
  return result;
}

TEST_F(Encoding, SmoothColoursAreToldFromTheColoursOfClasses) {
  const data::Palette palette = {{0, 0, 0}, {250, 0, 0}, {0, 250, 0}, {0, 0, 250}, {250, 250, 0}, {0, 250, 250}, {250, 0, 250}};
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i)
      data::write_png(mask_path(root, split, i), smoothed(data::colorize(scene(split, i).label, palette)));
  const Finding finding = find(findings_of(root), "color-masks");
  expect_text(finding.what, "between them at the edges");
  expect_text(finding.remedy, "nearest");
  const Conversion plan = plan_conversion(examine(root.string(), {}));
  EXPECT_EQ(plan.keys.size(), 7u);
}

TEST_F(Encoding, SmoothedMasksAreConverted) {
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i) {
      data::Label label = scene(split, i).label;
      data::Image grey(kHeight, kWidth);
      for (size_t k = 0; k < label.ids.size(); ++k)
        for (size_t c = 0; c < 3; ++c) grey.pixels[3 * k + c] = label.ids[k] > 0 ? 240 : 16;
      grey = smoothed(grey);
      std::vector<uint8_t> raw;
      for (size_t k = 0; k < label.ids.size(); ++k)
        raw.push_back(grey.pixels[3 * k] + (k * 7 + grey.pixels[3 * k]) % 3 * (grey.pixels[3 * k] % 16 != 0));
      testing_support::make_png(mask_path(root, split, i), kHeight, kWidth, 8, PNG_COLOR_TYPE_GRAY, raw);
    }
  const Finding finding = find(findings_of(root), "smoothed-masks");
  expect_text(finding.what, "16, 240");
  expect_converted(root, 0.15, [](int32_t id) { return id > 0; });
}

TEST_F(Encoding, GreyInThreeChannelsIsConverted) {
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i) {
      const data::Label label = scene(split, i).label;
      data::Image grey(kHeight, kWidth);
      for (size_t k = 0; k < grey.pixels.size(); ++k) grey.pixels[k] = static_cast<uint8_t>(label.ids[k / 3]);
      data::write_png(mask_path(root, split, i), grey);
    }
  expect_text(find(findings_of(root), "grey-as-rgb").remedy, "--convert");
  expect_converted(root, 0, [](int32_t id) { return id; });
}

TEST_F(Encoding, PhotographsAreNoMasks) {
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i)
      fs::copy_file(image_path(root, split, i), mask_path(root, split, i), fs::copy_options::overwrite_existing);
  expect_text(find(findings_of(root), "photo-masks").remedy, "changed places");
  EXPECT_THROW(plan_conversion(examine(root.string(), {})), ValueError);
}

TEST_F(Encoding, AValueOutsideOfTheClassesIsNamedWithBothRemedies) {
  const Finding finding = find(findings_of(root, {.files = {}, .classes = {.classes = 6}}), "value-out-of-range");
  expect_text(finding.what, "the value 6 is no class");
  expect_text(finding.remedy, "--ignore-index 6");
  expect_text(finding.remedy, "--classes 7");
  EXPECT_EQ(errors_of(findings_of(root, {.files = {}, .classes = {6, 6}})), "");
  EXPECT_EQ(errors_of(findings_of(root, {.files = {}, .classes = {.classes = 7}})), "");
}

TEST_F(Encoding, AnIgnoreIndexThatLooksLikeAClass) {
  const auto findings = findings_of(root, {.files = {}, .classes = {7, 0}});
  expect_text(find(findings, "ignore-looks-like-class").what, "ignore index 0");
}

TEST_F(Encoding, MasksOfOneValue) {
  rewrite_masks(root, [](int32_t) { return 0; });
  find(findings_of(root), "one-value");
  make_sound(root);
  data::write_indexed_png(mask_path(root, "train", 1), data::Label(kHeight, kWidth, 2), data::voc_palette());
  data::write_indexed_png(mask_path(root, "train", 2), data::Label(kHeight, kWidth, 255), data::voc_palette());
  const auto findings = findings_of(root);
  EXPECT_EQ(find(findings, "uniform-masks").count, 1);
  EXPECT_EQ(find(findings, "unlabelled-masks").examples, std::vector<std::string>{"train/labels/s2.png"});
}

TEST_F(Encoding, DepthAlphaAndPaletteAreNoted) {
  std::vector<uint8_t> deep, alpha;
  const data::Label label = scene("train", 0).label;
  for (int32_t id : label.ids) {
    deep.insert(deep.end(), {0, static_cast<uint8_t>(id)});
    alpha.insert(alpha.end(), {static_cast<uint8_t>(id), 255});
  }
  testing_support::make_png(mask_path(root, "train", 0), kHeight, kWidth, 16, PNG_COLOR_TYPE_GRAY, deep);
  testing_support::make_png(mask_path(root, "val", 0), kHeight, kWidth, 8, PNG_COLOR_TYPE_GRAY_ALPHA, [&] {
    std::vector<uint8_t> raw;
    for (int32_t id : scene("val", 0).label.ids) raw.insert(raw.end(), {static_cast<uint8_t>(id), 255});
    return raw;
  }());
  const auto findings = findings_of(root);
  EXPECT_EQ(errors_of(findings), "");
  EXPECT_EQ(find(findings, "deep-masks").examples, std::vector<std::string>{"train/labels/s0.png"});
  EXPECT_EQ(find(findings, "alpha-masks").examples, std::vector<std::string>{"val/labels/s0.png"});
  EXPECT_EQ(find(findings, "mixed-masks").count, 2);
}

}  // namespace
}  // namespace tessera::tools
