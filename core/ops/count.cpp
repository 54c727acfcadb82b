#include "core/ops/count.h"

#include "core/kernel_table.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"
#include "core/type_promotion.h"
#include "kernels/count/count.h"

namespace tessera {
namespace {

const Kernel<kernels::Bincount> bincount_kernel = TESSERA_KERNEL(bincount);
const Kernel<kernels::ConfusionMatrix> confusion_matrix_kernel = TESSERA_KERNEL(confusion_matrix);
const Kernel<kernels::OneHot> one_hot_kernel = TESSERA_KERNEL(one_hot);

Tensor as_labels(const char* op, const Tensor& x) {
  check<TypeError>(is_integral(x.dtype()), "{}: labels are integers, not {}. Convert with to(kLong).", op, x.dtype());
  return x.to(kInt64);
}

// The largest label, -1 for none. Throws if one is negative.
int64_t largest_label(const char* op, const Tensor& labels) {
  if (labels.numel() == 0) return -1;
  const int64_t low = amin(labels).item<int64_t>();
  check<ValueError>(low >= 0, "{}: label {} is negative", op, low);
  return amax(labels).item<int64_t>();
}

}  // namespace

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  check<ShapeError>(x.dim() == 1, "bincount: shape {} has not one dimension. Use flatten().", x.sizes());
  check<ValueError>(minlength >= 0, "bincount: minlength {} is negative", minlength);
  check<ShapeError>(!weights.defined() || weights.sizes() == x.sizes(), "bincount: weights of shape {} for labels of shape {}",
                    weights.defined() ? weights.sizes() : IntArrayRef(), x.sizes());
  const Tensor labels = as_labels("bincount", x);
  const int64_t bins = std::max(largest_label("bincount", labels) + 1, minlength);
  Tensor out = empty(bins, x.options().dtype(weights.defined() ? kFloat64 : kInt64));
  bincount_kernel(x.device(), out.as_view(), labels.as_view(), weights.defined() ? weights.as_view() : View{});
  return out;
}

Tensor confusion_matrix(const Tensor& target, const Tensor& prediction, int64_t num_classes) {
  check<ShapeError>(target.sizes() == prediction.sizes(), "confusion_matrix: target of shape {}, prediction of shape {}",
                    target.sizes(), prediction.sizes());
  check<ValueError>(num_classes > 0, "confusion_matrix: {} classes", num_classes);
  const Tensor truth = as_labels("confusion_matrix", target), guess = as_labels("confusion_matrix", prediction);
  Tensor out = empty({num_classes, num_classes}, target.options().dtype(kInt64));
  confusion_matrix_kernel(target.device(), out.as_view(), truth.as_view(), guess.as_view());
  return out;
}

Tensor one_hot(const Tensor& x, int64_t num_classes) {
  const Tensor labels = as_labels("one_hot", x);
  const int64_t largest = largest_label("one_hot", labels), classes = num_classes == -1 ? largest + 1 : num_classes;
  check<ValueError>(classes > 0, "one_hot: {} classes. Give num_classes for an empty tensor.", classes);
  check<ValueError>(largest < classes, "one_hot: label {} does not lie in [0, {})", largest, classes);
  DimVector sizes = x.layout().sizes;
  sizes.push_back(classes);
  Tensor out = empty(sizes, x.options().dtype(kInt64));
  one_hot_kernel(x.device(), out.as_view(), labels.as_view());
  return out;
}

}  // namespace tessera
