#include <nlohmann/json.hpp>

#include "data/image.h"
#include "data/shapes.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;
using Train = CommandTest;

// The numbers of one column of metrics.csv.
std::vector<double> column(const fs::path& file, const std::string& name) {
  std::ifstream stream(file);
  std::vector<double> values;
  size_t position = 0;
  std::string line, cell;
  for (bool header = true; std::getline(stream, line); header = false) {
    std::stringstream cells(line);
    for (size_t i = 0; std::getline(cells, cell, ','); ++i) {
      if (header && cell == name) position = i;
      if (!header && i == position) values.push_back(std::stod(cell));
    }
  }
  return values;
}

// DIR/{train,val}/{images,labels} with two drawn scenes each.
void make_pairs(const fs::path& root) {
  for (const char* split : {"train", "val"}) {
    fs::create_directories(root / split / "images");
    fs::create_directories(root / split / "labels");
    for (int i = 0; i < 2; ++i) {
      const data::Sample scene = data::draw_scene(7, i, 32, 48);
      const std::string name = "scene" + std::to_string(i) + ".png";
      data::write_png(root / split / "images" / name, scene.image);
      data::write_indexed_png(root / split / "labels" / name, scene.label, data::voc_palette());
    }
  }
}
const std::string kFolder = "train --data pairs --feature-scale 16 --batch-size 2 -e 1 -o run ";

TEST_F(Train, WritesAllItPromises) {
  const Result run = tessera(kTiny + "-e 2 -o run");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");  // no terminal, no bar
  for (const char* text : {"feature-scale     16", "Epoch 1/2", "Epoch 2/2", "mIoU", "\nbackground ", "\nmean "})
    EXPECT_NE(run.out.find(text), std::string::npos) << text << " in: " << run.out;
  const auto config = nlohmann::json::parse(read_text(folder("run/config.json")));
  EXPECT_EQ(config.at("batch-size"), 4);
  EXPECT_EQ(config.at("lr").is_number(), true);  // defaults are resolved
  EXPECT_EQ(column(folder("run/metrics.csv"), "epoch"), (std::vector<double>{1, 2}));
  EXPECT_EQ(column(folder("run/metrics.csv"), "step"), (std::vector<double>{6, 12}));
  EXPECT_TRUE(fs::exists(folder("run/best.safetensors")));
  EXPECT_TRUE(fs::exists(folder("run/last.safetensors")));
  const data::Image sheet = data::read_image(folder("run/predictions.png"));
  EXPECT_EQ(sheet.width, 6 * 128 + 7 * 4);  // two scenes a row, each pixel as 4 x 4
  EXPECT_EQ(sheet.height, 2 * 128 + 3 * 4);  // an eighth of 24 scenes is held out
  EXPECT_EQ(std::distance(fs::directory_iterator(folder("run/scenes")), {}), 3);
}

TEST_F(Train, ASwitchThatIsLeftOutKeepsItsDefault) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
  auto config = nlohmann::json::parse(read_text(folder("run/config.json")));
  for (const char* name : {"augment", "deconv", "batchnorm"}) EXPECT_EQ(config.at(name), true) << name;
  ASSERT_EQ(tessera(kTiny + "-e 1 --no-augment --no-deconv --no-batchnorm -o run").code, 0);
  config = nlohmann::json::parse(read_text(folder("run/config.json")));
  for (const char* name : {"augment", "deconv", "batchnorm"}) EXPECT_EQ(config.at(name), false) << name;
}

TEST_F(Train, TheSameSeedGivesTheSameBytes) {
  ASSERT_EQ(tessera(kTiny + "-e 1 --seed 3 -j 0 -o a").code, 0);
  ASSERT_EQ(tessera(kTiny + "-e 1 --seed 3 -j 0 -o b").code, 0);
  ASSERT_EQ(tessera(kTiny + "-e 1 --seed 4 -j 0 -o c").code, 0);
  EXPECT_TRUE(read_text(folder("a/last.safetensors")) == read_text(folder("b/last.safetensors")));
  EXPECT_EQ(read_text(folder("a/metrics.csv")), read_text(folder("b/metrics.csv")));
  EXPECT_NE(read_text(folder("a/metrics.csv")), read_text(folder("c/metrics.csv")));
}

