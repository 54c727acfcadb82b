// Turning pictures with their label maps.
#pragma once

#include "data/random_stream.h"
#include "data/sample.h"

namespace tessera::data {

// `quarters` quarter turns to the left, exactly; negative ones to the right. Odd numbers exchange height and width.
Sample rotate_quarters(const Sample& sample, int quarters);

// Turned to the left about the middle by `degrees`, in a picture of the same size: bilinear, labels nearest. What comes from
// outside is grey 128 and the ignore index.
Sample rotate(const Sample& sample, double degrees, int32_t ignore_index);

// A number of quarter turns, each equally likely; of pictures that are not square, half turns or none, so that sizes stay.
struct RandomQuarterTurns {
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// An angle uniform in -degrees..degrees.
struct RandomRotation {
  double degrees = 10;
  int32_t ignore_index = 255;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

}  // namespace tessera::data
