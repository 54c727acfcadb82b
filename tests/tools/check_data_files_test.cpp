// One test a defect of files, sizes, classes and pictures, in data sets broken on purpose.
#include <gtest/gtest.h>

#include "tests/tools/check_data_sets.h"
#include "tools/check_data/quick_check.h"
#include "tools/check_data/report.h"
#include "tools/datasets.h"

namespace tessera::tools {
namespace {

using Severities = std::vector<Severity>;

class Files : public testing::Test {
 protected:
  Files() : root(folder / "set") { make_sound(root); }
  void rename_masks(const std::function<std::string(int)>& name) {
    for (const std::string& split : kSplits)
      for (int i = 0; i < kPairs; ++i) fs::rename(mask_path(root, split, i), root / split / "labels" / name(i));
  }
  data::TemporaryFolder folder;
  const fs::path root;
};

TEST_F(Files, PicturesWithoutMaskAreNamedWithTheNearestName) {
  fs::rename(mask_path(root, "train", 3), root / "train/labels/s3x.png");
  const Finding finding = find(findings_of(root), "missing-masks");
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.count, 1);
  expect_text(finding.examples.front(), "train/images/s3.png");
  fs::remove(root / "train/labels/s3x.png");
  expect_text(find(findings_of(root), "missing-masks").remedy, "remove these pictures");
  EXPECT_EQ(errors_of(findings_of(root, {.skip_bad = true})), "") << "--skip-bad leaves them out";
}

TEST_F(Files, AnUnknownSuffixOfMasksIsFound) {
  rename_masks([](int i) { return fmt::format("s{}_annotated.png", i); });
  expect_text(find(findings_of(root), "missing-masks").remedy, "add --mask-suffix _annotated");
  data::OpenOptions open;
  open.files.mask_suffix = "_annotated";
  EXPECT_EQ(errors_of(findings_of(root, open)), "");
}

TEST_F(Files, APrefixOfMasksIsFound) {
  rename_masks([](int i) { return fmt::format("gt_s{}.png", i); });
  expect_text(find(findings_of(root), "missing-masks").remedy, "begin with gt_");
}

TEST_F(Files, CapitalsAndZerosAreFound) {
  rename_masks([](int i) { return fmt::format("S{}.png", i); });
  expect_text(find(findings_of(root), "missing-masks").remedy, "capitals");
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i)
      fs::rename(root / split / "labels" / fmt::format("S{}.png", i), root / split / "labels" / fmt::format("s{:04}.png", i));
  expect_text(find(findings_of(root), "missing-masks").remedy, "zeros");
}

TEST_F(Files, PicturesOfAnotherFormatAreFound) {
  for (int i = 0; i < kPairs; ++i) {
    fs::remove(image_path(root, "val", i));
    write_text_file(root / "val/images" / fmt::format("s{}.tif", i), std::string("II*\0", 4));
  }
  const Finding finding = find(findings_of(root), "missing-pictures");
  expect_text(finding.what, "6 masks of val");
  expect_text(finding.remedy, "mogrify -format png");
}

TEST_F(Files, FilesThatCannotBeReadAreNamedWithTheirReason) {
  write_text_file(image_path(root, "train", 1), "");
  write_text_file(image_path(root, "train", 2), "GIF89a and so on");
  const auto size = fs::file_size(mask_path(root, "val", 0));
  fs::resize_file(mask_path(root, "val", 0), size / 2);
  const auto findings = findings_of(root);
  const Finding pictures = find(findings, "unreadable-pictures");
  EXPECT_EQ(pictures.count, 2);
  expect_text(one_line(pictures), "train/images/s1.png (is empty)");
  expect_text(one_line(pictures), "a GIF file by its content");
  expect_text(one_line(find(findings, "unreadable-masks")), "val/labels/s0.png (is truncated or damaged");
}