TEST_F(Train, BestIsResumableInAnotherFolder) {
  ASSERT_EQ(tessera(kTiny + "-e 2 --schedule none -o run").code, 0);
  const Result more = tessera("train --resume run/best.safetensors -e 3 -o more");
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_EQ(column(folder("more/metrics.csv"), "epoch"), (std::vector<double>{1, 2, 3}));
  EXPECT_TRUE(fs::exists(folder("more/best.safetensors")));
}

// A run that is killed just after last.safetensors was saved goes on with a best.safetensors and a metrics.csv that fit to it.
TEST_F(Train, ARunThatIsKilledBetweenItsFilesLosesNone) {
  ASSERT_EQ(tessera(kTiny + "-e 1 --schedule none -o run").code, 0);
  EXPECT_LE(fs::last_write_time(folder("run/best.safetensors")), fs::last_write_time(folder("run/last.safetensors")));
  fs::remove(folder("run/metrics.csv"));
  ASSERT_EQ(tessera("train --resume -o run").code, 0);
  EXPECT_EQ(column(folder("run/metrics.csv"), "epoch"), (std::vector<double>{1}));
}

TEST_F(Train, AResumeThatFailsLeavesTheOutputFolderAlone) {
  make_pairs(folder("pairs"));
  ASSERT_EQ(tessera(kFolder + "--classes 7").code, 0);
  fs::create_directories(folder("other"));
  std::ofstream(folder("other/best.safetensors")) << "another run's";
  expect_error(tessera("train --resume run/last.safetensors --data nowhere -o other"), 1, {"nowhere"});
  EXPECT_EQ(read_text(folder("other/best.safetensors")), "another run's");
  std::ofstream(folder("file")) << "in the way";
  expect_error(tessera("train --resume run/last.safetensors -o file"), 1, {"train: ", "file", "--output"});
  expect_error(tessera("train --resume other"), 1, {"other/last.safetensors does not exist", "--output"});
}

TEST_F(Train, ANetworkThatIsNotFiniteIsNoResult) {
  // One step an epoch: its loss is that of the first weights, and only the held-out pictures see the second.
  expect_error(tessera("train --samples 4 --size 32x32 --feature-scale 16 --batch-size 4 -e 1 --optimizer sgd --schedule none "
                       "--lr 1e30 --no-batchnorm -o run"),
               1, {"train: the loss is", "held-out", "--lr"});
  EXPECT_FALSE(fs::exists(folder("run/best.safetensors")));
  EXPECT_FALSE(fs::exists(folder("run/last.safetensors")));
}

TEST_F(Train, AnIgnoredClassIsOutsideTheMetrics) {
  make_pairs(folder("pairs"));
  ASSERT_EQ(tessera(kFolder + "--classes 7 --ignore-index 0").code, 0);
  EXPECT_NE(tessera("train --resume -o run").out.find("class_0  -\n"), std::string::npos);
}

TEST_F(Train, ResumeRefusesSettingsThatWouldChangeTheRun) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
  expect_error(tessera("train --resume -o run --batch-size 8"), 2, {"--batch-size", "4", "8"});
  expect_error(tessera("train --resume -o run --epochs 9"), 2, {"--epochs"});  // onecycle is laid out for 1
}

TEST_F(Train, ALossThatIsNotFiniteNamesTheLayer) {
  expect_error(tessera(kTiny + "-e 2 --optimizer sgd --schedule none --lr 1e30 --no-batchnorm -o run"), 1,
               {"train: the loss is", "epoch 1", "conv", "--lr"});
}

