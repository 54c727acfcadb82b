// Losses. Names, argument order, defaults and semantics are those of PyTorch.
//
// Each gives one number an element (or a pixel); `reduction` says what becomes of them: None keeps them, Mean and Sum give a
// 0-dimensional tensor. The dtype is the input's; half types are summed in float32. Formulas are for one element, x the input, t
// the target. Shapes that do not fit throw ShapeError, dtypes that do not fit TypeError.
#pragma once

#include <optional>

#include "core/tensor.h"

namespace tessera {

enum class Reduction : uint8_t { None, Mean, Sum, BatchMean };  // BatchMean: the sum divided by size(0); kl_div alone takes it
inline constexpr Reduction kNone = Reduction::None, kMean = Reduction::Mean, kSum = Reduction::Sum,
                           kBatchMean = Reduction::BatchMean;

// --- Classification: core/ops/classification_loss.cpp --------------------------------------------------------------------------
//
// input: [N, C, d1, d2, ...] scores, in any memory format (channels-last and row-major are fast), [N, C] or [C]; C >= 1.
// target: class indices, int64, the shape of the input without C. A target that is neither in [0, C) nor ignore_index throws
// IndexError. weight: [C], or undefined for all ones; it gets no gradient.
// Pixels whose target is ignore_index have the loss 0 and the gradient 0, and the mean leaves them out:
//     mean = sum of losses / sum of weight[target] over the pixels that are not ignored;  NaN if all are ignored.

// -weight[t] * x_t. The input holds log-probabilities: the output of log_softmax over dimension 1.
Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight = {}, Reduction reduction = kMean,
                int64_t ignore_index = -100);

// nll_loss of log_softmax(input, 1), fused: the log-probabilities are never in memory. With label smoothing s:
//     (1 - s) * weight[t] * -log p_t + s / C * sum_c weight[c] * -log p_c,   p = softmax of the scores
// A floating-point target of the input's shape holds probabilities instead: sum_c weight[c] * t'_c * -log p_c with
// t' = (1 - s) * t + s / C; it gets a gradient, the mean divides by the number of pixels, and ignore_index >= 0 throws
// ValueError.
Tensor cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight = {}, Reduction reduction = kMean,
                     int64_t ignore_index = -100, double label_smoothing = 0);

// -alpha * (1 - p)^gamma * log p with log p = -cross_entropy(input, target, weight) of the pixel, weight included; no alpha: 1.
// The mean is over all pixels, the ignored ones included (their loss is 0). From the notes on U-Net training; Lin et al., 2017.
Tensor focal_loss(const Tensor& input, const Tensor& target, const Tensor& weight = {}, std::optional<double> alpha = 0.5,
                  double gamma = 2, int64_t ignore_index = -100);

// 1 - mean over classes of ((1 + b) tp + smooth) / ((1 + b) tp + b fn + fp + smooth), b = beta^2, where tp = sum of t * p,
// fp = sum of p - tp, fn = sum of t - tp over the batch and all pixels, p = softmax(input, 1). Target: one-hot (or
// probabilities), of the input's shape; or class indices, int64 [N, ...], where pixels of ignore_index are of no class: t = 0,
// but their p counts, as in the notes. From the notes on U-Net training; Milletari et al., 2016.
Tensor dice_loss(const Tensor& input, const Tensor& target, double beta = 1, double smooth = 1e-5, int64_t ignore_index = -100);

// --- Regression and probabilities: core/ops/loss.cpp ---------------------------------------------------------------------------
// Input and target broadcast; both get gradients. Differentiable twice.

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = kMean);  // (x - t)^2
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = kMean);   // |x - t|; gradient 0 at 0
// (x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2. beta >= 0, else ValueError; 0 is l1_loss.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = kMean, double beta = 1);
// (x - t)^2 / 2 where |x - t| <= delta, else delta (|x - t| - delta / 2). delta > 0, else ValueError (Huber, 1964).
Tensor huber_loss(const Tensor& input, const Tensor& target, Reduction reduction = kMean, double delta = 1);

// -weight * (t log x + (1 - t) log(1 - x)), each log no less than -100, x in [0, 1] (not checked). Input and target have one
// shape, up to dimensions of size 1; the weight broadcasts and gets no gradient. Gradient of x: weight * (x - t) / max(x (1 - x), 1e-12).
Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight = {}, Reduction reduction = kMean);
// The same of sigmoid(x), without overflow: weight * ((1 - t) x + (1 + (pos_weight - 1) t) log(1 + exp(-x))).
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight = {},
                                        Reduction reduction = kMean, const Tensor& pos_weight = {});

// t (log t - x), 0 where t = 0; with log_target exp(t) (t - x). The input holds log-probabilities.
Tensor kl_div(const Tensor& input, const Tensor& target, Reduction reduction = kMean, bool log_target = false);

// --- Distributions: core/ops/loss.cpp ------------------------------------------------------------------------------------------
//
// p and q hold the probabilities of distributions along `dim` (not checked), which the result lacks; shapes broadcast. Natural
// logarithms; 0 log 0 = 0, where p gets the gradient 0. Differentiable twice. From the notes on U-Net training:
//     kl_divergence(p, q) = distribution_cross_entropy(p, q) - entropy(p) >= 0
Tensor entropy(const Tensor& p, int64_t dim = -1);                                      // -sum p log p
Tensor distribution_cross_entropy(const Tensor& p, const Tensor& q, int64_t dim = -1);  // -sum p log q; inf where p > q = 0
Tensor kl_divergence(const Tensor& p, const Tensor& q, int64_t dim = -1);               // sum p log(p / q)

}  // namespace tessera
