// What a report says of the classes: figures with bars, their IoU over the epochs, the confusion matrix.
#pragma once

#include <string>
#include <vector>

#include "data/metrics.h"
#include "data/palette.h"
#include "tools/html_report/run_contents.h"

namespace tessera::tools {

// A square in a class's colour and its name.
std::string class_name_html(const std::string& name, const data::Color& color);

// A row a class: IoU as bar and figure, accuracy, precision, Dice, share of the pixels.
std::string class_table_html(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names,
                             const data::Palette& palette);

// A row a class, a cell an epoch (every n-th where there are many), darker with the IoU. From the columns IoU/NAME; empty where
// fewer than two epochs have figures.
std::string class_history_html(const MetricTable& metrics);

// The matrix as a coloured table: shares of the true class, the count of pixels at hand when the pointer rests on a cell.
std::string confusion_html(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names);

}  // namespace tessera::tools