TEST_F(Train, AFullDiskLosesNothing) {
  ASSERT_EQ(tessera(kTiny + "-e 2 --schedule none -o run").code, 0);
  const std::string before = read_text(folder("run/last.safetensors"));
  // Writing more than a few kilobytes fails, as it does on a full disk.
  const std::string more = "train --resume -o run -e 3 ";
  expect_error(tessera(more + "--no-tensorboard", "trap '' XFSZ && ulimit -f 16"), 1, {"run/", ".safetensors"});
  expect_error(tessera(more + "--no-tensorboard", "ulimit -f 16"), 1, {"run/", ".safetensors"});  // SIGXFSZ not ignored before
  EXPECT_TRUE(read_text(folder("run/last.safetensors")) == before);
  // The event file is the first to be full, which alone is no reason to stop.
  const Result both = tessera(more, "ulimit -f 16");
  EXPECT_EQ(both.code, 1) << both.err;
  EXPECT_NE(both.err.find("tfevents"), std::string::npos) << both.err;
  EXPECT_NE(both.err.find("The run goes on without"), std::string::npos) << both.err;
  EXPECT_TRUE(read_text(folder("run/last.safetensors")) == before);
  EXPECT_EQ(tessera("train --resume -o run -e 3").code, 0);
}

TEST_F(Train, AFolderOfPairs) {
  make_pairs(folder("pairs"));
  const Result run = tessera(kFolder + "--classes 7 --class-weights median --crop 32x32");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(nlohmann::json::parse(read_text(folder("run/config.json"))).at("classes"), 7);
}

TEST_F(Train, ALabelAboveTheNumberOfClasses) {
  make_pairs(folder("pairs"));
  data::Label label(32, 48);
  label.at(5, 5) = 9;
  data::write_indexed_png(folder("pairs/train/labels/scene1.png"), label, data::voc_palette());
  expect_error(tessera(kFolder + "--classes 7"), 1, {"scene1.png", "9"});
}

TEST_F(Train, AnImageAndALabelOfDifferentSize) {
  make_pairs(folder("pairs"));
  data::write_png(folder("pairs/val/images/scene0.png"), data::Image(32, 32));
  expect_error(tessera(kFolder + "--classes 7"), 1, {"scene0.png", "32x32", "48x32"});
}

TEST_F(Train, PicturesOfDifferentSizeNeedACrop) {
  make_pairs(folder("pairs"));
  data::write_png(folder("pairs/train/images/scene0.png"), data::Image(48, 48));
  data::write_indexed_png(folder("pairs/train/labels/scene0.png"), data::Label(48, 48), data::voc_palette());
  expect_error(tessera(kFolder + "--classes 7"), 1, {"scene0", "Crop or resize"});
  EXPECT_EQ(tessera(kFolder + "--classes 7 --crop 32x32").code, 0);
  EXPECT_EQ(tessera(kFolder + "--classes 7 --size 40x40").code, 0);
}

TEST_F(Train, CamVidLossGoesDown) {
  const fs::path camvid = fs::path(TESSERA_SHARED_DIR) / "data/camvid";
  if (!fs::exists(camvid)) GTEST_SKIP() << "no CamVid in " << camvid;
  for (const auto& [split, count] : {std::pair{"train", 8}, {"val", 1}})
    for (const char* kind : {"images", "labels"}) {
      std::vector<fs::path> files;
      for (const auto& entry : fs::directory_iterator(camvid / split / kind)) files.push_back(entry.path());
      std::sort(files.begin(), files.end());
      fs::create_directories(folder("camvid") / split / kind);
      for (int i = 0; i < count; ++i) fs::create_symlink(files[i], folder("camvid") / split / kind / files[i].filename());
    }
  const Result run = tessera(
      "train --data camvid --size 120x160 --crop 96x96 --no-augment --schedule none --feature-scale 16 -e 20 --val-every 20 -o "
      "run");
  ASSERT_EQ(run.code, 0) << run.err;
  const std::vector<double> loss = column(folder("run/metrics.csv"), "train_loss");
  ASSERT_EQ(loss.size(), 20u);
  EXPECT_LT(loss.back(), 0.85 * loss.front());
}

}  // namespace
}  // namespace tessera::tools
