// Counting as plain loops over the labels.
#include "kernels/count/count.h"
#include "kernels/index/positions.h"

namespace tessera::kernels::reference {

void bincount(const View& out, const View& in, const View& weights) {
  for_each_position(out, [&](const Position& bin) { store_as(out, offset_of(out, bin), 0); });
  for_each_position(in, [&](const Position& p) {
    const int64_t bin = in.as<int64_t>()[offset_of(in, p)] * out.strides[0];
    if (weights.data == nullptr) {
      ++out.as<int64_t>()[bin];
    } else {
      dispatch_all(weights.dtype,
                   [&]<class T>() { out.as<double>()[bin] += static_cast<double>(weights.as<T>()[offset_of(weights, p)]); });
    }
  });
}

void confusion_matrix(const View& out, const View& target, const View& prediction) {
  const int64_t classes = out.sizes[0];
  for_each_position(out, [&](const Position& p) { out.as<int64_t>()[offset_of(out, p)] = 0; });
  for_each_position(target, [&](const Position& p) {
    const int64_t row = target.as<int64_t>()[offset_of(target, p)];
    const int64_t column = prediction.as<int64_t>()[offset_of(prediction, p)];
    const bool valid = row >= 0 && row < classes && column >= 0 && column < classes;
    if (valid) ++out.as<int64_t>()[row * out.strides[0] + column * out.strides[1]];
  });
}

void one_hot(const View& out, const View& in) {
  for_each_position(out, [&](const Position& p) {
    store_as(out, offset_of(out, p), in.as<int64_t>()[offset_of(in, p)] == p[out.ndim - 1] ? 1 : 0);
  });
}

}  // namespace tessera::kernels::reference
