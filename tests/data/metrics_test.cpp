#include "data/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/ops.h"

namespace tessera::data {
namespace {

TEST(ConfusionMatrix, KnownValues) {
  ConfusionMatrix matrix(3);
  const std::vector<int64_t> target = {0, 0, 0, 1, 1, 2, 255, -1, 3}, prediction = {0, 0, 1, 1, 2, 2, 0, 1, 2};
  matrix.update(target, prediction);  // the last three are outside the classes
  EXPECT_EQ(matrix.counts(), (std::vector<int64_t>{2, 1, 0, 0, 1, 1, 0, 0, 1}));
  EXPECT_EQ(matrix.total(), 6);
  EXPECT_DOUBLE_EQ(matrix.pixel_accuracy(), 4.0 / 6);
  EXPECT_EQ(matrix.class_accuracy(), (std::vector<double>{2.0 / 3, 1.0 / 2, 1}));
  EXPECT_EQ(matrix.class_iou(), (std::vector<double>{2.0 / 3, 1.0 / 3, 1.0 / 2}));
  EXPECT_DOUBLE_EQ(matrix.mean_accuracy(), (2.0 / 3 + 1.0 / 2 + 1) / 3);
  EXPECT_DOUBLE_EQ(matrix.mean_iou(), 0.5);
  EXPECT_EQ(matrix.class_precision(), (std::vector<double>{1, 1.0 / 2, 1.0 / 2}));
  EXPECT_DOUBLE_EQ(matrix.mean_precision(), (1 + 1.0 / 2 + 1.0 / 2) / 3);
  EXPECT_EQ(matrix.class_dice(), (std::vector<double>{4.0 / 5, 2.0 / 4, 2.0 / 3}));
  EXPECT_DOUBLE_EQ(matrix.mean_dice(), (4.0 / 5 + 2.0 / 4 + 2.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(matrix.frequency_weighted_iou(), (3 * 2.0 / 3 + 2 * 1.0 / 3 + 1 * 1.0 / 2) / 6);
}

TEST(ConfusionMatrix, AnIgnoredClassIsNotCounted) {
  ConfusionMatrix matrix(3, 0);
  matrix.update(std::vector<int64_t>{0, 0, 1, 2}, std::vector<int64_t>{1, 0, 1, 0});
  EXPECT_EQ(matrix.total(), 2);
  EXPECT_TRUE(std::isnan(matrix.class_iou()[0]));
  EXPECT_EQ(matrix.class_iou()[1], 1.0) << "what the ignored pixels were predicted as does not matter";
}

TEST(ConfusionMatrix, AnAbsentClassIsLeftOutOfTheMean) {
  ConfusionMatrix matrix(3);
  matrix.update(std::vector<int64_t>{0, 0, 1}, std::vector<int64_t>{0, 2, 1});  // class 2 is predicted but never true
  const std::vector<double> iou = matrix.class_iou();
  EXPECT_EQ(iou[0], 0.5);
  EXPECT_EQ(iou[1], 1.0);
  EXPECT_TRUE(std::isnan(iou[2]));
  EXPECT_EQ(matrix.mean_iou(), 0.75);
  EXPECT_EQ(matrix.mean_accuracy(), 0.75);
  EXPECT_EQ(matrix.class_precision()[2], 0.0) << "predicted once, and wrongly";
  EXPECT_DOUBLE_EQ(matrix.frequency_weighted_iou(), (2 * 0.5 + 1 * 1.0) / 3);
  const ConfusionMatrix empty(4);
  EXPECT_TRUE(std::isnan(empty.frequency_weighted_iou()) && std::isnan(empty.class_precision()[0]));
  EXPECT_TRUE(std::isnan(empty.mean_iou()) && std::isnan(empty.pixel_accuracy()) && std::isnan(empty.mean_accuracy()));
}

TEST(ConfusionMatrix, AClassThatIsNeverPredictedCountsAsZeroPrecision) {
  ConfusionMatrix matrix(3);
  matrix.update(std::vector<int64_t>{0, 1}, std::vector<int64_t>{0, 0});  // 1 is never predicted, 2 does not occur
  EXPECT_TRUE(std::isnan(matrix.class_precision()[1]));
  EXPECT_EQ(matrix.mean_precision(), (1.0 / 2 + 0) / 2);
}

TEST(ConfusionMatrix, PartsMergeToTheWhole) {
  ConfusionMatrix whole(4), a(4), b(4);
  for (int64_t i = 0; i < 100; ++i) {
    const std::vector<int64_t> target = {i * 7 % 5}, prediction = {i * 3 % 4};  // 4 stands for the ignore index
    whole.update(target, prediction);
    (i % 3 ? a : b).update(target, prediction);
  }
  a.merge(b);
  EXPECT_EQ(a.counts(), whole.counts());
  a.reset();
  EXPECT_EQ(a.total(), 0);
  EXPECT_THROW(a.merge(ConfusionMatrix(3)), ValueError);
}

TEST(ConfusionMatrix, RefusesWrongArguments) {
  ConfusionMatrix matrix(2);
  const std::vector<int64_t> one = {0}, two = {0, 1}, three = {3};
  EXPECT_THROW(matrix.update(one, two), ShapeError);
  EXPECT_THROW(matrix.update(one, three), IndexError);
  EXPECT_EQ(matrix.total(), 0) << "a refused update counts nothing";
  EXPECT_THROW(ConfusionMatrix(0), ValueError);
}

TEST(ConfusionMatrix, TakesTensorsOfAnyStrides) {
  const Tensor target = make_tensor(Layout::of({2, 3}), kInt64, kCPU), prediction = make_tensor(Layout::of({3, 2}), kInt64, kCPU);
  for (int64_t i = 0; i < 6; ++i) {
    target.data_ptr<int64_t>()[i] = i % 2;
    prediction.data_ptr<int64_t>()[i] = i < 3;
  }
  ConfusionMatrix matrix(2);
  matrix.update(target, prediction.t());  // [[0,1,0],[1,0,1]] against [[1,1,0],[1,0,0]]
  EXPECT_EQ(matrix.counts(), (std::vector<int64_t>{2, 1, 1, 2}));
  EXPECT_THROW(matrix.update(target, prediction), ShapeError);
}

TEST(ConfusionMatrix, AddsCountsMadeByTheOp) {
  const Tensor target = randint(0, 4, {3, 5, 7}), prediction = randint(0, 3, {3, 5, 7});
  ConfusionMatrix by_pixels(4, /*ignore_index=*/3), by_op(4, 3);
  by_pixels.update(target, prediction);
  by_op.add(confusion_matrix(target, prediction, 4));
  EXPECT_EQ(by_op.counts(), by_pixels.counts());
  EXPECT_THROW(by_op.add(zeros({3, 3}, kInt64)), ShapeError);
}

}  // namespace
}  // namespace tessera::data
