#include "data/image.h"
#include "data/shapes.h"
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
};

TEST_F(Predict, WritesIndexedMasksAndOverlaysOfTheInputsSize) {
  const Result run = tessera("predict -m run/best.safetensors -i in -o out --side-by-side");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const data::Label mask = data::read_label(folder("out/odd.png"));  // refuses anything but indices
  EXPECT_EQ(mask.height, 37);
  EXPECT_EQ(mask.width, 53);
  for (int32_t id : mask.ids) ASSERT_TRUE(id >= 0 && id < 7) << id;
  const data::Image overlay = data::read_image(folder("out/odd_overlay.png"));
  EXPECT_EQ(overlay.height, 37);
  EXPECT_EQ(overlay.width, 53);
  EXPECT_EQ(data::read_image(folder("out/odd_side_by_side.png")).width, 2 * 53 + 3 * 4);
  EXPECT_EQ(data::read_label(folder("out/even.png")).height, 48);
  // The colours are those that the checkpoint carries.
  const data::ShapesDataset shapes(data::Split::val, {1, 32, 32, 0});
  EXPECT_TRUE(data::read_image(folder("out/odd.png")) == data::colorize(mask, shapes.classes().palette));
}

TEST_F(Predict, AlphaIsTheWeightOfTheColours) {
  ASSERT_EQ(tessera("predict -m run/best.safetensors -i in/odd.png -o none --alpha 0").code, 0);
  EXPECT_TRUE(data::read_image(folder("none/odd_overlay.png")) == data::read_image(folder("in/odd.png")));
  ASSERT_EQ(tessera("predict -m run/best.safetensors -i in/odd.png -o all --alpha 1").code, 0);
  EXPECT_TRUE(data::read_image(folder("all/odd_overlay.png")) == data::read_image(folder("all/odd.png")));
  for (const char* alpha : {"2", "nan"})
    expect_error(tessera(std::string("predict -m run/best.safetensors -i in --alpha ") + alpha), 2, {"--alpha"});
}

TEST_F(Predict, OneBadInputIsNamedAndTheRestGoesOn) {
  std::ofstream(folder("in/broken.png")) << "no picture";
  expect_error(tessera("predict -m run/best.safetensors -i in -o out"), 1, {"broken.png"});
  EXPECT_TRUE(fs::exists(folder("out/odd.png")));
  const Result missing = tessera("predict -m run/best.safetensors -i missing.png in/even.png -o more");
  expect_error(missing, 1, {"missing.png"});
  EXPECT_NE(missing.out.find("1 of 2"), std::string::npos) << missing.out;
  EXPECT_TRUE(fs::exists(folder("more/even.png")));
}

TEST_F(Predict, InputsAreNeverOverwritten) {
  const std::string before = read_text(folder("in/odd.png"));
  EXPECT_EQ(tessera("predict -m run/best.safetensors -i in/odd.png -o in").code, 1);
  EXPECT_TRUE(read_text(folder("in/odd.png")) == before);
}

TEST_F(Predict, ResultsNeverOverwriteEachOther) {
  fs::copy(folder("in/odd.png"), folder("in/even_overlay.png"));  // its mask has the name of even's overlay
  expect_error(tessera("predict -m run/best.safetensors -i in -o out"), 1, {"in/even_overlay.png", "overwrite"});
  EXPECT_EQ(data::read_image(folder("out/even_overlay.png")).height, 48);
}

TEST_F(Predict, AFileThatIsNoCheckpoint) {
  expect_error(tessera("predict -m in/odd.png -i in -o out"), 1, {"in/odd.png", "best.safetensors"});
  std::string bytes = read_text(folder("run/best.safetensors"));
  std::ofstream(folder("cut.safetensors"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  expect_error(tessera("predict -m cut.safetensors -i in -o out"), 1, {"cut.safetensors"});
}

}  // namespace
}  // namespace tessera::tools
