// A trained network, ready for pictures.
#pragma once

#include "data/image.h"
#include "tools/checkpoint.h"

namespace tessera::tools {

class Predictor {
 public:
  // Reads all it needs from a checkpoint of `tessera train`.
  explicit Predictor(const std::string& file, Device device = kCPU);

  // The class of each pixel of a picture of any size. If training scaled all pictures to one size, this one is scaled so
  // too, and the prediction back.
  data::Label predict(const data::Image& image) const;
  const data::ClassInfo& classes() const { return checkpoint_.classes; }

 private:
  Checkpoint checkpoint_;
  Device device_;
  nn::AnyModule network_;
};

}  // namespace tessera::tools
