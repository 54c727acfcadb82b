// Random tensors. Element i of a draw depends on (seed, offset, i) alone: the same on every device, layout and thread count.
#pragma once

#include "core/random.h"
#include "core/tensor.h"

namespace tessera {

Tensor rand(IntArrayRef sizes, const TensorOptions& options = {});                        // uniform in [0, 1)
Tensor rand(IntArrayRef sizes, Generator& generator, const TensorOptions& options = {});
Tensor randn(IntArrayRef sizes, const TensorOptions& options = {});                       // normal, mean 0, variance 1
Tensor randn(IntArrayRef sizes, Generator& generator, const TensorOptions& options = {});
Tensor randint(int64_t low, int64_t high, IntArrayRef sizes, const TensorOptions& options = {});  // int64 in [low, high)
Tensor randint(int64_t high, IntArrayRef sizes, const TensorOptions& options = {});
Tensor randperm(int64_t n, const TensorOptions& options = {});                            // int64 permutation of 0 .. n - 1
Tensor rand_like(const Tensor& x, const TensorOptions& options = {});
Tensor randn_like(const Tensor& x, const TensorOptions& options = {});

// In place, on the default generator.
const Tensor& uniform_(const Tensor& x, double low = 0, double high = 1);
const Tensor& normal_(const Tensor& x, double mean = 0, double std = 1);
const Tensor& bernoulli_(const Tensor& x, double p = 0.5);  // 1 with probability p, else 0

// Zeroes elements with probability p and scales the rest by 1 / (1 - p); the identity if not training. Gradient: the same mask.
// x is floating-point, else TypeError.
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true);

}  // namespace tessera
