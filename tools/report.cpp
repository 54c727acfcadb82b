#include "tools/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/contact_sheet.h"
#include "tools/csv.h"
#include "tools/figure.h"

namespace tessera::tools {
namespace {

std::string figure(double value) { return std::isnan(value) ? "-" : fmt::format("{:.4f}", value); }

}  // namespace

std::string epoch_line(const EpochRecord& record, int64_t epochs, double pictures_per_second, bool best) {
  const size_t digits = std::to_string(epochs).size();
  std::string line = fmt::format("Epoch {:>{}}/{}  train loss {}", record.epoch, digits, epochs, figure(record.train_loss));
  if (!std::isnan(record.val_loss) || !std::isnan(record.mean_iou))
    line += fmt::format("  val loss {}  pixel acc {}  mIoU {}", figure(record.val_loss), figure(record.pixel_accuracy),
                        figure(record.mean_iou));
  return line + fmt::format("  lr {:.3g}  {:.1f} img/s{}\n", record.lr, pictures_per_second, best ? "  best" : "");
}

std::string class_table(const EpochRecord& record, const std::vector<std::string>& names) {
  size_t width = 5;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::string table = fmt::format("\n{:<{}}  IoU\n", "class", width);
  for (size_t i = 0; i < names.size(); ++i) table += fmt::format("{:<{}}  {}\n", names[i], width, figure(record.class_iou[i]));
  return table + fmt::format("{:<{}}  {}\n\n", "mean", width, figure(record.mean_iou));
}

std::string metrics_csv(const std::vector<EpochRecord>& history, const std::vector<std::string>& names) {
  std::string text = "epoch,step,lr,train_loss,val_loss,pixel_acc,mIoU";
  for (const std::string& name : names) text += "," + csv_text("IoU/" + name);
  text += "\n";
  for (const EpochRecord& r : history) {
    text += fmt::format("{},{},{},{},{},{},{}", r.epoch, r.step, csv_number(r.lr), csv_number(r.train_loss),
                        csv_number(r.val_loss), csv_number(r.pixel_accuracy), csv_number(r.mean_iou));
    for (double iou : r.class_iou) text += "," + csv_number(iou);
    text += "\n";
  }
  return text;
}

data::Image prediction_sheet(const Predictor& predictor, const data::Dataset& dataset, int64_t count) {
  const data::Palette& palette = predictor.classes().palette;
  std::vector<std::vector<data::Image>> rows;
  for (int64_t i = 0; i < std::min(count, dataset.size()); ++i) {
    const data::Sample sample = dataset.read(i);
    if (i % 2 == 0) rows.emplace_back();
    for (const data::Image& picture :
         {sample.image, data::colorize(sample.label, palette), data::colorize(predictor.predict(sample.image), palette)})
      rows.back().push_back(magnify(picture));
  }
  return contact_sheet(rows);
}

}  // namespace tessera::tools
