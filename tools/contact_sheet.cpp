#include "tools/contact_sheet.h"

#include <algorithm>
#include <numeric>

namespace tessera::tools {

data::Image contact_sheet(const std::vector<std::vector<data::Image>>& rows, int gap) {
  std::vector<int> heights(rows.size()), widths;
  for (size_t row = 0; row < rows.size(); ++row) {
    widths.resize(std::max(widths.size(), rows[row].size()));
    for (size_t column = 0; column < rows[row].size(); ++column) {
      heights[row] = std::max(heights[row], rows[row][column].height);
      widths[column] = std::max(widths[column], rows[row][column].width);
    }
  }
  const auto extent = [gap](const std::vector<int>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), gap * (static_cast<int>(sizes.size()) + 1));
  };
  data::Image sheet(extent(heights), extent(widths), 3, 255);
  int top = gap;
  for (size_t row = 0; row < rows.size(); ++row) {
    int left = gap;
    for (size_t column = 0; column < rows[row].size(); ++column) {
      const data::Image& picture = rows[row][column];
      for (int y = 0; y < picture.height; ++y)
        std::copy_n(picture.at(y, 0), static_cast<size_t>(picture.width) * 3, sheet.at(top + y, left));
      left += widths[column] + gap;
    }
    top += heights[row] + gap;
  }
  return sheet;
}

}  // namespace tessera::tools
