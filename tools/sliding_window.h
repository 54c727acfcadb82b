// Predicting a picture of any size in overlapping tiles, without seams and in memory that does not grow with its height.
#pragma once

#include <functional>
#include <vector>

#include "core/tensor.h"
#include "data/dataset.h"
#include "tools/train_options.h"

namespace tessera::tools {

struct SlidingWindow {
  Size tile;
  double overlap = 0.25;   // of neighbouring tiles, as a part of their size: 0 <= overlap < 1
  int64_t batch_size = 1;  // tiles that go through the network together
};

// Where the tiles begin along a side of `length` pixels: from 0 to length - tile, evenly spread, and as few as overlap by at
// least `overlap * tile`. One tile, at 0, where length <= tile.
std::vector<int> tile_starts(int length, int tile, double overlap);

// The weight of a tile's pixels along one side: sin^2(pi (i + 1/2) / tile), in (0, 1]. It falls towards the edges, where a
// network sees least of the surroundings, so that one tile's scores pass into the next one's.
std::vector<float> tile_weights(int tile);

// p(y, x) = sum_t w_t(y, x) p_t(y, x) / sum_t w_t(y, x) over the tiles t that cover the pixel, each cut out of the picture and
// normalised as the classes say. `probabilities` makes of pictures [N, 3, h, w] the classes' probabilities [N, C, h, w].
// emit(y, p) gets p as rows [1, C, rows, W] that begin at row y, from top to bottom. Besides the picture, one band of tiles is in
// memory. Where one tile covers the picture, p is that tile's, unchanged.
void slide(const data::Image& image, const data::ClassInfo& classes, const SlidingWindow& window,
           const std::function<Tensor(const Tensor& pictures)>& probabilities,
           const std::function<void(int y, const Tensor& p)>& emit);

}  // namespace tessera::tools
