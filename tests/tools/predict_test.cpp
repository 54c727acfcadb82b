#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/ops.h"
#include "data/image.h"
#include "data/shapes.h"
#include "nn/serialize/npy.h"
#include "nn/serialize/weights.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

class Predict : public CommandTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
    fs::create_directories(folder("in"));
    data::write_png(folder("in/odd.png"), data::draw_scene(1, 0, 37, 53).image);
    data::write_png(folder("in/even.png"), data::draw_scene(1, 1, 48, 32).image);
  }
  Result predict(const std::string& arguments) const { return tessera("predict -m run/best.safetensors " + arguments); }
  data::Image picture(const std::string& name) const { return data::read_image(folder(name)); }
};

TEST_F(Predict, WritesIndexedMasksOfTheInputsSize) {
  const Result run = predict("-i in -o out");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_NE(run.out.find("Predicted 2 of 2 pictures into out ("), std::string::npos) << run.out;
  const data::Label mask = data::read_label(folder("out/odd.png"));  // refuses anything but indices
  EXPECT_EQ(mask.height, 37);
  EXPECT_EQ(mask.width, 53);
  for (int32_t id : mask.ids) ASSERT_TRUE(id >= 0 && id < 7) << id;
  EXPECT_EQ(data::read_label(folder("out/even.png")).height, 48);
  // The colours are those that the checkpoint carries.
  const data::ShapesDataset shapes(data::Split::val, {1, 32, 32, 0});
  EXPECT_TRUE(picture("out/odd.png") == data::colorize(mask, shapes.classes().palette));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder("out")), {}), 2) << "nothing that was not asked for";
}

TEST_F(Predict, OverlayBlendsPictureAndColours) {
  ASSERT_EQ(predict("-i in/odd.png -o none --overlay 0").code, 0);
  EXPECT_TRUE(picture("none/odd_overlay.png") == picture("in/odd.png"));
  ASSERT_EQ(predict("-i in/odd.png -o all --overlay 1").code, 0);
  EXPECT_TRUE(picture("all/odd_overlay.png") == picture("all/odd.png"));
  ASSERT_EQ(predict("-i in/odd.png -o half --overlay").code, 0);
  const data::Image original = picture("in/odd.png"), colours = picture("half/odd.png"), half = picture("half/odd_overlay.png");
  for (size_t i = 0; i < half.pixels.size(); ++i)
    ASSERT_EQ(half.pixels[i], std::lround(0.5 * original.pixels[i] + 0.5 * colours.pixels[i]));
  for (const char* alpha : {"2", "nan"}) expect_error(predict(std::string("-i in --overlay ") + alpha), 2, {"--overlay"});
}

TEST_F(Predict, ProbabilitiesSumToOneAndTheBestIsTheMask) {
  ASSERT_EQ(predict("-i in/odd.png -o out --probabilities").code, 0);
  const Tensor p = load_npy(folder("out/odd_probabilities.npy").string());
  ASSERT_EQ(p.sizes(), (DimVector{7, 37, 53}));
  EXPECT_LE((p.sum(0) - 1.0).abs().max().item<double>(), 7 * 1.2e-7);
  const Tensor best = p.argmax(0).contiguous();
  const data::Label mask = data::read_label(folder("out/odd.png"));
  for (size_t i = 0; i < mask.ids.size(); ++i) ASSERT_EQ(mask.ids[i], best.data_ptr<int64_t>()[i]);

  ASSERT_EQ(predict("-i in/odd.png -o out --probabilities png").code, 0);
  const data::Label background = data::read_label(folder("out/odd_background.png"));  // 16 bits a pixel
  for (size_t i = 0; i < mask.ids.size(); ++i) ASSERT_EQ(background.ids[i], std::lround(p.data_ptr<float>()[i] * 65535.0f));
}

TEST_F(Predict, TilesAndFlips) {
  ASSERT_EQ(predict("-i in -o whole").code, 0);
  ASSERT_EQ(predict("-i in -o tile --tile 64x64").code, 0);
  ASSERT_EQ(predict("-i in -o tiles --tile 16x16 --overlap 0.5 -b 3").code, 0);
  ASSERT_EQ(predict("-i in -o flips --tta hv --tile 16x24").code, 0);
  ASSERT_EQ(predict("-i in -o h --tta").code, 0);
  ASSERT_EQ(predict("-i in -o half --precision bf16").code, 0);
  expect_error(predict("-i in -o h --precision fp8"), 2, {"--precision"});
  expect_error(predict("-i in -o h --tta x"), 2, {"--tta"});
  EXPECT_FALSE(data::read_label(folder("whole/odd.png")) == data::read_label(folder("h/odd.png")));
  EXPECT_TRUE(data::read_label(folder("whole/odd.png")) == data::read_label(folder("tile/odd.png")));
  EXPECT_EQ(data::read_label(folder("tiles/odd.png")).width, 53);
  EXPECT_EQ(data::read_label(folder("flips/odd.png")).width, 53);
}

