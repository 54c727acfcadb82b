// The interface of data sets.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/transforms.h"

namespace tessera::data {

enum class Split { train, val };
constexpr const char* to_string(Split split) {
  return split == Split::train ? "train" : "val";
}

// What is known of a data set's classes and pixels.
struct ClassInfo {
  std::vector<std::string> names;  // one a class: their number is the number of classes
  Palette palette;
  int64_t ignore_index = 255;                            // the id of pixels that belong to no class: outside loss and metrics
  std::array<float, 3> mean = {0.485f, 0.456f, 0.406f};  // of RGB / 255; these are ImageNet's
  std::array<float, 3> std = {0.229f, 0.224f, 0.225f};

  int64_t num_classes() const { return static_cast<int64_t>(names.size()); }
};

// Pictures with label maps, by index. read() may be called from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual Sample read(int64_t index) const = 0;  // as stored; 0 <= index < size()

  // The sample after the transform, whose random numbers come from `stream`.
  virtual Sample get(int64_t index, RandomStream& stream) const {
    Sample sample = read(index);
    return transform_ ? transform_(std::move(sample), stream) : sample;
  }
  void set_transform(Transform transform) { transform_ = std::move(transform); }
  const ClassInfo& classes() const { return classes_; }

 protected:
  ClassInfo classes_;

 private:
  Transform transform_;
};

}  // namespace tessera::data
