// How a GPU's kernels cut a long sum where a product has few tiles, so that all multiprocessors have work.
#pragma once

#include <cstdint>

namespace tessera::kernels {

// Into how many parts a product's sum of `steps` steps is cut for `tiles` tiles of the result, which has `elements` elements: the
// fewest rounds of `slots` blocks at a time, a block's step taking `step_us`, counting also the time to write and add the parts,
// `add_us` of which is for a launch that a single part does without.
int parts_of_sum(int64_t tiles, int64_t steps, int64_t elements, int64_t slots, double step_us, double add_us = 0);

}  // namespace tessera::kernels
