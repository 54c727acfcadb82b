#include "tools/predictor.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "core/random.h"
#include "data/batch.h"
#include "data/paste.h"
#include "data/shapes.h"
#include "data/transforms.h"

namespace tessera::tools {
namespace {

// An untrained network: its answers are as good as any for what is tested here.
TrainedNetwork untrained(std::optional<Size> size = {}) {
  manual_seed(5);
  TrainedNetwork trained;
  trained.config = {"unet", {{"feature_scale", "16"}}, 7};
  trained.classes = data::ShapesDataset(data::Split::val, {1, 32, 32, 0}).classes();
  trained.size = size;
  trained.module = make_network(trained.config);
  return trained;
}

const data::Image kPicture = data::draw_scene(1, 0, 37, 53).image;

TEST(Predictor, ClassesAreTheBestScoresAndProbabilitiesTheirSoftmax) {
  const Predictor predictor(untrained());
  const Tensor scores = predictor.scores(data::to_tensor(kPicture, predictor.classes()));
  Tensor p;
  const data::Label label = predictor.predict(kPicture, p);
  EXPECT_TRUE(label == predictor.predict(kPicture));
  ASSERT_EQ(p.sizes(), (DimVector{7, 37, 53}));
  EXPECT_EQ((p - softmax(scores, 1)[0]).abs().max().item<double>(), 0.0);
  const Tensor best = p.argmax(0).contiguous();
  for (size_t i = 0; i < label.ids.size(); ++i) ASSERT_EQ(label.ids[i], best.data_ptr<int64_t>()[i]);
}

TEST(Predictor, ATileAsLargeAsThePictureGivesTheSameMask) {
  const Predictor whole(untrained()), tiled(untrained(), {.window = SlidingWindow{{64, 64}, 0.25, 2}});
  EXPECT_TRUE(whole.predict(kPicture) == tiled.predict(kPicture));
  const Predictor small(untrained(), {.window = SlidingWindow{{16, 16}, 0.25, 2}});
  EXPECT_FALSE(whole.predict(kPicture) == small.predict(kPicture)) << "the test's network looks at its surroundings";
}

TEST(Predictor, FlipsAreAveraged) {
  const Predictor plain(untrained()), horizontal(untrained(), {.flips = Flips::horizontal}),
      all(untrained(), {.flips = Flips::all});
  const Tensor x = data::to_tensor(kPicture, plain.classes());
  const auto p = [&](const Predictor& predictor, const Tensor& picture) { return softmax(predictor.scores(picture), 1); };
  const Tensor mean = (p(plain, x) + flip(p(plain, flip(x, {3})), {3})) / 2;
  EXPECT_LE((p(horizontal, x) - mean).abs().max().item<double>(), 1e-6);
  EXPECT_GE((p(plain, x) - mean).abs().max().item<double>(), 1e-3) << "flips change this network's answer";
  // A mirrored picture gives the mirrored answer, whatever the network.
  for (const auto& [predictor, dims] :
       {std::pair{&horizontal, DimVector{3}}, std::pair{&all, DimVector{3}}, std::pair{&all, DimVector{2}}}) {
    const Tensor mirrored = flip(p(*predictor, flip(x, dims)), dims);
    EXPECT_LE((p(*predictor, x) - mirrored).abs().max().item<double>(), 1e-6);
  }
}

TEST(Predictor, PicturesAreScaledAsInTrainingAndTheScoresBack) {
  const Predictor scaled(untrained(Size{32, 32})), plain(untrained());
  const data::Image fed = data::resize_bilinear(kPicture, 32, 32);
  const Tensor scores = upsample_bilinear2d(plain.scores(data::to_tensor(fed, plain.classes())), {37, 53}, false);
  Tensor p;
  const data::Label label = scaled.predict(kPicture, p);
  EXPECT_EQ(label.height, 37);
  EXPECT_LE((p - softmax(scores, 1)[0]).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE(scaled.classify(fed) == plain.predict(fed)) << "classify takes the picture as it is";
}

TEST(Predictor, OfALetterBoxOnlyThePictureComesBack) {
  TrainedNetwork boxed = untrained();
  boxed.letter_box = Size{32, 32};
  const Predictor predictor(std::move(boxed)), plain(untrained());
  // 37x53 pixels become 22x32, in the rows 5 to 26.
  data::RandomStream stream{0, 0, 0};
  const data::Image fed = data::LetterBox{32, 32, 255}({kPicture, data::Label(37, 53), ""}, stream).image;
  const Tensor scores = plain.scores(data::to_tensor(fed, plain.classes())).narrow(2, 5, 22);
  Tensor p;
  EXPECT_EQ(predictor.predict(kPicture, p).width, 53);
  EXPECT_LE((p - softmax(upsample_bilinear2d(scores, {37, 53}, false), 1)[0]).abs().max().item<double>(), 1e-6);
}

}  // namespace
}  // namespace tessera::tools
