#include "tools/trained_network.h"

#include "tools/weights.h"

namespace tessera::tools {

namespace {

// What training did to the size of all pictures (recipes.h).
void find_sizes(TrainedNetwork& trained) {
  const DataOptions& options = trained.options.data;
  if (options.is_shapes()) return;  // they are drawn in any size
  if (options.recipe == "notes" && options.augment)
    trained.letter_box = parse_size("crop", options.crop);
  else if (!options.size.empty())
    trained.size = parse_size("size", options.size);
}

}  // namespace

TrainedNetwork load_trained_network(const std::string& file) {
  Checkpoint checkpoint = load_checkpoint(file);
  TrainedNetwork trained;
  trained.config = std::move(checkpoint.network);
  trained.classes = std::move(checkpoint.classes);
  trained.options = std::move(checkpoint.options);
  trained.progress = std::move(checkpoint.progress);
  find_sizes(trained);
  trained.module = make_network(trained.config);
  load_model(*trained.module.ptr(), checkpoint.model, file);
  return trained;
}

TrainedNetwork load_trained_network(const std::string& file, const NetworkConfig& config) {
  TrainedNetwork trained;
  trained.config = config;
  for (int64_t i = 0; i < config.classes; ++i) trained.classes.names.push_back(fmt::format("class {}", i));
  trained.classes.palette = data::voc_palette(static_cast<int>(std::min<int64_t>(config.classes, 256)));
  trained.module = make_network(config);
  take_weights(*trained.module.ptr(), config.model, file, /*partial=*/false);
  return trained;
}

}  // namespace tessera::tools
