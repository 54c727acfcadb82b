// `tessera check-data` as a user runs it, on broken, real and hostile data.
#include <chrono>
#include <nlohmann/json.hpp>

#include "tests/tools/check_data_sets.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

const fs::path kShared = TESSERA_SHARED_DIR;

class CheckData : public CommandTest {
 protected:
  nlohmann::json report(const std::string& file) const { return nlohmann::json::parse(read_text(folder(file))); }
};
#define SKIP_WITHOUT(data) \
  if (!fs::exists(data)) GTEST_SKIP() << (data) << " is not there"

std::vector<std::string> errors_in(const nlohmann::json& report) {
  std::vector<std::string> errors;
  for (const auto& finding : report.at("findings"))
    if (finding.at("severity") == "error") errors.push_back(finding.dump());
  return errors;
}

TEST_F(CheckData, AnErrorIsExitCodeOneWithItsRemedyInTheReport) {
  make_sound(folder("set"));
  Result result = tessera("check-data --data set -o out --json report.json");
  EXPECT_EQ(result.code, 0) << result.err << result.out;
  EXPECT_EQ(result.err, "");
  for (const char* part : {"6 train, 6 val", "palette PNG", "--class-weights", "\"mean\"", "0 errors"})
    expect_text(result.out, part);
  EXPECT_EQ(report("report.json").at("classes").size(), 7u);
  EXPECT_GT(data::read_image(folder("out/contact_sheet.png")).width, 500);

  rewrite_masks(folder("set"), [](int32_t id) { return id + 1; });
  result = tessera("check-data --data set --json report.json");
  EXPECT_EQ(result.code, 1);
  expect_text(result.out, "Write set/dataset.json: {");
  EXPECT_EQ(report("report.json").at("findings").at(0).at("code"), "unusual-values");
  expect_error(tessera("train --data set -e 1 --feature-scale 16 -o run"), 1,
               {"from 1 to 7", "dataset.json", "check-data --data set"});
  expect_error(tessera("check-data"), 2, {"--data"});
  EXPECT_EQ(tessera("check-data --data nowhere").code, 1);
}

TEST_F(CheckData, ConvertedMasksTrain) {
  make_sound(folder("set"));
  for (const std::string& split : kSplits)
    for (int i = 0; i < kPairs; ++i)
      data::write_png(mask_path(folder("set"), split, i), data::colorize(scene(split, i).label, data::voc_palette()));
  EXPECT_EQ(tessera("check-data --data set -o out").code, 1);
  const Result converted = tessera("check-data --data set --convert ids");
  EXPECT_EQ(converted.code, 0) << converted.err;
  expect_text(converted.out, "#800000 is class 1, aeroplane");
  expect_error(tessera("check-data --data set --convert ids"), 1, {"ids", "not empty"});
  EXPECT_EQ(tessera("check-data --data ids").code, 0);
  const Result train = tessera("train --data ids -e 1 --feature-scale 16 -b 2 -o run");
  EXPECT_EQ(train.code, 0) << train.err;
}

TEST_F(CheckData, CamVid) {
  SKIP_WITHOUT(kShared / "data/camvid");
  const Result result = tessera("check-data --data " + (kShared / "data/camvid").string() + " --json report.json");
  EXPECT_EQ(result.code, 0) << result.out;
  const auto json = report("report.json");
  EXPECT_EQ(errors_in(json), std::vector<std::string>{});
  EXPECT_EQ(json.at("ignore_index"), 11);
  ASSERT_EQ(json.at("classes").size(), 11u);
  const auto weight = [&](size_t c) { return json.at("classes").at(c).at("weight").get<double>(); };
  EXPECT_LE(weight(3), 0.2) << "road";
  EXPECT_GE(weight(10), 5) << "bicyclist";
  EXPECT_EQ(json.at("splits").at("train").at("read"), 367);
}

TEST_F(CheckData, RocksInTheLayoutOfPascalVoc) {
  SKIP_WITHOUT(kShared / "data/rocks_voc");
  EXPECT_EQ(tessera("check-data --data " + (kShared / "data/rocks_voc").string() + " --json report.json -o out").code, 0);
  EXPECT_EQ(errors_in(report("report.json")), std::vector<std::string>{});
  EXPECT_EQ(report("report.json").at("classes").size(), 4u);
}

TEST_F(CheckData, MatlabMasks) {
  SKIP_WITHOUT(kShared / "data/mat_masks");
  const Result result = tessera("check-data --data " + (kShared / "data/mat_masks").string() + " --json report.json");
#ifdef TESSERA_MATIO
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_EQ(errors_in(report("report.json")), std::vector<std::string>{});
#endif
}

TEST_F(CheckData, TheShapesNeedNoCheck) {
  const Result result = tessera("check-data --dataset shapes");
  EXPECT_EQ(result.code, 0) << result.err;
  expect_text(result.out, "0 errors");
}

// Each of the shared hostile files stands for a picture, then for a mask; each is named with its reason, in one line.
TEST_F(CheckData, HostileFilesAreNamed) {
  SKIP_WITHOUT(kShared / "data/bad");
  std::vector<fs::path> bad;
  for (const auto& entry : fs::directory_iterator(kShared / "data/bad")) bad.push_back(entry.path());
  ASSERT_GE(bad.size(), 3u);
  for (const fs::path& file : bad) {
    make_sound(folder("set"));
    fs::copy_file(file, image_path(folder("set"), "train", 1), fs::copy_options::overwrite_existing);
    fs::copy_file(file, mask_path(folder("set"), "val", 2), fs::copy_options::overwrite_existing);
    const auto findings = findings_of(folder("set"));
    expect_text(one_line(find(findings, "unreadable-pictures")), "train/images/s1.png (");
    expect_text(one_line(find(findings, "unreadable-masks")), "val/labels/s2.png (");
    const std::string all = errors_of(findings);
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2) << file << ": " << all;
  }
}

}  // namespace
}  // namespace tessera::tools
