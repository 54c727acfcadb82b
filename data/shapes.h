// A data set that is drawn, not stored: scenes of overlapping shapes with exact masks. The demonstration's default.
#pragma once

#include "data/dataset.h"

namespace tessera::data {

// Class 0 is the background; the shapes differ in outline and only hint at their class by colour and texture.
const std::vector<std::string>& shape_class_names();  // background, disc, square, triangle, star, ring, bar

// Draws scene number `index` of a seed: a textured, lit background and two to four shapes with shadows, which may hide parts of
// each other. Edges are smooth in the picture (16 samples a pixel) and crisp in the label (the pixel's centre decides). All
// arithmetic is on integers, so the same arguments give the same bytes on every machine. Sizes in 16..4096.
Sample draw_scene(uint64_t seed, uint64_t index, int height, int width);

struct ShapesOptions {
  int64_t count = 512;
  int height = 64, width = 64;
  uint64_t seed = 0;
};

// `count` scenes. The splits draw from different streams: no validation scene is ever a training scene.
class ShapesDataset : public Dataset {
 public:
  ShapesDataset(Split split, const ShapesOptions& options);
  int64_t size() const override { return options_.count; }
  Sample read(int64_t index) const override;

 private:
  Split split_;
  ShapesOptions options_;
};

}  // namespace tessera::data
