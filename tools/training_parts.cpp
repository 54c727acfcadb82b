#include "tools/training_parts.h"

#include <omp.h>

#include <algorithm>

#include "core/autograd.h"
#include "core/random.h"
#include "tools/command.h"
#include "tools/foreground.h"
#include "tools/freezing.h"
#include "tools/precision.h"
#include "tools/run_folder.h"

namespace tessera::tools {

TrainOptions of_stage(TrainOptions o) {
  const RunFolder first = RunFolder(o.run.output).first_stage();
  if (o.stage == 1) {
    o.run.output = first.folder();
    o.optimization.epochs = *o.run.stage_epochs;
    o.optimization.warmup_epochs = std::min(o.optimization.warmup_epochs, *o.run.stage_epochs - 1);
    if (o.loss.class_weights != "median") o.loss.class_weights = "none";
  } else if (o.stage == 2) {
    o.network.weights = first.best();
    o.network.partial = true;  // all but the last layer, which has two classes there
  }
  return o;
}

const TrainOptions& prepare(const TrainOptions& options) {
  if (options.device.threads > 0) omp_set_num_threads(static_cast<int>(options.device.threads));
  manual_seed(options.optimization.seed);
  autograd::set_detect_anomaly(options.device.detect_anomaly);
  use_precision(options.device.precision);
  return options;
}

DataSets open_data(TrainOptions& o) {
  DataSets sets = open_datasets(o.data, *o.optimization.batch_size, o.optimization.seed);
  if (o.stage != 1) return sets;
  sets.train = foreground_of(sets.train, o.run.background);
  sets.val = foreground_of(sets.val, o.run.background);
  o.data.classes = sets.train->classes().num_classes();
  o.data.ignore_index = sets.train->classes().ignore_index;
  sets.explanation += fmt::format("; here {} against the rest", sets.train->classes().names.front());
  return sets;
}

std::vector<float> class_weights(const TrainOptions& options, const data::Dataset& dataset) {
  const LossOptions& o = options.loss;
  std::vector<float> weights =
      o.class_weights == "median" ? median_frequency_weights(dataset) : parse_class_weights(o.class_weights);
  check<UsageError>(weights.empty() || static_cast<int64_t>(weights.size()) == dataset.classes().num_classes(),
                    "--class-weights: {} numbers for {} classes.", weights.size(), dataset.classes().num_classes());
  if (o.class_weights_max > 0)
    for (float& weight : weights) weight = std::min(weight, static_cast<float>(o.class_weights_max));
  return weights;
}

data::LoaderOptions loader_options(const TrainOptions& o, int64_t batch_size, bool shuffle) {
  return {.batch_size = batch_size,
          .shuffle = shuffle,
          .workers = static_cast<int>(o.loader.workers.value()),
          .drop_last = shuffle && o.loader.drop_last,
          .seed = o.optimization.seed};
}

nn::AnyModule network_on(Device device, const NetworkConfig& config, const std::vector<std::string>& frozen) {
  nn::AnyModule network = make_network(config);
  network.ptr()->to(device);
  if (device.is_cuda()) network.ptr()->to(kChannelsLast);  // as the pictures are
  freeze(*network.ptr(), frozen);
  return network;
}

StepOptions step_options(const DeviceOptions& o) {
  const Device device(o.device);
  // Looking at every result is waiting for every result.
  return {device, o.precision, o.cuda_graph && device.is_cuda() && !o.detect_anomaly};
}

int64_t count_parameters(const nn::Module& module, bool trained_only) {
  int64_t count = 0;
  for (const Tensor& parameter : module.parameters())
    if (!trained_only || parameter.requires_grad()) count += parameter.numel();
  return count;
}

}  // namespace tessera::tools
