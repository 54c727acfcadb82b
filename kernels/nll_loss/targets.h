// Class indices as targets: which pixels count, the sum of their weights, and the search for one out of range.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// What a kernel learns of the targets of some pixels.
struct TargetTally {
  double weight = 0;     // sum of the class weights of the pixels that count
  bool invalid = false;  // whether a target was neither a class nor ignore_index

  // Whether a pixel with this target has a loss.
  bool counts(int64_t target, int64_t classes, int64_t ignore_index) {
    if (target == ignore_index) return false;
    const bool in_range = static_cast<uint64_t>(target) < static_cast<uint64_t>(classes);
    invalid |= !in_range;
    return in_range;
  }
};

inline TargetTally sum_tallies(const TargetTally* tallies, int64_t count) {
  TargetTally total;
  for (int64_t i = 0; i < count; ++i) {
    total.weight += tallies[i].weight;
    total.invalid |= tallies[i].invalid;
  }
  return total;
}

// The row-major index of the first invalid target of [N, H, W]; -1 if there is none. Only called when an error is certain.
inline int64_t find_invalid_target(const View& target, int64_t classes, int64_t ignore_index) {
  int64_t index = 0;
  for (int64_t n = 0; n < target.sizes[0]; ++n)
    for (int64_t h = 0; h < target.sizes[1]; ++h)
      for (int64_t w = 0; w < target.sizes[2]; ++w, ++index) {
        const int64_t t = target.as<int64_t>()[n * target.strides[0] + h * target.strides[1] + w * target.strides[2]];
        if (t != ignore_index && (t < 0 || t >= classes)) return index;
      }
  return -1;
}

}  // namespace tessera::kernels
