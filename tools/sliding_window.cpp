#include "tools/sliding_window.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "core/ops.h"
#include "data/batch.h"

namespace tessera::tools {
namespace {

data::Image cut(const data::Image& image, int y, int x, const Size& size) {
  data::Image part(size.height, size.width);
  for (int row = 0; row < size.height; ++row)
    std::copy_n(image.at(y + row, x), static_cast<size_t>(size.width) * 3, part.at(row, 0));
  return part;
}

// [1, 1, tile height, tile width]
Tensor weights_of(const Size& tile) {
  const std::vector<float> rows = tile_weights(tile.height), columns = tile_weights(tile.width);
  return tensor(rows).view({1, 1, tile.height, 1}) * tensor(columns).view({1, 1, 1, tile.width});
}

// The sums over the tiles of one band, as high as a tile and as wide as the picture.
struct Band {
  Tensor scores, weights;  // [1, C, h, W], [1, 1, h, W]

  void add(int x, const Tensor& p, const Tensor& weight) {  // p [1, C, h, w]
    if (!scores.defined()) {
      scores = zeros({1, p.size(1), weight.size(2), weights.size(3)}, p.options());
      weights = weights.to(p.device());
    }
    scores.narrow(3, x, p.size(3)).add_(p * weight);
    weights.narrow(3, x, p.size(3)).add_(weight);
  }

  Tensor mean(int64_t rows) const { return scores.narrow(2, 0, rows) / weights.narrow(2, 0, rows); }

  // The upper rows leave, the others move up.
  void advance(int64_t rows) {
    for (Tensor* sums : {&scores, &weights}) {
      const int64_t kept = sums->size(2) - rows;
      Tensor next = zeros_like(*sums);
      if (kept > 0) next.narrow(2, 0, kept).copy_(sums->narrow(2, rows, kept));
      *sums = next;
    }
  }
};

}  // namespace

std::vector<int> tile_starts(int length, int tile, double overlap) {
  check<ValueError>(length >= 1 && tile >= 1 && overlap >= 0 && overlap < 1,
                    "sliding window: tiles of {} pixels that overlap by {}. They need pixels, and 0 <= overlap < 1.", tile,
                    overlap);
  if (length <= tile) return {0};
  const int stride = std::max(1, static_cast<int>(tile * (1 - overlap)));
  const int steps = (length - tile + stride - 1) / stride;
  std::vector<int> starts(steps + 1);
  for (int i = 0; i <= steps; ++i) starts[i] = static_cast<int>(static_cast<int64_t>(i) * (length - tile) / steps);
  return starts;
}

std::vector<float> tile_weights(int tile) {
  std::vector<float> weights(tile);
  for (int i = 0; i < tile; ++i) {
    const double sine = std::sin(std::numbers::pi * (i + 0.5) / tile);
    weights[i] = static_cast<float>(sine * sine);
  }
  return weights;
}

void slide(const data::Image& image, const data::ClassInfo& classes, const SlidingWindow& window,
           const std::function<Tensor(const Tensor& pictures)>& probabilities,
           const std::function<void(int y, const Tensor& p)>& emit) {
  const Size tile = {std::min(window.tile.height, image.height), std::min(window.tile.width, image.width)};
  const std::vector<int> ys = tile_starts(image.height, tile.height, window.overlap);
  const std::vector<int> xs = tile_starts(image.width, tile.width, window.overlap);
  if (ys.size() * xs.size() == 1) return emit(0, probabilities(data::to_tensor(image, classes)));

  Tensor weight = weights_of(tile);
  Band band{{}, zeros({1, 1, tile.height, image.width})};
  for (size_t row = 0; row < ys.size(); ++row) {
    for (size_t first = 0; first < xs.size(); first += window.batch_size) {
      const size_t count = std::min<size_t>(window.batch_size, xs.size() - first);
      std::vector<Tensor> pictures;
      for (size_t i = first; i < first + count; ++i)
        pictures.push_back(data::to_tensor(cut(image, ys[row], xs[i], tile), classes));
      const Tensor p = probabilities(count == 1 ? pictures[0] : cat(pictures, 0));
      weight = weight.to(p.device());
      for (size_t i = 0; i < count; ++i) band.add(xs[first + i], p.narrow(0, static_cast<int64_t>(i), 1), weight);
    }
    const int rows = (row + 1 < ys.size() ? ys[row + 1] : image.height) - ys[row];
    emit(ys[row], band.mean(rows));
    band.advance(rows);
  }
}

}  // namespace tessera::tools
