#include "tools/trained_network.h"

#include "tools/weights.h"

namespace tessera::tools {

std::optional<Size> trained_size(const DataOptions& options) {
  if (options.is_shapes() || options.size.empty()) return std::nullopt;  // shapes are drawn in any size
  return parse_size("size", options.size);
}

TrainedNetwork load_trained_network(const std::string& file) {
  Checkpoint checkpoint = load_checkpoint(file);
  TrainedNetwork trained{std::move(checkpoint.network),
                         std::move(checkpoint.classes),
                         std::move(checkpoint.options),
                         std::move(checkpoint.progress),
                         {},
                         {}};
  trained.size = trained_size(trained.options.data);
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
