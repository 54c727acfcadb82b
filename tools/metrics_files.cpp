#include "tools/metrics_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/csv.h"

namespace tessera::tools {
namespace {

// What is said of each class.
struct ClassFigures {
  std::vector<double> iou, accuracy, precision, dice;
  explicit ClassFigures(const data::ConfusionMatrix& m)
      : iou(m.class_iou()), accuracy(m.class_accuracy()), precision(m.class_precision()), dice(m.class_dice()) {}
};

std::string figure(double value) { return std::isnan(value) ? "-" : fmt::format("{:.4f}", value); }

}  // namespace

std::string metrics_table(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names) {
  size_t width = 5;
  for (const std::string& name : names) width = std::max(width, name.size());
  const ClassFigures f(matrix);
  const auto line = [&](const std::string& name, double iou, double accuracy, double precision, double dice, double share) {
    return fmt::format("{:<{}}  {:>7}  {:>8}  {:>9}  {:>7}  {:>7}\n", name, width, figure(iou), figure(accuracy),
                       figure(precision), figure(dice), std::isnan(share) ? "" : fmt::format("{:.2f}%", 100 * share));
  };
  std::string table = fmt::format("{:<{}}  {:>7}  {:>8}  {:>9}  {:>7}  {:>7}\n", "class", width, "IoU", "accuracy", "precision",
                                  "Dice", "pixels");
  const auto total = static_cast<double>(matrix.total());
  for (size_t i = 0; i < names.size(); ++i)
    table += line(names[i], f.iou[i], f.accuracy[i], f.precision[i], f.dice[i],
                  static_cast<double>(matrix.true_pixels(static_cast<int64_t>(i))) / total);
  table += line("mean", matrix.mean_iou(), matrix.mean_accuracy(), matrix.mean_precision(), matrix.mean_dice(), std::nan(""));
  return table + fmt::format("\nmIoU {}  mAcc {}  aAcc {}  fwIoU {}  ({} pixels)\n", figure(matrix.mean_iou()),
                             figure(matrix.mean_accuracy()), figure(matrix.pixel_accuracy()),
                             figure(matrix.frequency_weighted_iou()), matrix.total());
}

std::string confusion_csv(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names) {
  std::string text = "truth \\ prediction";
  for (const std::string& name : names) text += "," + csv_text(name);
  text += "\n";
  for (int64_t i = 0; i < matrix.num_classes(); ++i) {
    text += csv_text(names[i]);
    for (int64_t j = 0; j < matrix.num_classes(); ++j) text += fmt::format(",{}", matrix.at(i, j));
    text += "\n";
  }
  return text;
}

std::string per_class_csv(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names) {
  const ClassFigures f(matrix);
  std::string text = "class,IoU,accuracy,precision,Dice,true_pixels,predicted_pixels\n";
  for (int64_t i = 0; i < matrix.num_classes(); ++i)
    text += fmt::format("{},{},{},{},{},{},{}\n", csv_text(names[i]), csv_number(f.iou[i]), csv_number(f.accuracy[i]),
                        csv_number(f.precision[i]), csv_number(f.dice[i]), matrix.true_pixels(i), matrix.predicted_pixels(i));
  return text;
}

std::string per_picture_csv(const std::vector<PictureScore>& pictures) {
  std::string text = "name,mIoU,pixel_acc\n";
  for (const PictureScore& p : pictures)
    text += fmt::format("{},{},{}\n", csv_text(p.name), csv_number(p.mean_iou), csv_number(p.pixel_accuracy));
  return text;
}

nlohmann::ordered_json metrics_json(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names) {
  const ClassFigures f(matrix);
  nlohmann::ordered_json json = {{"mIoU", matrix.mean_iou()},
                                 {"mAcc", matrix.mean_accuracy()},
                                 {"aAcc", matrix.pixel_accuracy()},
                                 {"fwIoU", matrix.frequency_weighted_iou()},
                                 {"mPrecision", matrix.mean_precision()},
                                 {"mDice", matrix.mean_dice()},
                                 {"pixels", matrix.total()}};
  for (int64_t i = 0; i < matrix.num_classes(); ++i)
    json["classes"].push_back({{"name", names[i]},
                               {"IoU", f.iou[i]},
                               {"accuracy", f.accuracy[i]},
                               {"precision", f.precision[i]},
                               {"Dice", f.dice[i]},
                               {"true_pixels", matrix.true_pixels(i)},
                               {"predicted_pixels", matrix.predicted_pixels(i)}});
  return json;
}

}  // namespace tessera::tools
