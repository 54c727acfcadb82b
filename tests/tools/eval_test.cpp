#include <nlohmann/json.hpp>

#include "data/image.h"
#include "data/shapes.h"
#include "tests/tools/run_command.h"
#include "tools/csv.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;
using Eval = CommandTest;

std::vector<std::vector<std::string>> rows_of(const fs::path& file) { return parse_csv(read_text(file)); }

TEST_F(Eval, FindsTheFiguresOfTheTrainingRunAgain) {
  ASSERT_EQ(tessera(kTiny + "-e 2 -o run").code, 0);
  const Result run = tessera("eval -m run/last.safetensors");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_NE(run.out.find("\nmIoU 0."), std::string::npos) << run.out;
  const auto json = nlohmann::json::parse(read_text(folder("run/eval-val/metrics.json")));
  const auto history = rows_of(folder("run/metrics.csv"));
  const auto column = [&](const std::string& name) {
    return std::stod(history.back()[std::find(history[0].begin(), history[0].end(), name) - history[0].begin()]);
  };
  EXPECT_EQ(json.at("mIoU").get<double>(), column("mIoU"));
  EXPECT_EQ(json.at("aAcc").get<double>(), column("pixel_acc"));
  EXPECT_EQ(json.at("pictures"), 3);

  const auto confusion = rows_of(folder("run/eval-val/confusion_matrix.csv"));
  ASSERT_EQ(confusion.size(), 8u);
  int64_t pixels = 0;
  for (size_t i = 1; i < 8; ++i)
    for (size_t j = 1; j < 8; ++j) pixels += std::stoll(confusion[i].at(j));
  EXPECT_EQ(pixels, json.at("pixels").get<int64_t>());
  EXPECT_LE(pixels, 3 * 32 * 32);
  EXPECT_EQ(rows_of(folder("run/eval-val/per_class.csv")).size(), 8u);
  EXPECT_EQ(rows_of(folder("run/eval-val/per_picture.csv")).size(), 4u);
  EXPECT_GT(data::read_image(folder("run/eval-val/confusion_matrix.png")).width, 400);
}

TEST_F(Eval, TilesAsLargeAsThePicturesChangeNothingAndFlipsDo) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
  ASSERT_EQ(tessera("eval -m run/best.safetensors -o whole").code, 0);
  ASSERT_EQ(tessera("eval -m run/best.safetensors -o tiled --tile 32x32").code, 0);
  ASSERT_EQ(tessera("eval -m run/best.safetensors -o single -b 1 -j 0").code, 0);
  ASSERT_EQ(tessera("eval -m run/best.safetensors -o flipped --tta hv").code, 0);
  const std::string whole = read_text(folder("whole/confusion_matrix.csv"));
  EXPECT_EQ(read_text(folder("tiled/confusion_matrix.csv")), whole);
  EXPECT_EQ(read_text(folder("single/confusion_matrix.csv")), whole);
  EXPECT_NE(read_text(folder("flipped/confusion_matrix.csv")), whole);
  ASSERT_EQ(tessera("eval -m run/best.safetensors --split train -o train").code, 0);
  EXPECT_EQ(rows_of(folder("train/per_picture.csv")).size(), 25u);
}

TEST_F(Eval, AFolderOfItsOwnAndLabelsAsStored) {
  for (const char* part : {"images", "labels"})
    for (const char* split : {"train", "val"}) fs::create_directories(folder("pairs") / split / part);
  for (int i = 0; i < 2; ++i) {
    const data::Sample scene = data::draw_scene(7, i, 32, 48);
    const std::string name = "scene" + std::to_string(i) + ".png";
    for (const char* split : {"train", "val"}) {
      data::write_png(folder("pairs") / split / "images" / name, scene.image);
      data::write_indexed_png(folder("pairs") / split / "labels" / name, scene.label, data::voc_palette());
    }
  }
  ASSERT_EQ(tessera("train --data pairs --size 16x16 -c 7 --feature-scale 16 -b 2 -e 1 -o run").code, 0);
  ASSERT_EQ(tessera("eval -m run/last.safetensors -o scaled").code, 0);
  ASSERT_EQ(tessera("eval -m run/last.safetensors -o stored --original-size").code, 0);
  const auto pixels = [&](const char* output) {
    return nlohmann::json::parse(read_text(folder(output) / "metrics.json")).at("pixels").get<int64_t>();
  };
  EXPECT_LE(pixels("scaled"), 2 * 16 * 16);
  EXPECT_GT(pixels("stored"), 2 * 16 * 16);
  fs::rename(folder("pairs"), folder("moved"));
  expect_error(tessera("eval -m run/last.safetensors"), 1, {"pairs", "--data"});
  EXPECT_EQ(tessera("eval -m run/last.safetensors --data moved").code, 0);
}

TEST_F(Eval, RefusesWhatDoesNotGoTogether) {
  expect_error(tessera("eval"), 2, {"--model"});
  expect_error(tessera("eval -m none.safetensors"), 1, {"none.safetensors"});
  expect_error(tessera("eval -m none.safetensors -c 3"), 2, {"--network"});
  expect_error(tessera("eval -m none.safetensors --network unet"), 2, {"--classes"});
  expect_error(tessera("eval -m none.safetensors --tile 0x3"), 2, {"--tile"});
  expect_error(tessera("eval -m none.safetensors --overlap 1"), 2, {"--overlap"});
}

}  // namespace
}  // namespace tessera::tools
