// The figures of an evaluation for people and programs: a table, CSV and JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/metrics.h"

namespace tessera::tools {

// How good the prediction of one picture is, by the confusion matrix of that picture alone. NaN where no pixel is labelled.
struct PictureScore {
  int64_t index = 0;  // in the data set
  std::string name;
  double mean_iou = 0, pixel_accuracy = 0;
};

// A line a class (IoU, accuracy, precision, Dice, share of the true pixels), the means, and the pixel accuracy and
// frequency-weighted IoU below. "-" for what is not defined.
std::string metrics_table(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names);

// "truth \ prediction,NAME,...", then a row a true class with its counts of pixels.
std::string confusion_csv(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names);

// class,IoU,accuracy,precision,Dice,true_pixels,predicted_pixels; numbers with all their digits, nothing for NaN.
std::string per_class_csv(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names);

// name,mIoU,pixel_acc
std::string per_picture_csv(const std::vector<PictureScore>& pictures);

// {"mIoU", "mAcc", "aAcc", "fwIoU", "mPrecision", "mDice", "pixels", "classes": [{"name", "IoU", ...}, ...]}; null for NaN. The
// names are those of mmsegmentation.
nlohmann::ordered_json metrics_json(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names);

}  // namespace tessera::tools
