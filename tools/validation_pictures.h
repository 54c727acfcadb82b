// What a network makes of the first held-out pictures, while it is being validated.
#pragma once

#include <vector>

#include "data/batch.h"
#include "data/image.h"

namespace tessera::tools {

class ValidationPictures {
 public:
  ValidationPictures(data::ClassInfo classes, int64_t count) : classes_(std::move(classes)), count_(count) {}

  // Takes pictures of a batch until there are enough. `prediction`: int64 [N, H, W] in host memory.
  void add(const data::Batch& batch, const Tensor& prediction);
  // A row a picture: picture | truth | prediction.
  data::Image sheet() const;

 private:
  data::ClassInfo classes_;
  int64_t count_;
  std::vector<std::vector<data::Image>> rows_;
};

}  // namespace tessera::tools
