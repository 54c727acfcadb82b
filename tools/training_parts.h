// What a training run is made of, as its options say.
#pragma once

#include "data/loader.h"
#include "tools/datasets.h"
#include "tools/network.h"
#include "tools/train_step.h"
#include "tools/train_options.h"

namespace tessera::tools {

// The options of the stage that options.stage names. Stage 1: its number of epochs, its folder, no weights for single classes.
// Stage 2: the weights of stage 1 to start from. Others: as they are.
TrainOptions of_stage(TrainOptions options);

// Sets what all else depends on: threads, the seed of the network's first weights, the anomaly mode, the precision of float32
// products. Returns the options.
const TrainOptions& prepare(const TrainOptions& options);

// Opens the data sets, in stage 1 as background and foreground, and fills in options.data.classes and ignore_index.
DataSets open_data(TrainOptions& options);

// One a class, or nothing for all ones. Throws UsageError for a list of another length.
std::vector<float> class_weights(const TrainOptions& options, const data::Dataset& dataset);

// Of training, which shuffles, or validation.
data::LoaderOptions loader_options(const TrainOptions& options, int64_t batch_size, bool shuffle);

nn::AnyModule network_on(Device device, const NetworkConfig& config, const std::vector<std::string>& frozen);

StepOptions step_options(const DeviceOptions& options);

int64_t count_parameters(const nn::Module& module, bool trained_only);

}  // namespace tessera::tools
