// Random numbers by Philox4x32-10 (philox.h): uniform, normal, integers, Bernoulli.
//
// Element i of the output, i being its row-major logical index, depends on (seed, offset, i) and on whether the output is
// float64 alone: the values are the same for every layout and thread count. Two calls with the same (seed, offset) draw the same
// numbers; a caller that wants fresh ones raises `offset` by 1 for each call.
// float64 numbers carry 53 random bits, float32 ones 24; the half types round the float32 number.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// out in [low, high), floating-point. Rounding to a half type may give `high`.
using RandomUniform = void(const View& out, uint64_t seed, uint64_t offset, double low, double high);

// Normal distribution by Box-Muller (G. Box, M. Muller, 1958), floating-point.
using RandomNormal = void(const View& out, uint64_t seed, uint64_t offset, double mean, double std);

// Integers low <= x < high, any dtype. The bias is below (high - low) / 2^64.
using RandomIntegers = void(const View& out, uint64_t seed, uint64_t offset, int64_t low, int64_t high);

// 1 with probability p (a multiple of 2^-32), else 0; any dtype.
using RandomBernoulli = void(const View& out, uint64_t seed, uint64_t offset, double p);

namespace reference {
RandomUniform random_uniform;
RandomNormal random_normal;
RandomIntegers random_integers;
RandomBernoulli random_bernoulli;
}  // namespace reference

namespace cpu {
RandomUniform random_uniform;
RandomNormal random_normal;
RandomIntegers random_integers;
RandomBernoulli random_bernoulli;
}  // namespace cpu

namespace cuda {
RandomUniform random_uniform;
RandomNormal random_normal;
RandomIntegers random_integers;
RandomBernoulli random_bernoulli;
}  // namespace cuda

}  // namespace tessera::kernels
