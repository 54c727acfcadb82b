// What a training run shows and writes for people: lines, tables and pictures.
#pragma once

#include <string>
#include <vector>

#include "tools/predictor.h"

namespace tessera::tools {

// "Epoch  3/50  train loss 0.8123  val loss 0.7034  pixel acc 0.9012  mIoU 0.7613  lr 0.0012  12.4 img/s  best"
std::string epoch_line(const EpochRecord& record, int64_t epochs, double pictures_per_second, bool best);

// A line a class with its IoU, and the mean over the classes that occur.
std::string class_table(const EpochRecord& record, const std::vector<std::string>& names);

// epoch, step, lr, train_loss, val_loss, pixel_acc, mIoU, IoU/CLASS...; numbers with all their digits, nothing for NaN.
std::string metrics_csv(const std::vector<EpochRecord>& history, const std::vector<std::string>& names);

// Picture | truth | prediction of the first `count` samples of a data set as they are stored, two samples a row.
data::Image prediction_sheet(const Predictor& predictor, const data::Dataset& dataset, int64_t count);

}  // namespace tessera::tools
