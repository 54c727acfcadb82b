// The weight gradient as a matrix product over pixels, and how its sum is split.
//
//     grad_weight[oc, j] = sum over output pixels p of grad_out[p, oc] * input[pixel(p, j)]        j = (ky, kx, ic)
//
// M = output channels, N = kernel rows x columns x input channels, K = N x OH x OW pixels, which is long: each part of K gives a
// matrix of float32 in scratch memory, and a second launch adds the parts in order. So no atomics, and the same bits on every
// run.
//
// Both operands are read where they lie, in channels-last: a row of either tile is one pixel. Within a row of the input the
// columns (kx, ic) of one ky are adjacent in memory (without dilation and groups), whatever the channel count: so a column j is a
// pair (row, element) relative to the window's first element, and a 3-channel picture is read in runs of 3 * KW elements. Where such
// a run never begins at a multiple of the wide accesses, some columns before it are computed too, and not kept.
#pragma once

#include <optional>

#include "kernels/conv2d/conv2d.h"
#include "kernels/cuda/index.h"

namespace tessera::kernels::cuda {

struct WeightGradProblem {
  const void *input, *grad_out;
  int64_t input_picture, grad_picture;      // strides in elements, of pictures, rows and pixels
  int input_row, input_pixel, grad_row, grad_pixel;
  int height, row_elements;                 // of the input: 0 <= row < height and 0 <= element < row_elements lie inside
  int stride_y, padding_y, dilation_y;      // in rows
  int stride_x, padding_x, dilation_x;      // in elements
  int pixels;                               // K
  int m, n, groups, group_in;               // of one group
  FastDivisor picture_pixels, row_pixels;   // OH * OW, OW
  FastDivisor channels, kernel_columns;     // IC / groups, KW
  int run, lead, columns;                   // columns of one ky; columns computed before them; all columns computed, of all ky
  FastDivisor padded_run;                   // columns / KH
  int input_vector, grad_vector;            // elements that one access can take, at most 16 bytes
};

// Nothing if an operand is not channels-last (channels adjacent; pixels, rows and pictures at any distance) or too large.
std::optional<WeightGradProblem> weight_grad_problem(const View& grad_weight, const View& input, const View& grad_out,
                                                     const Conv2dParams& params);

// grad_weight = the sum of `parts` matrices [groups, m, n], in order.
void add_weight_grad_parts(const View& grad_weight, const float* parts, int count, const WeightGradProblem& problem);

// By wgmma in bfloat16, for 3x3 kernels with stride 1, and 3x3 and 4x4 kernels with stride 2; false if the arguments are others.
// cuda_weight_grad_hopper.cu
bool hopper_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params,
                        const WeightGradProblem& problem);
// The same in float32, at the highest precision with stride 1 only. cuda_weight_grad_tf32.cu
bool hopper_weight_grad_float32(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params,
                                const WeightGradProblem& problem);

}  // namespace tessera::kernels::cuda