TEST_F(Files, SizesThatDiffer) {
  data::write_indexed_png(mask_path(root, "train", 4), data::Label(kHeight / 2, kWidth / 2, 1), data::voc_palette());
  Finding finding = find(findings_of(root), "size-mismatch");
  EXPECT_EQ(finding.count, 1);
  expect_text(one_line(finding), "train/labels/s4.png (28x20, its picture 56x40)");
  expect_text(finding.remedy, "-filter point -resize 56x40!");
  data::write_indexed_png(mask_path(root, "train", 4), data::Label(kWidth, kHeight, 1), data::voc_palette());
  expect_text(find(findings_of(root), "size-mismatch").remedy, "-auto-orient");
}

TEST_F(Files, KindsOfPicturesAreNoted) {
  std::vector<uint8_t> alpha, deep;
  const data::Image image = scene("train", 0).image;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    alpha.push_back(image.pixels[i]);
    if (i % 3 == 2) alpha.push_back(255);
    deep.insert(deep.end(), {image.pixels[i], 0});
  }
  testing_support::make_png(image_path(root, "train", 0), kHeight, kWidth, 8, PNG_COLOR_TYPE_RGB_ALPHA, alpha);
  testing_support::make_png(image_path(root, "train", 1), kHeight, kWidth, 16, PNG_COLOR_TYPE_RGB, deep);
  testing_support::make_png(image_path(root, "train", 2), kHeight, kWidth, 8, PNG_COLOR_TYPE_GRAY,
                            std::vector<uint8_t>(kHeight * kWidth, 90));
  const auto findings = findings_of(root);
  EXPECT_EQ(errors_of(findings), "");
  for (const char* code : {"alpha-pictures", "deep-pictures", "grey-pictures"}) EXPECT_EQ(find(findings, code).count, 1);
}

TEST_F(Files, ThePictureThatIsInBothSplits) {
  fs::copy_file(image_path(root, "train", 2), image_path(root, "val", 5), fs::copy_options::overwrite_existing);
  const Finding finding = find(findings_of(root), "train-in-val");
  EXPECT_EQ(finding.severity, Severity::warning);
  EXPECT_EQ(finding.examples, std::vector<std::string>{"val/images/s5.png = train/images/s2.png"});
}

TEST_F(Files, ThePictureThatOccursTwice) {
  fs::copy_file(image_path(root, "train", 2), image_path(root, "train", 5), fs::copy_options::overwrite_existing);
  EXPECT_EQ(find(findings_of(root), "two-masks").count, 1);
  fs::copy_file(mask_path(root, "train", 2), mask_path(root, "train", 5), fs::copy_options::overwrite_existing);
  EXPECT_EQ(find(findings_of(root), "duplicates").count, 1);
}

TEST_F(Files, ClassesThatAreMissingInASplit) {
  const auto without = [&](const std::string& split, int32_t gone) {
    for (int i = 0; i < kPairs; ++i) {
      data::Label label = scene(split, i).label;
      for (int32_t& id : label.ids) id = id == gone ? 0 : id;
      data::write_indexed_png(mask_path(root, split, i), label, data::voc_palette());
    }
  };
  without("train", 3);
  expect_text(one_line(find(findings_of(root), "class-only-in-val")), "never in train: 3");
  without("val", 3);
  expect_text(one_line(find(findings_of(root), "class-missing")), "never occur in the masks: 3");
  make_sound(root);
  without("val", 2);
  EXPECT_EQ(find(findings_of(root), "class-not-in-val").severity, Severity::note);
}

TEST_F(Files, ARareClass) {
  for (int i = 0; i < kPairs; ++i) {
    data::Label label(kHeight, kWidth, 1);
    for (int x = 0; x < kWidth; ++x) label.at(0, x) = 0;
    label.at(3, 3) = 2;
    data::write_indexed_png(mask_path(root, "train", i), label, data::voc_palette());
  }
  EXPECT_EQ(find(findings_of(root), "class-rare").examples, std::vector<std::string>{"2"});
}

