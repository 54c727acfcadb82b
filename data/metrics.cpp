#include "data/metrics.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace tessera::data {
namespace {

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

double mean_of_present(const std::vector<double>& values) {
  double sum = 0;
  int64_t present = 0;
  for (double value : values)
    if (!std::isnan(value)) {
      sum += value;
      ++present;
    }
  return present > 0 ? sum / static_cast<double>(present) : kAbsent;
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(int64_t num_classes, int64_t ignore_index)
    : classes_(num_classes), ignore_index_(ignore_index) {
  check<ValueError>(num_classes >= 1 && num_classes <= 65536, "ConfusionMatrix: {} classes. There must be 1 to 65536.",
                    num_classes);
  counts_.assign(static_cast<size_t>(num_classes * num_classes), 0);
}

void ConfusionMatrix::update(std::span<const int64_t> target, std::span<const int64_t> prediction) {
  check<ShapeError>(target.size() == prediction.size(), "ConfusionMatrix: {} targets and {} predictions. They come in pairs.",
                    target.size(), prediction.size());
  const auto is_class = [&](int64_t id) { return id >= 0 && id < classes_; };
  for (size_t i = 0; i < target.size(); ++i)
    check<IndexError>(!is_class(target[i]) || is_class(prediction[i]),
                      "ConfusionMatrix: prediction {} is outside the {} classes.", prediction[i], classes_);
  for (size_t i = 0; i < target.size(); ++i)
    if (is_class(target[i]) && target[i] != ignore_index_) ++counts_[target[i] * classes_ + prediction[i]];
}

void ConfusionMatrix::update(const Tensor& target, const Tensor& prediction) {
  check<ShapeError>(target.sizes() == prediction.sizes(), "ConfusionMatrix: target {} and prediction {} differ in shape.",
                    target.sizes(), prediction.sizes());
  const Tensor t = target.cpu().contiguous(), p = prediction.cpu().contiguous();
  const auto count = static_cast<size_t>(t.numel());
  update(std::span<const int64_t>(t.data_ptr<int64_t>(), count), std::span<const int64_t>(p.data_ptr<int64_t>(), count));
}

void ConfusionMatrix::add(const Tensor& counts) {
  check<ShapeError>(counts.sizes() == IntArrayRef({classes_, classes_}), "ConfusionMatrix: counts of shape {} for {} classes.",
                    counts.sizes(), classes_);
  const Tensor dense = counts.cpu().contiguous();
  for (int64_t truth = 0; truth < classes_; ++truth)
    for (int64_t i = truth * classes_; i < (truth + 1) * classes_; ++i)
      if (truth != ignore_index_) counts_[i] += dense.data_ptr<int64_t>()[i];
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  check<ValueError>(classes_ == other.classes_, "ConfusionMatrix: {} and {} classes cannot be merged.", classes_, other.classes_);
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

void ConfusionMatrix::reset() {
  counts_.assign(counts_.size(), 0);
}

int64_t ConfusionMatrix::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
}

double ConfusionMatrix::pixel_accuracy() const {
  int64_t right = 0;
  for (int64_t i = 0; i < classes_; ++i) right += at(i, i);
  const int64_t all = total();
  return all > 0 ? static_cast<double>(right) / static_cast<double>(all) : kAbsent;
}

int64_t ConfusionMatrix::true_pixels(int64_t i) const {
  int64_t pixels = 0;
  for (int64_t j = 0; j < classes_; ++j) pixels += at(i, j);
  return pixels;
}

int64_t ConfusionMatrix::predicted_pixels(int64_t i) const {
  int64_t pixels = 0;
  for (int64_t j = 0; j < classes_; ++j) pixels += at(j, i);
  return pixels;
}

template <class Value> std::vector<double> ConfusionMatrix::of_present_classes(const Value& value) const {
  std::vector<double> values(classes_, kAbsent);
  for (int64_t i = 0; i < classes_; ++i) {
    const auto right = static_cast<double>(at(i, i)), truth = static_cast<double>(true_pixels(i));
    if (truth > 0) values[i] = value(right, truth, static_cast<double>(predicted_pixels(i)));
  }
  return values;
}

std::vector<double> ConfusionMatrix::class_accuracy() const {
  return of_present_classes([](double right, double truth, double) { return right / truth; });
}
std::vector<double> ConfusionMatrix::class_iou() const {
  return of_present_classes([](double right, double truth, double predicted) { return right / (truth + predicted - right); });
}
std::vector<double> ConfusionMatrix::class_dice() const {
  return of_present_classes([](double right, double truth, double predicted) { return 2 * right / (truth + predicted); });
}
std::vector<double> ConfusionMatrix::class_precision() const {
  std::vector<double> precision(classes_);
  for (int64_t i = 0; i < classes_; ++i) precision[i] = static_cast<double>(at(i, i)) / static_cast<double>(predicted_pixels(i));
  return precision;
}

double ConfusionMatrix::mean_accuracy() const { return mean_of_present(class_accuracy()); }
double ConfusionMatrix::mean_iou() const { return mean_of_present(class_iou()); }
double ConfusionMatrix::mean_precision() const {
  return mean_of_present(
      of_present_classes([](double right, double, double predicted) { return predicted > 0 ? right / predicted : 0.0; }));
}
double ConfusionMatrix::mean_dice() const { return mean_of_present(class_dice()); }

double ConfusionMatrix::frequency_weighted_iou() const {
  const std::vector<double> iou = class_iou();
  double sum = 0;
  for (int64_t i = 0; i < classes_; ++i)
    if (!std::isnan(iou[i])) sum += iou[i] * static_cast<double>(true_pixels(i));
  return sum / static_cast<double>(total());
}

}  // namespace tessera::data
