// How good a segmentation is, from one confusion matrix over the whole set (never the mean of per-image values).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace tessera::data {

// Counts of pixels by (true class, predicted class). With n_ij pixels of class i predicted as j, t_i = sum_j n_ij and
// p_i = sum_j n_ji, in the notation of Long, Shelhamer, Darrell, Fully Convolutional Networks (2015):
//   pixel accuracy  sum_i n_ii / sum_i t_i          mean accuracy  mean_i n_ii / t_i
//   IoU_i           n_ii / (t_i + p_i - n_ii)       mIoU           mean_i IoU_i
//   precision_i     n_ii / p_i                      mPrecision     mean_i precision_i
//   Dice_i          2 n_ii / (t_i + p_i)            mDice          mean_i Dice_i
//                                                   fwIoU          sum_i t_i IoU_i / sum_i t_i
// A class without a true pixel (t_i = 0) has accuracy, IoU and Dice NaN and is left out of all means; its false predictions still
// count against the classes they were taken from. A class that is never predicted has precision NaN, and enters mPrecision as 0 if
// it has true pixels. With no pixel at all every figure is NaN.
class ConfusionMatrix {
 public:
  // `ignore_index`: pixels of this true class are not counted either, when it lies among the classes.
  explicit ConfusionMatrix(int64_t num_classes, int64_t ignore_index = -1);

  // Adds pixels. A target outside 0..C-1 (the ignore index) is passed over; a prediction outside is an IndexError.
  void update(std::span<const int64_t> target, std::span<const int64_t> prediction);
  // The same for int64 tensors of equal shape, of any strides.
  void update(const Tensor& target, const Tensor& prediction);
  // Adds the counts that tessera::confusion_matrix gives, int64 [C, C] of any device; those of the ignore index are left out.
  void add(const Tensor& counts);
  // Adds the counts of another matrix of the same size.
  void merge(const ConfusionMatrix& other);
  void reset();

  int64_t num_classes() const { return classes_; }
  int64_t at(int64_t truth, int64_t prediction) const { return counts_[truth * classes_ + prediction]; }
  const std::vector<int64_t>& counts() const { return counts_; }  // row-major, rows are the truth
  int64_t total() const;

  double pixel_accuracy() const;
  std::vector<double> class_accuracy() const;
  std::vector<double> class_iou() const;
  std::vector<double> class_precision() const;
  std::vector<double> class_dice() const;
  double mean_accuracy() const;
  double mean_iou() const;
  double mean_precision() const;
  double mean_dice() const;
  double frequency_weighted_iou() const;

  int64_t true_pixels(int64_t i) const;       // t_i
  int64_t predicted_pixels(int64_t i) const;  // p_i

 private:
  // value(n_ii, t_i, p_i) of each class, NaN where it has no true pixel.
  template <class Value> std::vector<double> of_present_classes(const Value& value) const;

  int64_t classes_, ignore_index_;
  std::vector<int64_t> counts_;
};

}  // namespace tessera::data
