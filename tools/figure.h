// A prediction for people to look at: picture | truth | prediction, with captions and a legend.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace tessera::tools {

// A picture enlarged by a whole factor, each pixel a square, until it is at least `comfortable` wide.
data::Image magnify(const data::Image& picture, int comfortable = 128);

// The colours and names of the classes that occur in any of the labels, in lines of at most `width` pixels.
data::Image legend(const std::vector<const data::Label*>& labels, const data::ClassInfo& classes, int width);

// One row of panels: the picture, the truth if there is one, the prediction; a caption above each, the legend below. With a truth
// the prediction's caption says its mIoU. Pictures wider than 800 pixels are shown smaller, narrower than 256 larger.
data::Image prediction_figure(const data::Image& picture, const std::optional<data::Label>& truth, const data::Label& prediction,
                              const data::ClassInfo& classes);

}  // namespace tessera::tools