TEST_F(Predict, FiguresShowTheTruthThatLiesBesideThePicture) {
  fs::create_directories(folder("set/images"));
  fs::create_directories(folder("set/labels"));
  const data::Sample scene = data::draw_scene(1, 2, 40, 64);
  data::write_png(folder("set/images/a.png"), scene.image);
  ASSERT_EQ(predict("-i set/images -o without --figure").code, 0);
  EXPECT_EQ(picture("without/a_figure.png").width, 2 * 256 + 3 * 8) << "picture | prediction";
  data::write_indexed_png(folder("set/labels/a.png"), scene.label, data::voc_palette());
  ASSERT_EQ(predict("-i set/images -o with --figure").code, 0);
  EXPECT_EQ(picture("with/a_figure.png").width, 3 * 256 + 4 * 8) << "picture | truth | prediction";
  ASSERT_EQ(predict("-i in/odd.png set/images/a.png -o named --figure --truth set/labels").code, 0);
  EXPECT_EQ(picture("named/a_figure.png").width, 3 * 256 + 4 * 8);
  EXPECT_EQ(picture("named/odd_figure.png").width, 2 * 265 + 3 * 8) << "5 x 53 pixels wide";
  std::ofstream(folder("set/labels/a.png")) << "no label";
  EXPECT_EQ(predict("-i set/images -o found --figure").code, 0) << "what was found by itself may be anything";
  expect_error(predict("-i set/images -o given --figure --truth set/labels"), 1, {"labels/a.png"});
  expect_error(predict("-i in -o x --truth set/labels"), 2, {"--truth", "--figure"});
}

TEST_F(Predict, OneBadInputIsNamedAndTheRestGoesOn) {
  std::ofstream(folder("in/broken.png")) << "no picture";
  expect_error(predict("-i in -o out"), 1, {"broken.png"});
  EXPECT_TRUE(fs::exists(folder("out/odd.png")));
  const Result missing = predict("-i missing.png in/even.png -o more");
  expect_error(missing, 1, {"missing.png"});
  EXPECT_NE(missing.out.find("1 of 2"), std::string::npos) << missing.out;
  EXPECT_TRUE(fs::exists(folder("more/even.png")));
}

TEST_F(Predict, PatternsAndEachFileOnce) {
  const Result run = predict("-i 'in/*d.png' in/odd.png in -o out");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("2 of 2"), std::string::npos) << run.out;
  expect_error(predict("-i 'in/*.tif' -o out"), 1, {"in/*.tif", "no file"});
  fs::create_directories(folder("empty"));
  expect_error(predict("-i empty -o out"), 1, {"empty", "no pictures"});
  fs::create_directories(folder("set/masks"));
  fs::create_directories(folder("set/images"));
  fs::copy(folder("in/even.png"), folder("set/images/even.png"));
  expect_error(predict("-i set -o out"), 1, {"no pictures", "set/images has 1: give that one"});
}

TEST_F(Predict, NothingIsOverwritten) {
  const std::string before = read_text(folder("in/odd.png"));
  expect_error(predict("-i in/odd.png -o in"), 1, {"in/odd.png", "overwrite an input"});
  EXPECT_TRUE(read_text(folder("in/odd.png")) == before);
  fs::create_directories(folder("other"));
  fs::copy(folder("in/even.png"), folder("other/odd.png"));
  expect_error(predict("-i in other -o out"), 1, {"in/odd.png", "other/odd.png", "out/odd.png"});
  EXPECT_FALSE(fs::exists(folder("out"))) << "it is said before the work begins";
  fs::copy(folder("in/odd.png"), folder("in/even_overlay.png"));  // its mask has the name of even's overlay
  expect_error(predict("-i in -o out --overlay"), 1, {"in/even_overlay.png", "in/even.png"});
  EXPECT_EQ(predict("-i in -o out").code, 0) << "without overlays there is no conflict";
}

TEST_F(Predict, WeightsAloneWithTheirNetworkNamed) {
  ASSERT_EQ(tessera("convert run/best.safetensors plain.pth").code, 0);
  expect_error(predict("-i in -c 3"), 2, {"--network"});
  expect_error(tessera("predict -m plain.pth -i in -o plain"), 1, {"plain.pth", "checkpoint"});
  const data::ClassInfo shapes = data::ShapesDataset(data::Split::val, {1, 32, 32, 0}).classes();
  const std::string network = fmt::format(
      "predict -m plain.pth --network unet --setting feature_scale=16 --setting is_batchnorm=true --setting is_deconv=true -c 7 "
      "--mean {} --std {} -i in -o plain",
      fmt::join(shapes.mean, ","), fmt::join(shapes.std, ","));
  const Result run = tessera(network);
  ASSERT_EQ(run.code, 0) << run.err;
  ASSERT_EQ(predict("-i in -o out").code, 0);
  EXPECT_TRUE(data::read_label(folder("plain/odd.png")) == data::read_label(folder("out/odd.png")));
  expect_error(tessera("predict -m plain.pth --network unet -c 7 -i in -o plain"), 1, {"plain.pth"});
}

TEST_F(Predict, AFileThatIsNoCheckpoint) {
  expect_error(tessera("predict -m in/odd.png -i in -o out"), 1, {"in/odd.png", "best.safetensors"});
  std::string bytes = read_text(folder("run/best.safetensors"));
  std::ofstream(folder("cut.safetensors"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  expect_error(tessera("predict -m cut.safetensors -i in -o out"), 1, {"cut.safetensors"});
}

}  // namespace
}  // namespace tessera::tools
