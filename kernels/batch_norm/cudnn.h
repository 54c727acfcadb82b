// Batch normalisation in training by cuDNN, to compare with. Builds with cuDNN's headers alone have it. cuDNN has statistics and
// output in one call, and so both passes back; Tessera's kernels are passes of their own, since other ops use them, too.
#pragma once

#include "kernels/batch_norm/batch_norm.h"

namespace tessera::kernels::cudnn {

// BatchNormTrainingStatistics, and BatchNormForward with what they give, which is left in channels.mean and channels.invstd. Without
// ReLU.
using BatchNormTraining = void(const View& out, const View& input, const BatchNormChannels& channels, const View& running_mean,
                               const View& running_var, double momentum, double eps);
// BatchNormBackwardReduce, and BatchNormBackward with what it gives, without ReLU. All three results are always computed.
using BatchNormTrainingBackward = void(const View& grad_input, const View& sum_dy, const View& sum_dy_xhat, const View& grad_out,
                                       const View& input, const BatchNormChannels& channels);

BatchNormTraining batch_norm_training;
BatchNormTrainingBackward batch_norm_training_backward;

}  // namespace tessera::kernels::cudnn
