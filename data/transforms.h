// What is done to a sample between the file and the network: augmentation in training, sizes in evaluation.
//
// A transform takes a sample and a stream of random numbers and returns the new sample; image and label move together. Those
// that are not random draw nothing. What lies outside the picture becomes grey 128 and the ignore index.
#pragma once

#include <functional>
#include <vector>

#include "data/color.h"
#include "data/random_stream.h"
#include "data/resample.h"
#include "data/sample.h"

namespace tessera::data {

using Transform = std::function<Sample(Sample, RandomStream&)>;

inline constexpr uint8_t kPaddingGrey = 128;

// The window of height x width whose upper left corner is (y, x); it may reach outside on any side.
Sample crop(const Sample& sample, int y, int x, int height, int width, int32_t ignore_index);

struct RandomHorizontalFlip {
  double probability = 0.5;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

struct RandomVerticalFlip {
  double probability = 0.5;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// Scales both sides by one factor, uniform in low..high.
struct RandomScale {
  double low = 0.5, high = 2.0;
  Filter filter = Filter::kBilinear;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// A window at a random place. A picture smaller than the window is placed at random inside it.
struct RandomCrop {
  int height, width;
  int32_t ignore_index = 255;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// RandomScale, then RandomCrop, with the same random numbers and the same result; but only the pixels that stay are made.
struct RandomScaledCrop {
  double low = 0.5, high = 2.0;
  int height, width;
  int32_t ignore_index = 255;
  Filter filter = Filter::kBilinear;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

struct Resize {
  int height, width;
  Filter filter = Filter::kBilinear;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// Pads below and on the right until both sides are multiples of `multiple`, for networks that halve the size several times.
// Ids are padded with the ignore index, so that loss and metrics do not see the padding.
struct PadToMultiple {
  int multiple;
  int32_t ignore_index = 255;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// One after the other, from the first.
struct Compose {
  std::vector<Transform> transforms;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

}  // namespace tessera::data
