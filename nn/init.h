// Initial values of parameters. All write in place, outside the graph, from the default generator, and return their argument.
//
// For a weight [out, in, k1, k2, ...]: fan_in = in * k1 * k2 ..., fan_out = out * k1 * k2 ....
#pragma once

#include <cstdint>
#include <utility>

#include "core/tensor.h"

namespace tessera::nn::init {

enum class FanMode { FanIn, FanOut };
enum class Nonlinearity { Linear, Conv2D, ConvTranspose2D, Sigmoid, Tanh, ReLU, LeakyReLU };

// The factor that keeps the variance through a nonlinearity: 1, tanh 5/3, relu sqrt(2), leaky_relu sqrt(2 / (1 + param^2)).
double calculate_gain(Nonlinearity nonlinearity, double param = 0.01);

// {fan_in, fan_out}; ShapeError for fewer than two dimensions.
std::pair<int64_t, int64_t> calculate_fan_in_and_fan_out(const Tensor& weight);

Tensor uniform_(Tensor tensor, double low = 0, double high = 1);
Tensor normal_(Tensor tensor, double mean = 0, double std = 1);
Tensor constant_(Tensor tensor, const Scalar& value);
Tensor ones_(Tensor tensor);
Tensor zeros_(Tensor tensor);

// He et al., 2015: variance gain^2 / fan, gain = calculate_gain(nonlinearity, a).
Tensor kaiming_uniform_(Tensor tensor, double a = 0, FanMode mode = FanMode::FanIn,
                        Nonlinearity nonlinearity = Nonlinearity::LeakyReLU);
Tensor kaiming_normal_(Tensor tensor, double a = 0, FanMode mode = FanMode::FanIn,
                       Nonlinearity nonlinearity = Nonlinearity::LeakyReLU);
// Glorot & Bengio, 2010: variance 2 gain^2 / (fan_in + fan_out).
Tensor xavier_uniform_(Tensor tensor, double gain = 1);
Tensor xavier_normal_(Tensor tensor, double gain = 1);

// The identity matrix, for a weight [out, in]; ShapeError for other ranks.
Tensor eye_(Tensor matrix);
// 1 at the centre of the window of channel c to channel c, for a weight [out, in, k1, ...] of 3 to 5 dimensions (else ShapeError);
// 0 elsewhere: a convolution that hands its input on.
Tensor dirac_(Tensor tensor);
// A random (semi-)orthogonal matrix times gain: with the dimensions behind the first taken as one, rows or columns, whichever are
// fewer, have length `gain` and are orthogonal (Saxe et al., 2014). ShapeError for fewer than two dimensions.
Tensor orthogonal_(Tensor tensor, double gain = 1);
// Normal, mean 0, with ceil(sparsity * rows) elements of each column set to 0, for a matrix; else ShapeError (Martens, 2010).
Tensor sparse_(Tensor matrix, double sparsity, double std = 0.01);

// The weight [C, C, k, k] with which a transposed convolution of stride k / 2 interpolates bilinearly: on the diagonal of the
// channels (1 - |y - c| / f) (1 - |x - c| / f) with f = (k + 1) / 2 rounded down and c = f - 1 for odd k, f - 0.5 for even; zero
// elsewhere. From the notes on FCN; Long et al., 2015. ShapeError for other shapes.
Tensor bilinear_(Tensor weight);

}  // namespace tessera::nn::init

namespace tessera {
inline constexpr auto kFanIn = nn::init::FanMode::FanIn, kFanOut = nn::init::FanMode::FanOut;
inline constexpr auto kLinear = nn::init::Nonlinearity::Linear, kConv2D = nn::init::Nonlinearity::Conv2D,
                      kConvTranspose2D = nn::init::Nonlinearity::ConvTranspose2D, kSigmoid = nn::init::Nonlinearity::Sigmoid,
                      kTanh = nn::init::Nonlinearity::Tanh, kReLU = nn::init::Nonlinearity::ReLU,
                      kLeakyReLU = nn::init::Nonlinearity::LeakyReLU;
}  // namespace tessera