TEST_F(Files, WeightsMeanAndDeviationAreThoseOfTheTrainingSet) {
  const Recommendations advice = recommend(examine(root.string(), {}));
  const auto train = data::open_dataset(root).split("train");
  const std::vector<float> weights = median_frequency_weights(*train);
  ASSERT_EQ(advice.weights.size(), weights.size());
  for (size_t c = 0; c < weights.size(); ++c) EXPECT_NEAR(advice.weights[c], weights[c], 1e-6 * weights[c]);
  double sum = 0, squares = 0, count = 0;
  for (int i = 0; i < kPairs; ++i) {
    const data::Image image = scene("train", i).image;
    for (size_t k = 1; k < image.pixels.size(); k += 3, ++count) {
      sum += image.pixels[k] / 255.0;
      squares += image.pixels[k] / 255.0 * image.pixels[k] / 255.0;
    }
  }
  EXPECT_NEAR(advice.mean[1], sum / count, 1e-9);
  EXPECT_NEAR(advice.std[1], std::sqrt(squares / count - sum / count * sum / count), 1e-9);
  EXPECT_EQ(advice.size_flags, "");
}

TEST_F(Files, PicturesOfManySizesGetACrop) {
  for (int i = 0; i < kPairs; ++i) {
    data::write_png(image_path(root, "train", i), data::Image(100 + 10 * i, 200 - 10 * i, 3, static_cast<uint8_t>(i)));
    data::write_indexed_png(mask_path(root, "train", i), data::Label(100 + 10 * i, 200 - 10 * i, i % 7), data::voc_palette());
    data::write_png(image_path(root, "val", i), data::Image(100, 150, 3, static_cast<uint8_t>(9 + i)));
    data::write_indexed_png(mask_path(root, "val", i), data::Label(100, 150, i), data::voc_palette());
  }
  EXPECT_EQ(recommend(examine(root.string(), {})).size_flags, "--crop 96x128");
}

TEST_F(Files, OneThreadAndManyFindTheSame) {
  fs::copy_file(image_path(root, "train", 2), image_path(root, "val", 5), fs::copy_options::overwrite_existing);
  const std::vector<data::Pair> pairs = data::find_dataset(root).splits.at("train").pairs;
  SurveyOptions one, many;
  one.threads = 1;
  many.threads = 5;
  const SplitSurvey a = survey_pairs(pairs, one), b = survey_pairs(pairs, many);
  EXPECT_EQ(a.sum, b.sum);
  ASSERT_EQ(a.values.size(), b.values.size());
  for (const auto& [value, count] : a.values) {
    EXPECT_EQ(count.pixels, b.values.at(value).pixels);
    EXPECT_EQ(count.pixels_of_masks, b.values.at(value).pixels_of_masks);
    EXPECT_EQ(count.pairs, b.values.at(value).pairs);
  }
}

TEST_F(Files, TheQuickCheckStopsWithOneLine) {
  EXPECT_NO_THROW(require_usable_data(root.string(), {}));
  rewrite_masks(root, [](int32_t id) { return 42 * id; });
  const std::string message = data::message_of<FileError>([&] { require_usable_data(root.string(), {}); });
  expect_text(message, "stretched");
  expect_text(message, "dataset.json");
  EXPECT_EQ(quick_check(root.string(), {}).front().code, "unusual-values");
  data::OpenOptions open;
  open.classes.classes = 3;
  make_sound(root);
  EXPECT_EQ(quick_check(root.string(), open).front().code, "value-out-of-range");
  fs::remove(mask_path(root, "val", 1));
  EXPECT_EQ(quick_check(root.string(), {}).front().code, "missing-masks");
}

TEST_F(Files, TheQuickCheckKeepsItsTime) {
  const Examination examination = examine(root.string(), {}, {.budget = std::chrono::milliseconds(0)});
  EXPECT_EQ(errors_of(all_findings(examination)), "") << "what was not read is not judged";
}

TEST_F(Files, NoDataSetAtAll) {
  const auto findings = findings_of(folder / "nowhere");
  expect_text(one_line(find(findings, "layout")), "there is no such folder");
  fs::create_directories(folder / "empty");
  find(findings_of(folder / "empty"), "layout");
}

}  // namespace
}  // namespace tessera::tools
