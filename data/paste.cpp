#include "data/paste.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "data/transforms.h"

namespace tessera::data {
namespace {

// A random place for `inner` in a line of `outer`, or for the line in it, if it is longer.
int random_place(int outer, int inner, RandomStream& stream) {
  return static_cast<int>(stream.integer(std::min(0, outer - inner), std::max(0, outer - inner)));
}

}  // namespace

Sample paste(const Sample& sample, int height, int width, int y, int x, int canvas_height, int canvas_width, int32_t ignore_index,
             Filter filter) {
  const int top = std::max(0, y), left = std::max(0, x);
  const Window seen = {top - y, left - x, std::min(canvas_height, y + height) - top, std::min(canvas_width, x + width) - left};
  if (seen.height <= 0 || seen.width <= 0)
    return {Image(canvas_height, canvas_width, sample.image.channels, kPaddingGrey),
            Label(canvas_height, canvas_width, ignore_index), sample.name};
  const Sample part{resize(sample.image, height, width, filter, seen), resize_nearest(sample.label, height, width, seen),
                    sample.name};
  return crop(part, -top, -left, canvas_height, canvas_width, ignore_index);
}

Sample RandomAspectPaste::operator()(Sample sample, RandomStream& stream) const {
  check<ValueError>(jitter >= 0 && jitter < 1 && low > 0 && low <= high,
                    "RandomAspectPaste: jitter {}, scale {} to {}. Jitter lies in 0..1, scales are positive and in order.",
                    jitter, low, high);
  const double wider = stream.uniform(1 - jitter, 1 + jitter), narrower = stream.uniform(1 - jitter, 1 + jitter);
  const double aspect = static_cast<double>(sample.image.width) / sample.image.height * wider / narrower;
  const double scale = stream.uniform(low, high);
  const double longer = scale * (aspect < 1 ? height : width);
  const int new_height = std::max(1, static_cast<int>(aspect < 1 ? longer : longer / aspect));
  const int new_width = std::max(1, static_cast<int>(aspect < 1 ? longer * aspect : longer));
  const bool flipped = stream.chance(flip);
  const int x = random_place(width, new_width, stream), y = random_place(height, new_height, stream);
  sample = paste(sample, new_height, new_width, y, x, height, width, ignore_index);
  // Flipping the canvas is flipping the picture at the mirrored place, which is as likely.
  return flipped ? RandomHorizontalFlip{1.0}(std::move(sample), stream) : sample;
}

Sample LetterBox::operator()(Sample sample, RandomStream&) const {
  const double scale =
      std::min(static_cast<double>(height) / sample.image.height, static_cast<double>(width) / sample.image.width);
  // A side that fits exactly must not lose a pixel to rounding.
  const int new_height = std::clamp(static_cast<int>(sample.image.height * scale + 1e-6), 1, height);
  const int new_width = std::clamp(static_cast<int>(sample.image.width * scale + 1e-6), 1, width);
  return paste(sample, new_height, new_width, (height - new_height) / 2, (width - new_width) / 2, height, width, ignore_index);
}

}  // namespace tessera::data
