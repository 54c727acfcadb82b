#include "data/image.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using ZooCommands = CommandTest;

TEST_F(ZooCommands, ModelsListsNamesAndSettings) {
  const Result all = tessera("models");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_NE(all.out.find("unet "), std::string::npos) << all.out;
  const Result one = tessera("models unet");
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_NE(one.out.find("--setting feature_scale=2 "), std::string::npos) << one.out;
  expect_error(tessera("models lenet"), 2, {"lenet", "tessera models"});
}

TEST_F(ZooCommands, SummaryOfAUNet) {
  const Result result = tessera("summary unet --input 1x3x32x48 --classes 5 -s feature_scale=16 -s is_deconv=true");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("1x5x32x48"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("Multiply-adds"), std::string::npos) << result.out;
}

TEST_F(ZooCommands, SummaryRefusesWhatItCannotRead) {
  expect_error(tessera("summary unet --input 3x32x48"), 2, {"--input", "3x32x48"});
  expect_error(tessera("summary unet --input 1x3x32x"), 2, {"--input"});
  expect_error(tessera("summary unet --input 1x3x0x32"), 2, {"--input"});
  expect_error(tessera("summary unet -s feature_scale"), 2, {"--setting", "NAME=VALUE"});
  expect_error(tessera("summary unet -s colour=red"), 1, {"colour", "feature_scale"});
  expect_error(tessera("summary lenet"), 1, {"lenet"});
}

class Upsample : public CommandTest {
 protected:
  void SetUp() override {
    data::Image image(5, 4);
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 37);
    data::write_png(folder("in.png"), image);
  }
};

TEST_F(Upsample, BothMethodsAndTheirDifference) {
  const Result result = tessera("upsample in.png --scale 3 -o out");
  EXPECT_EQ(result.code, 0) << result.err;
  const data::Image convolved = data::read_image(folder("out/in_x3_conv_transpose.png"));
  const data::Image interpolated = data::read_image(folder("out/in_x3_interpolate.png"));
  EXPECT_TRUE(std::filesystem::exists(folder("out/in_x3_difference.png")));
  ASSERT_EQ(convolved.height, 15);
  ASSERT_EQ(convolved.width, 12);
  for (int y = 1; y < 14; ++y)  // inside the two agree, but for the rounding to bytes
    for (int x = 1; x < 11; ++x)
      for (int c = 0; c < 3; ++c) ASSERT_NEAR(convolved.at(y, x)[c], interpolated.at(y, x)[c], 1) << y << ' ' << x;
  EXPECT_NE(convolved, interpolated);  // at the border they do not
}

TEST_F(Upsample, OneMethodAndErrors) {
  EXPECT_EQ(tessera("upsample in.png --method interpolate").code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder("in_x2_interpolate.png")));
  EXPECT_FALSE(std::filesystem::exists(folder("in_x2_conv_transpose.png")));
  expect_error(tessera("upsample none.png"), 1, {"none.png"});
  expect_error(tessera("upsample in.png --scale 1"), 2, {"--scale"});
  expect_error(tessera("upsample in.png --method nearest"), 2, {"--method", "nearest"});
}

}  // namespace
}  // namespace tessera::tools
