#include "kernels/conv2d/sum_parts.h"

#include <algorithm>

namespace tessera::kernels {
namespace {
int64_t div_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit; }
}  // namespace

int parts_of_sum(int64_t tiles, int64_t steps, int64_t elements, int64_t slots, double step_us, double add_us) {
  constexpr double kStartUs = 3, kBytesPerUs = 2.5e6;  // until a block's pipeline is full; of writing and adding the parts
  if (steps == 0) return 1;
  int64_t best = 1;
  double best_us = 0;
  const int64_t most = std::max<int64_t>(1, std::min({steps, int64_t{512}, (int64_t{1} << 25) / elements}));
  for (int64_t parts = 1; parts <= most; ++parts) {
    const int64_t part_steps = div_up(steps, parts), used = div_up(steps, part_steps);
    const double us = static_cast<double>(div_up(tiles * used, slots)) * (static_cast<double>(part_steps) * step_us + kStartUs) +
                      8.0 * static_cast<double>(used * elements) / kBytesPerUs + (used > 1 ? add_us : 0);
    if (parts == 1 || us < best_us) best = used, best_us = us;
  }
  return static_cast<int>(best);
}

}  // namespace tessera::kernels
